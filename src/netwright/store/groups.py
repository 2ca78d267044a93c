"""Security groups and their rules as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import AddressGroupId, GroupId, PortId, ProjectId, RuleId
from netwright.model.intent import (
    ICMP,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
    Revocation,
    Rule,
    SecurityGroup,
)
from netwright.store import rows
from netwright.store.records import GroupRecord, RuleRecord, Written
from netwright.store.tables import groups, port_groups, rules

_RULES: Final = (
    sa.select(rules, groups.c.is_default)
    .join(groups, rules.c.group_id == groups.c.id)
    .order_by(rules.c.created_at, rules.c.id)
)
_MEANING: Final = (
    "group_id",
    "direction",
    "ethertype",
    "protocol_number",
    "port_range_min",
    "port_range_max",
    "remote_group_id",
    "remote_address_group_id",
)
"""The columns that say what a rule lets through, and in which group: a prefix is kept as it was written."""


def insert(connection: sa.Connection, group: SecurityGroup, now: datetime, *, is_default: bool) -> None:
    """The group without its rules."""
    rows.insert(connection, groups, {**_values(group), "is_default": is_default}, now)


def save(connection: sa.Connection, group: SecurityGroup, now: datetime) -> None:
    rows.save(connection, groups, _values(group), now)


def delete(connection: sa.Connection, group: GroupId) -> None:
    """With its rules, and those of others that name it as their remote."""
    rows.delete(connection, groups, group)


def get(connection: sa.Connection, group: GroupId) -> GroupRecord:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (group,)}):
        return record
    raise NotFoundError("SecurityGroup", group)


def without_rules(connection: sa.Connection, group: GroupId) -> SecurityGroup:
    """Raises NotFoundError."""
    for row in rows.oldest_first(connection, groups, {"id": (group,)}):
        return _record(row, ()).value
    raise NotFoundError("SecurityGroup", group)


def find(connection: sa.Connection, where: rows.Where) -> list[GroupRecord]:
    """The groups that match, oldest first, with their rules."""
    theirs: dict[str, list[RuleRecord]] = {}
    for row in rows.found(connection, _RULES, groups, where):
        theirs.setdefault(row.group_id, []).append(_rule_record(row))
    return [_record(row, theirs.get(row.id, ())) for row in rows.oldest_first(connection, groups, where)]


def default_of(connection: sa.Connection, project: ProjectId) -> GroupId | None:
    found = rows.default_of(connection, groups, project)
    return None if found is None else GroupId(found)


def existing(connection: sa.Connection, wanted: Sequence[GroupId]) -> frozenset[GroupId]:
    """Those of the ids that are there."""
    statement = sa.select(groups.c.id).where(*rows.conditions(groups, {"id": wanted}))
    return frozenset(connection.execute(statement).scalars())


def are_mixed(connection: sa.Connection, wanted: Sequence[GroupId]) -> bool:
    """Whether some of them are stateful and others are not."""
    kinds = sa.select(groups.c.stateful).where(groups.c.id.in_(wanted)).distinct()
    return len(connection.execute(kinds).all()) > 1


def ports_of(connection: sa.Connection, group: GroupId) -> frozenset[PortId]:
    statement = sa.select(port_groups.c.port_id).where(port_groups.c.group_id == group)
    return frozenset(connection.execute(statement).scalars())


def twin_of(connection: sa.Connection, rule: Rule) -> RuleId | None:
    """A rule of the same group that says the same."""
    values = _rule_values(rule, Written(None))
    for record in find_rules(connection, {name: (values[name],) for name in _MEANING}):
        if record.value.remote == rule.remote:
            return record.value.id
    return None


def insert_rule(connection: sa.Connection, rule: Rule, written: Written, now: datetime) -> None:
    rows.insert(connection, rules, _rule_values(rule, written), now)


def save_rule_description(connection: sa.Connection, rule: Rule, now: datetime) -> None:
    rows.save(connection, rules, {"id": rule.id, "description": rule.description}, now)


def delete_rule(connection: sa.Connection, rule: RuleId) -> None:
    rows.delete(connection, rules, rule)


def get_rule(connection: sa.Connection, rule: RuleId) -> RuleRecord:
    """Raises NotFoundError."""
    for record in find_rules(connection, {"id": (rule,)}):
        return record
    raise NotFoundError("SecurityGroupRule", rule)


def find_rules(connection: sa.Connection, where: rows.Where) -> list[RuleRecord]:
    """The rules that match, oldest first."""
    return [_rule_record(row) for row in rows.found(connection, _RULES, rules, where)]


def _record(row: rows.Row, theirs: Sequence[RuleRecord]) -> GroupRecord:
    group = SecurityGroup(
        id=GroupId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        stateful=row.stateful,
        rules=tuple(record.value for record in theirs),
        revocation=Revocation(row.revocation),
    )
    return GroupRecord(group, rows.stamps(row), tuple(theirs), row.is_default)


def _values(group: SecurityGroup) -> Mapping[str, object]:
    return {
        "id": group.id,
        "project_id": group.project_id,
        "name": group.name,
        "description": group.description,
        "stateful": group.stateful,
        "revocation": group.revocation.value,
    }


def _rule_values(rule: Rule, written: Written) -> Mapping[str, object]:
    number, low, high = _numbers(rule.match, rule.ethertype)
    return {
        "id": rule.id,
        "group_id": rule.group_id,
        "project_id": rule.project_id,
        "direction": rule.direction.value,
        "ethertype": rule.ethertype.value,
        "protocol": written.protocol,
        "protocol_number": number,
        "port_range_min": low,
        "port_range_max": high,
        "remote_prefix": (written.prefix or str(rule.remote.prefix))
        if isinstance(rule.remote, RemotePrefix)
        else None,
        "remote_group_id": rule.remote.group if isinstance(rule.remote, RemoteGroup) else None,
        "remote_address_group_id": rule.remote.address_group
        if isinstance(rule.remote, RemoteAddressGroup)
        else None,
        "description": rule.description,
    }


def _numbers(match: Match, ethertype: EtherType) -> tuple[int | None, int | None, int | None]:
    """Protocol and both ends of the range, as the Networking API has them."""
    match match:
        case AnyProtocol():
            return None, None, None
        case IpProtocol(number):
            return number, None, None
        case PortRange(number, first, last):
            return number, first, last
        case Icmp(kind, code):
            return ICMP[ethertype], kind, code


def _rule_record(row: rows.Row) -> RuleRecord:
    ethertype = EtherType(row.ethertype)
    rule = Rule(
        id=RuleId(row.id),
        group_id=GroupId(row.group_id),
        project_id=ProjectId(row.project_id),
        direction=Direction(row.direction),
        ethertype=ethertype,
        match=_match(row, ethertype),
        remote=_remote(row),
        description=row.description,
    )
    return RuleRecord(rule, rows.stamps(row), Written(row.protocol, row.remote_prefix), row.is_default)


def _match(row: rows.Row, ethertype: EtherType) -> Match:
    if row.protocol_number is None:
        return AnyProtocol()
    if row.protocol_number == ICMP[ethertype]:
        return Icmp(row.port_range_min, row.port_range_max)
    if row.port_range_min is None:
        return IpProtocol(row.protocol_number)
    return PortRange(row.protocol_number, row.port_range_min, row.port_range_max)


def _remote(row: rows.Row) -> Remote:
    if row.remote_prefix is not None:
        return RemotePrefix(ip_network(row.remote_prefix, strict=False))
    if row.remote_address_group_id is not None:
        return RemoteAddressGroup(AddressGroupId(row.remote_address_group_id))
    return Anywhere() if row.remote_group_id is None else RemoteGroup(GroupId(row.remote_group_id))
