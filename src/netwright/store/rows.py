"""What every noun's file needs: conditions, stamps, and the handful of statements that are all alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeAlias

import sqlalchemy as sa

from netwright.model.intent import Address, Prefix
from netwright.store.governance_tables import NAMING
from netwright.store.records import Stamps

Row: TypeAlias = "sa.Row[*tuple[object, ...]]"
Condition: TypeAlias = "Collection[object] | sa.Select[tuple[str]] | Either | NotIn | Since"
Where: TypeAlias = "Mapping[str, Condition]"
"""Columns, and the values of which each must have one; an Either under any name that is no column's."""
Values: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Either:
    """What meets one of several conditions."""

    of: Sequence[Where]


@dataclass(frozen=True, slots=True)
class NotIn:
    """A column whose value is none of these."""

    these: sa.Select[tuple[str]]


@dataclass(frozen=True, slots=True)
class Since:
    """A column whose value is that moment or a later one."""

    moment: datetime


def conditions(table: sa.Table, where: Where) -> list[sa.ColumnElement[bool]]:
    """The SQL of a Where. A single value is compared, so that the common statements stay short."""
    return [_condition(table, name, values) for name, values in where.items()]


def _condition(table: sa.Table, name: str, values: Condition) -> sa.ColumnElement[bool]:
    if isinstance(values, Either):
        return sa.or_(sa.false(), *(sa.and_(sa.true(), *conditions(table, one)) for one in values.of))
    column = table.c[name]
    match values:
        case sa.Select():
            return column.in_(values)
        case NotIn(these):
            return column.not_in(these)
        case Since(moment):
            return column >= moment
        case _:
            return _one_of(column, values)


def _one_of(column: sa.Column[object], values: Collection[object]) -> sa.ColumnElement[bool]:
    some = [value for value in values if value is not None]
    equal = column == some[0] if len(some) == 1 else column.in_(some)
    return equal if len(some) == len(values) else sa.or_(equal, column.is_(None))


def insert(connection: sa.Connection, table: sa.Table, values: Values, now: datetime) -> None:
    connection.execute(table.insert(), {**values, "created_at": now, "updated_at": now, "revision": 0})


def save(connection: sa.Connection, table: sa.Table, values: Values, now: datetime) -> None:
    """Overwrites the row of the same id and counts its revision up."""
    statement = table.update().where(table.c.id == sa.bindparam("row_id"))
    revised = statement.values(revision=table.c.revision + 1)
    connection.execute(revised, {**values, "updated_at": now, "row_id": values["id"]})


def revise(connection: sa.Connection, table: sa.Table, row_id: str, now: datetime) -> None:
    """Counts the row's revision up, for something that belongs to it changed."""
    statement = table.update().where(table.c.id == row_id)
    connection.execute(statement.values(revision=table.c.revision + 1, updated_at=now))


def delete(connection: sa.Connection, table: sa.Table, row_id: str) -> None:
    """With its tags, and whatever else names it."""
    connection.execute(table.delete().where(table.c.id == row_id))
    for column in NAMING.get(table.name, ()):
        connection.execute(column.table.delete().where(column == row_id))


def exists(connection: sa.Connection, table: sa.Table, where: Where) -> bool:
    given = {name: value for name, values in where.items() if (value := _single(values)) is not None}
    if len(given) == len(where):
        return connection.execute(_existing(table, tuple(given)), given).first() is not None
    statement = sa.select(sa.literal(1)).where(*conditions(table, where)).limit(1)
    return connection.execute(statement).first() is not None


def _single(values: Condition) -> object:
    """The one value that is wanted; None where that is none, or a condition of another kind."""
    return values[0] if isinstance(values, tuple) and len(values) == 1 else None


@lru_cache(maxsize=256)
def _existing(table: sa.Table, names: tuple[str, ...]) -> sa.Select[int]:
    """Making a statement takes three times as long as SQLite does to answer it."""
    same = (table.c[name] == sa.bindparam(name) for name in names)
    return sa.select(sa.literal_column("1", sa.Integer)).where(*same).limit(sa.literal_column("1"))


def count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def stamps(row: Row) -> Stamps:
    return Stamps(row.created_at, row.updated_at, row.revision)


def address_or_none(text: str | None) -> Address | None:
    return None if text is None else ip_address(text)


@lru_cache(maxsize=4096)
def prefix(text: str) -> Prefix:
    """Parsed; the same ones are read often."""
    return ip_network(text)


def text_or_none(value: Address | Prefix | None) -> str | None:
    return None if value is None else str(value)
