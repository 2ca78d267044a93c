"""Tags: texts on things of any kind, told apart by the things' ids alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.store.tables import tags

_FEW: Final = 500
_ALL: Final = sa.select(tags.c.resource_id, tags.c.tag).order_by(tags.c.tag)
_OF_SOME: Final = _ALL.where(tags.c.resource_id.in_(sa.bindparam("ids", expanding=True)))


def of(connection: sa.Connection, ids: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The tags of each that has any, in the order of the alphabet."""
    few = len(ids) <= _FEW
    found: dict[str, list[str]] = {}
    for resource, tag in connection.execute(_OF_SOME if few else _ALL, {"ids": list(ids)} if few else {}):
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
