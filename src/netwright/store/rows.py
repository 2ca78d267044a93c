"""What every noun's file needs: conditions, stamps, and the handful of statements that are all alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final, TypeAlias, TypeVarTuple

import sqlalchemy as sa

from netwright.model.intent import Address, Prefix
from netwright.store.governance_tables import NAMING
from netwright.store.records import Stamps

Row: TypeAlias = "sa.Row[*tuple[object, ...]]"
Condition: TypeAlias = "Collection[object] | sa.Select[tuple[str]] | Either | NotIn | Since"
Where: TypeAlias = "Mapping[str, Condition]"
"""Columns, and the values of which each must have one; an Either under any name that is no column's."""
Values: TypeAlias = Mapping[str, object]
Rows: TypeAlias = "sa.Select[*tuple[Any, ...]]"  # of whatever columns
Found: TypeAlias = "sa.CursorResult[*tuple[Any, ...]]"  # the same
Columns = TypeVarTuple("Columns")
_FEW: Final = 500


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


def few(column: str, wanted: Collection[object]) -> Where:
    """That the column is one of these; nothing to ask where they are many: to read all costs no more then,
    and SQLite takes 32,766 parameters.
    """
    return {column: tuple(wanted)} if len(wanted) <= _FEW else {}


def insert(connection: sa.Connection, table: sa.Table, values: Values, now: datetime) -> None:
    connection.execute(_insertion(table), {**values, "created_at": now, "updated_at": now, "revision": 0})


def save(connection: sa.Connection, table: sa.Table, values: Values, now: datetime) -> None:
    """Overwrites the row of the same id and counts its revision up."""
    connection.execute(_revision(table), {**_keyed(values), "updated_at": now})


def fill(connection: sa.Connection, table: sa.Table, values: Values) -> None:
    """Completes a row that the same transaction made: no new revision."""
    connection.execute(_change(table), _keyed(values))


def _keyed(values: Values) -> Values:
    """To change the row of that id; to write the id again would have all that refers to it looked for."""
    return {"row_id" if name == "id" else name: value for name, value in values.items()}


def delete(connection: sa.Connection, table: sa.Table, row_id: str) -> None:
    """With its tags, and whatever else names it."""
    connection.execute(_deletion(table), {"row_id": row_id})
    for column in NAMING.get(table.name, ()):
        connection.execute(_naming(column), {"row_id": row_id})


def exists(connection: sa.Connection, table: sa.Table, where: Where) -> bool:
    return found(connection, _existing(table), table, where).first() is not None


def found(
    connection: sa.Connection, statement: sa.Select[*Columns], table: sa.Table, where: Where
) -> sa.CursorResult[*Columns]:
    """What the statement, which is always the same object, gives of the table's rows that match.

    Making a statement takes three times as long as SQLite does to answer it: those that ask for values alone
    are made once.
    """
    parted = {name: _parted(values) for name, values in where.items()}
    asked = tuple((name, part[0]) for name, part in parted.items() if part is not None)
    if len(asked) != len(where):
        return connection.execute(statement.where(*conditions(table, where)))
    given = {name: part[1] for name, part in parted.items() if part is not None and part[1] is not None}
    return connection.execute(_matching(statement, table, asked), given)


class _Asked(Enum):
    """What is asked of a column."""

    NULL = "to be null"
    ONE = "to be a value"
    SOME = "to be one of some values"


def _parted(values: Condition) -> tuple[_Asked, object] | None:
    """What is asked, and the values; None where that needs a statement of its own."""
    if not isinstance(values, tuple | list | set | frozenset):
        return None
    if len(values) != 1:
        return None if None in values else (_Asked.SOME, list(values))
    (one,) = values
    return (_Asked.NULL, None) if one is None else (_Asked.ONE, one)


def oldest_first(connection: sa.Connection, table: sa.Table, where: Where) -> Found:
    """The table's rows that match; in no order where it does not know their age."""
    return found(connection, _every(table), table, where)


def default_of(connection: sa.Connection, table: sa.Table, project: str) -> str | None:
    """The id of the one that is the project's default."""
    default: str | None = found(connection, _default(table), table, {"project_id": (project,)}).scalar()
    return default


@lru_cache(maxsize=1024)
def _matching(statement: Rows, table: sa.Table, asked: tuple[tuple[str, _Asked], ...]) -> Rows:
    return statement.where(*(_asks(name, table.c[name], what) for name, what in asked))


def _asks(name: str, column: sa.Column[object], what: _Asked) -> sa.ColumnElement[bool]:
    match what:
        case _Asked.NULL:
            return column.is_(None)
        case _Asked.ONE:
            return column == sa.bindparam(name)
        case _Asked.SOME:
            return column.in_(sa.bindparam(name, expanding=True))


@lru_cache(maxsize=256)
def _every(table: sa.Table) -> Rows:
    return sa.select(table).order_by(*(table.c[name] for name in ("created_at", "id") if name in table.c))


@lru_cache(maxsize=256)
def _default(table: sa.Table) -> Rows:
    """SQLite takes the index of defaults only where they are asked for as the index has them."""
    return sa.select(table.c.id).where(sa.text(f"{table.name}.is_default"))


@lru_cache(maxsize=256)
def _existing(table: sa.Table) -> Rows:
    return sa.select(sa.literal_column("1", sa.Integer)).select_from(table).limit(sa.literal_column("1"))


@lru_cache(maxsize=256)
def _insertion(table: sa.Table) -> sa.Insert:
    return table.insert()


@lru_cache(maxsize=256)
def _revision(table: sa.Table) -> sa.Update:
    return _change(table).values(revision=table.c.revision + 1)


@lru_cache(maxsize=256)
def _change(table: sa.Table) -> sa.Update:
    return table.update().where(table.c.id == sa.bindparam("row_id"))


@lru_cache(maxsize=256)
def _deletion(table: sa.Table) -> sa.Delete:
    return table.delete().where(table.c.id == sa.bindparam("row_id"))


@lru_cache(maxsize=256)
def _naming(column: sa.Column[str]) -> sa.Delete:
    return column.table.delete().where(column == sa.bindparam("row_id"))


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
