"""One page of a table's rows in an order, found by the database: its cost is the page's, not the table's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from netwright.store import rows
from netwright.store.rows import Where

Order = Sequence[tuple[str, bool]]
"""Columns, and whether the largest comes first; null is smallest of all."""


@dataclass(frozen=True, slots=True)
class Page:
    order: Order
    limit: int | None
    marker: str | None = None
    """The id of the row before the page, or, backwards, of the one behind it."""
    backwards: bool = False


class NoSuchMarkerError(Exception):
    """There is no such row."""


def ids(connection: sa.Connection, table: sa.Table, where: Where, page: Page) -> list[str]:
    """The ids of the page, in the order of the list. Raises NoSuchMarkerError."""
    order = _whole(page)
    wanted = rows.conditions(table, where)
    if page.marker is not None:
        wanted.append(sa.or_(*_behind(table, order, _marker(connection, table, order, page.marker))))
    order_by = (_by(table.c[name], down) for name, down in order)
    statement = sa.select(table.c.id).where(*wanted).order_by(*order_by).limit(page.limit)
    found = list(connection.execute(statement).scalars())
    return found[::-1] if page.backwards else found


def _whole(page: Page) -> Order:
    """With the id at its end, so that no two rows are equal, and turned round where one walks backwards."""
    order = page.order if any(name == "id" for name, _ in page.order) else (*page.order, ("id", False))
    return [(name, down is not page.backwards) for name, down in order]


def _marker(connection: sa.Connection, table: sa.Table, order: Order, marker: str) -> Sequence[object]:
    statement = sa.select(*(table.c[name] for name, _ in order)).where(table.c.id == marker)
    found = connection.execute(statement).first()
    if found is None:
        raise NoSuchMarkerError(marker)
    return tuple(found)


def _behind(table: sa.Table, order: Order, marker: Sequence[object]) -> Iterator[sa.ColumnElement[bool]]:
    """Equal in the first columns, and behind in the next one."""
    same: list[sa.ColumnElement[bool]] = []
    for (name, down), value in zip(order, marker, strict=True):
        column = table.c[name]
        yield sa.and_(*same, _is_behind(column, value, down=down))
        same.append(column.is_(None) if value is None else column == value)


def _is_behind(column: sa.Column[object], value: object, *, down: bool) -> sa.ColumnElement[bool]:
    if value is None:
        return sa.false() if down else column.is_not(None)
    if not down:
        return column > value
    return sa.or_(column < value, column.is_(None)) if column.nullable else column < value


def _by(column: sa.Column[object], down: bool) -> sa.ColumnElement[object]:  # noqa: FBT001 - a pair's half
    ordered = column.desc() if down else column.asc()
    if not column.nullable:
        return ordered
    return ordered.nulls_last() if down else ordered.nulls_first()
