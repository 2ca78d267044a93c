"""What new security groups let through from the beginning."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Final

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError
from netwright.control.rules import RuleRequest, match_of
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import Direction, EtherType, SecurityGroup
from netwright.model.kinds import refused
from netwright.model.resources.default_rules import PARENT
from netwright.store import documents, rows
from netwright.store.governance_tables import default_rules
from netwright.store.tables import address_groups, groups

_REMOTES: Final = ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")
_USES: Final = ("used_in_default_sg", "used_in_non_default_sg")
_MEANING: Final = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", *_REMOTES)


def check(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError for what no rule can be, ConflictError for what is there already."""
    del old, caller
    protocol = values["protocol"]
    values = {**values, "protocol": None if protocol is None else str(protocol)}
    remotes = [name for name in _REMOTES if values[name] is not None]
    if len(remotes) > 1:
        raise InvalidError(f"Only one of {', '.join(_REMOTES)} may be provided.", remotes[0])
    match_of(_request(values))
    _refuse_unknown(work, values)
    meaning = {name: (values[name],) for name in _MEANING if values[name] is not None}
    for other in documents.find(work.connection, default_rules, meaning):
        same = all(other[name] == values[name] for name in _MEANING)
        if same and any(other[name] and values[name] for name in _USES):
            message = f"Default Security group rule already exists. Rule id is {other['id']}."
            raise NamedConflictError("DefaultSecurityGroupRuleExists", message)
    return values


def requests_for(connection: sa.Connection, group: SecurityGroup, *, is_default: bool) -> list[RuleRequest]:
    """The rules that the new group is to have; those are left out whose remote is gone."""
    use = _USES[0] if is_default else _USES[1]
    found = [row for row in documents.find(connection, default_rules, {}) if row[use]]
    return [_request(row, group) for row in found if _missing(connection, row) is None]


def _request(values: Values, group: SecurityGroup | None = None) -> RuleRequest:
    prefix, remote = values["remote_ip_prefix"], values["remote_group_id"]
    if remote == PARENT and group is not None:
        remote = group.id
    address_group = values["remote_address_group_id"]
    low, high = values["port_range_min"], values["port_range_max"]
    request = RuleRequest(
        direction=Direction(str(values["direction"])),
        ethertype=EtherType(str(values["ethertype"])),
        protocol=None if values["protocol"] is None else str(values["protocol"]),
        port_range_min=low if isinstance(low, int) else None,
        port_range_max=high if isinstance(high, int) else None,
        remote_prefix=None if prefix is None else ip_network(str(prefix)),
        remote_group_id=None if remote is None else GroupId(str(remote)),
        remote_address_group_id=None if address_group is None else AddressGroupId(str(address_group)),
    )
    return request if group is None else replace(request, group_id=group.id, project_id=group.project_id)


def _refuse_unknown(work: Work, values: Values) -> None:
    prefix = values["remote_ip_prefix"]
    if prefix is not None and ip_network(str(prefix)).version != EtherType(str(values["ethertype"])).version:
        raise refused("remote_ip_prefix", f"{prefix} is not {values['ethertype']}.")
    missing = _missing(work.connection, values)
    if missing is not None:
        raise missing


def _missing(connection: sa.Connection, values: Values) -> NotFoundError | None:
    """What it names and is not there."""
    group, address_group = values["remote_group_id"], values["remote_address_group_id"]
    if group not in {None, PARENT} and not rows.exists(connection, groups, {"id": (group,)}):
        return NotFoundError("SecurityGroup", str(group))
    if address_group is not None and not rows.exists(connection, address_groups, {"id": (address_group,)}):
        return NotFoundError("AddressGroup", str(address_group))
    return None
