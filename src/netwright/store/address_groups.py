"""Address groups as rows: their prefixes are rows of another table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import AddressGroupId, GroupId, ProjectId
from netwright.model.intent import AddressGroup, Prefix
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.tables import address_group_prefixes, address_groups, rules

_PREFIXES: Final = sa.select(address_group_prefixes).join(address_groups)


def insert(connection: sa.Connection, group: AddressGroup, now: datetime) -> None:
    """The group and its prefixes."""
    rows.insert(connection, address_groups, _values(group), now)
    add(connection, group.id, group.prefixes)


def save(connection: sa.Connection, group: AddressGroup, now: datetime) -> None:
    """All but its prefixes (`add`, `remove`)."""
    rows.save(connection, address_groups, _values(group), now)


def add(connection: sa.Connection, group: AddressGroupId, prefixes: Collection[Prefix]) -> None:
    """Prefixes that are not in the group."""
    listed = [{"address_group_id": group, "prefix": str(prefix)} for prefix in prefixes]
    if listed:
        connection.execute(address_group_prefixes.insert(), listed)


def remove(connection: sa.Connection, group: AddressGroupId, prefixes: Collection[Prefix]) -> None:
    table = address_group_prefixes.c
    one = (table.address_group_id == group) & (table.prefix == sa.bindparam("gone"))
    if prefixes:
        gone = [{"gone": str(prefix)} for prefix in prefixes]
        connection.execute(address_group_prefixes.delete().where(one), gone)


def delete(connection: sa.Connection, group: AddressGroupId) -> None:
    rows.delete(connection, address_groups, group)


def get(connection: sa.Connection, group: AddressGroupId) -> Record[AddressGroup]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (group,)}):
        return record
    raise NotFoundError("AddressGroup", group)


def refuse_unknown(connection: sa.Connection, group: AddressGroupId) -> None:
    """Raises NotFoundError."""
    if not rows.exists(connection, address_groups, {"id": (group,)}):
        raise NotFoundError("AddressGroup", group)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[AddressGroup]]:
    """The address groups that match, oldest first."""
    theirs: dict[str, list[Prefix]] = {}
    for row in rows.found(connection, _PREFIXES, address_groups, where):
        theirs.setdefault(row.address_group_id, []).append(rows.prefix(row.prefix))
    found = rows.oldest_first(connection, address_groups, where)
    return [Record(_address_group(row, theirs.get(row.id, ())), rows.stamps(row)) for row in found]


def naming(connection: sa.Connection, group: AddressGroupId) -> frozenset[GroupId]:
    """The security groups with a rule whose remote it is."""
    statement = sa.select(rules.c.group_id).where(rules.c.remote_address_group_id == group)
    return frozenset(map(GroupId, connection.execute(statement.distinct()).scalars()))


def in_order(prefixes: Collection[Prefix]) -> tuple[Prefix, ...]:
    """Each once, IPv4's before IPv6's."""
    return tuple(
        sorted(set(prefixes), key=lambda one: (one.version, int(one.network_address), one.prefixlen))
    )


def _values(group: AddressGroup) -> Mapping[str, object]:
    return {
        "id": group.id,
        "project_id": group.project_id,
        "name": group.name,
        "description": group.description,
    }


def _address_group(row: rows.Row, prefixes: Collection[Prefix]) -> AddressGroup:
    return AddressGroup(
        id=AddressGroupId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        prefixes=in_order(prefixes),
    )
