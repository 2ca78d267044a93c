"""What a user can do with security group rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from netwright.control import text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, NamedInvalidError, invalid, required
from netwright.control.world import Work
from netwright.model.errors import InvalidError
from netwright.model.ids import AddressGroupId, GroupId, RuleId
from netwright.model.intent import (
    ICMP,
    PORTED,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Prefix,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
    Rule,
    SecurityGroup,
)
from netwright.store import address_groups
from netwright.store import groups as store
from netwright.store.changes import Touched
from netwright.store.records import RuleRecord, Written

PROTOCOLS: Final = {
    "hopopt": 0, "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33,
    "ipv6-encap": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
    "icmpv6": 58, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ospf": 89, "vrrp": 112, "pgm": 113,
    "sctp": 132, "udplite": 136,
}  # fmt: skip
"""Names that the Networking API knows, and their numbers (IANA)."""
_V6_ONLY: Final = frozenset({41, 43, 44, 58, 59, 60})


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """A rule as a user asks for it. For ICMP the two ends of the range are type and code."""

    group_id: GroupId | Left = UNSET
    project_id: str | Left = UNSET
    direction: Direction | Left = UNSET
    ethertype: EtherType = EtherType.IPV4
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_prefix: Prefix | None = None
    remote_written: str | None = None
    """The prefix as the user wrote it; None: in its normal form."""
    remote_group_id: GroupId | None = None
    remote_address_group_id: AddressGroupId | None = None
    description: str | Left = UNSET

    @property
    def written(self) -> Written:
        return Written(self.protocol, self.remote_written)


def update_in(work: Work, old: Rule, description: str | Left) -> RuleRecord:
    """A rule's description is all that can change. Raises InvalidError."""
    rule = replace(old, description=text.prose(given(description, old.description), "description"))
    store.save_rule_description(work.connection, rule, work.now)
    return store.get_rule(work.connection, rule.id)


def delete_in(work: Work, rule: Rule) -> None:
    store.delete_rule(work.connection, rule.id)
    work.touch(Touched.GROUP, rule.group_id)
    touch_remote(work, rule)


def match_of(request: RuleRequest) -> Match:
    """What the rule is about. Raises InvalidError for parts that do not fit together."""
    low, high = request.port_range_min, request.port_range_max
    number = _number(request.protocol)
    if number is None:
        _refuse_range(request)
        return AnyProtocol()
    if number in _V6_ONLY and request.ethertype is EtherType.IPV4:
        raise invalid("protocol", f"{request.protocol} is not for ethertype IPv4.")
    if number in ICMP.values():
        return _icmp(low, high)
    if number not in PORTED:
        _refuse_range(request)
        return IpProtocol(number)
    if low is None and high is None:
        return IpProtocol(number)
    return _ports(number, low, high)


def create_in(work: Work, request: RuleRequest) -> RuleId:
    """One rule, as a part of a larger transaction."""
    group_id: GroupId = required(request.group_id, "security_group_id")
    rule = rule_of(work, store.without_rules(work.connection, group_id), request)
    if (twin := store.twin_of(work.connection, rule)) is not None:
        message = f"Security group rule already exists. Rule id is {twin}."
        raise NamedConflictError("SecurityGroupRuleExists", message)
    store.insert_rule(work.connection, rule, request.written, work.now)
    work.touch(Touched.GROUP, group_id)
    return rule.id


def rule_of(work: Work, group: SecurityGroup, request: RuleRequest) -> Rule:
    """A new rule of the group, which is not kept yet. Raises NotFoundError, InvalidError."""
    return Rule(
        id=RuleId(work.world.new_id()),
        group_id=group.id,
        project_id=group.project_id if request.project_id is UNSET else text.project(request.project_id),
        direction=required(request.direction, "direction"),
        ethertype=request.ethertype,
        match=match_of(request),
        remote=_remote(work, request),
        description=text.prose(given(request.description, ""), "description"),
    )


def touch_remote(work: Work, rule: Rule) -> None:
    """A plan may cease to need what the rule named, now that it goes."""
    match rule.remote:
        case RemoteGroup(group):
            work.touch(Touched.GROUP, group)
        case RemoteAddressGroup(address_group):
            work.touch(Touched.ADDRESS_GROUP, address_group)
        case _:
            pass


def _remote(work: Work, request: RuleRequest) -> Remote:
    prefix, group = request.remote_prefix, request.remote_group_id
    address_group = request.remote_address_group_id
    if sum(one is not None for one in (prefix, group, address_group)) > 1:
        message = "Only remote_ip_prefix or remote_group_id or remote_address_group_id may be provided."
        raise InvalidError(message, "remote_ip_prefix")
    if group is not None:
        return RemoteGroup(store.without_rules(work.connection, group).id)
    if address_group is not None:
        address_groups.refuse_unknown(work.connection, address_group)
        return RemoteAddressGroup(address_group)
    if prefix is None:
        return Anywhere()
    if prefix.version != request.ethertype.version:
        why = f"Conflicting value ethertype {request.ethertype} for CIDR {prefix}."
        raise NamedInvalidError("SecurityGroupRuleParameterConflict", "remote_ip_prefix", why)
    return RemotePrefix(prefix)


def _number(protocol: str | None) -> int | None:
    if protocol is None or protocol.lower() == "any":
        return None
    if protocol.lower() in PROTOCOLS:
        return PROTOCOLS[protocol.lower()]
    if protocol.isascii() and protocol.isdigit() and len(protocol) <= 3 and int(protocol) <= 255:
        return int(protocol)
    names = ", ".join(PROTOCOLS)
    raise invalid("protocol", f"{protocol[:40]!r} is not one of {names}, or a number from 0 to 255.")


def _refuse_range(request: RuleRequest) -> None:
    if request.port_range_min is not None or request.port_range_max is not None:
        raise invalid("port_range_min", f"protocol {request.protocol} has no ports.")


def _icmp(kind: int | None, code: int | None) -> Icmp:
    if kind is None and code is not None:
        why = f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing."
        raise NamedInvalidError("SecurityGroupMissingIcmpType", "port_range_max", why)
    for field, what, value in (("port_range_min", "type", kind), ("port_range_max", "code", code)):
        if value is not None and not 0 <= value <= 255:
            why = f"Invalid value for ICMP {what} ({field.replace('_', '-')}) {value}. It must be 0 to 255."
            raise NamedInvalidError("SecurityGroupInvalidIcmpValue", field, why)
    return Icmp(kind, code)


def _ports(number: int, low: int | None, high: int | None) -> PortRange:
    for field, value in (("port_range_min", low), ("port_range_max", high)):
        if value is not None and not 1 <= value <= 65535:
            raise NamedInvalidError(
                "SecurityGroupInvalidPortValue", field, f"Invalid value for port {value}."
            )
    if low is None or high is None or low > high:
        why = "For TCP/UDP protocols, port_range_min must be <= port_range_max."
        raise NamedInvalidError("SecurityGroupInvalidPortRange", "port_range_min", why)
    return PortRange(number, low, high)
