"""Tags: texts on things of any kind, told apart by the things' ids alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.store import rows
from netwright.store.governance_tables import tags

_ALL: Final = sa.select(tags.c.resource_id, tags.c.tag).order_by(tags.c.tag)


def of(connection: sa.Connection, ids: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The tags of each that has any, in the order of the alphabet."""
    found: dict[str, list[str]] = {}
    for resource, tag in rows.found(connection, _ALL, tags, rows.few("resource_id", ids)).all():
        found.setdefault(resource, []).append(tag)
    return found


def add(connection: sa.Connection, resource: str, wanted: Collection[str]) -> None:
    """Those that it does not have yet."""
    new = sorted(set(wanted) - set(of(connection, (resource,)).get(resource, ())))
    if new:
        connection.execute(tags.insert(), [{"resource_id": resource, "tag": tag} for tag in new])


def remove(connection: sa.Connection, resource: str, tag: str | None = None) -> bool:
    """That tag, or all; whether there was one."""
    gone = tags.delete().where(tags.c.resource_id == resource)
    return connection.execute(gone if tag is None else gone.where(tags.c.tag == tag)).rowcount > 0


def with_any(wanted: Collection[str]) -> sa.Select[tuple[str]]:
    """The ids of what has one of the tags, as a statement."""
    return sa.select(tags.c.resource_id).where(tags.c.tag.in_(list(wanted))).distinct()


def with_all(wanted: Collection[str]) -> sa.Select[tuple[str]]:
    """The ids of what has each of the tags, as a statement."""
    counted = sa.func.count() == len(set(wanted))
    having = sa.select(tags.c.resource_id).where(tags.c.tag.in_(list(wanted)))
    return having.group_by(tags.c.resource_id).having(counted)
