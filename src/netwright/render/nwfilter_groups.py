"""Security groups as libvirt filters, and each port's own filter, which takes in its groups'.

A filter says what it has words for. Where it has none (a member of another group by protocol, a protocol
beyond TCP, UDP, SCTP and ICMP) it lets through more than the rule, and the group's nftables chains, which
the engine keeps beside it, say the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from netwright.model.host import PortBinding
from netwright.model.ids import GroupId, LinkName, Mac, PortId, port_link_name
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
    Prefix,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.nwfilter import OURS, PORT_MARK
from netwright.model.plan import GroupItem, PortItem, RulePlan
from netwright.render.firewall_ports import bound_prefixes
from netwright.render.nwfilter import ANY_STATE, Fields, Filters, NwReference, NwRule, nwfilter
from netwright.render.nwfilter_base import DISCOVERY
from netwright.render.xt import ANY_ICMP

_WAY: Final = {Direction.INGRESS: "in", Direction.EGRESS: "out"}
_OVER: Final = {EtherType.IPV4: "", EtherType.IPV6: "-ipv6"}
_ICMP: Final = {EtherType.IPV4: "icmp", EtherType.IPV6: "icmpv6"}
_WORDS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
_UNTRACKED: Final = frozenset({130, 131, 132, 133, 134, 135, 136, 143})
"""ICMPv6 types that conntrack leaves alone: no state matches them (nf_conntrack_proto_icmpv6.c)."""
_LEFT: Final = {way: sorted(_UNTRACKED - set(types)) for way, types in DISCOVERY.items()}
"""Those of them that a port may not always send or get."""
_KNOWN, _RULE, _HELD, _REST, _LAST = 100, 500, 900, 910, 1000
"""Priorities: connections that began before, rules, then nothing of what has a word, the rest, nothing."""

Words = tuple[str, Fields]
"""A protocol's element, and its attributes."""


def group_filter(group: GroupItem) -> Filters:
    """`netwright-secgroup-<id>`. Its last rules drop, and show by their mark that it is in force."""
    rules: list[NwRule] = []
    if group.stateful:
        known = {"state": "ESTABLISHED,RELATED"}
        rules += [NwRule("accept", "inout", _KNOWN, f"all{over}", known) for over in _OVER.values()]
    for rule in sorted(set(group.rules), key=str):
        rules += [made for made in _accept(rule) if made not in rules]
    return nwfilter(_secgroup(group.id), [*rules, *_drop_all()])


def port_filter(port: PortItem) -> Filters:
    """`netwright-instance-<id>`: what is the guest's own, its groups, and then nothing."""
    macs = [("GUESTMAC", mac) for mac in bound_prefixes(port)]
    references = [NwReference("base", macs), *_own(port)]
    references += [NwReference(_secgroup(group)) for group in sorted(set(port.groups))]
    return nwfilter(_instance(port.id), _drop_all(), references, kind=PORT_MARK)


def port_binding(port: PortItem) -> dict[LinkName, PortBinding]:
    """The port's filter on its link."""
    name = port_filter_name(port.id)
    return {port_link_name(port.id): PortBinding(port_filter(port)[name].mark, name, port.mac)}


def group_filter_name(group: GroupId) -> str:
    return OURS + _secgroup(group)


def port_filter_name(port: PortId) -> str:
    return OURS + _instance(port)


def _secgroup(group: GroupId) -> str:
    return f"secgroup-{group}"


def _instance(port: PortId) -> str:
    return f"instance-{port}"


def _drop_all() -> list[NwRule]:
    return [NwRule("drop", "inout", _LAST, f"all{over}", {}) for over in _OVER.values()]


def _own(port: PortItem) -> Iterable[NwReference]:
    """The MACs and prefixes that may be seen together, as lists of equal length."""
    for version, names in ((4, ("own-ipv4", "own-arp")), (6, ("own-ipv6",))):
        parameters: list[tuple[str, str]] = []
        for mac, prefixes in bound_prefixes(port).items():
            for prefix in prefixes:
                if prefix.version == version:
                    parameters += _owned(mac, prefix)
        if parameters:
            yield from (NwReference(name, parameters) for name in names)


def _owned(mac: Mac, prefix: Prefix) -> Iterable[tuple[str, str]]:
    for part in _halves(prefix):
        yield f"MAC{part.version}", mac
        yield f"IP{part.version}", str(part.network_address)
        yield f"MASK{part.version}", str(part.prefixlen)


def _halves(prefix: Prefix) -> Iterable[Prefix]:
    """Everything in two halves: ebtables takes a mask of no bits for no mask."""
    return prefix.subnets() if prefix.prefixlen == 0 else (prefix,)


def _accept(rule: RulePlan) -> Iterable[NwRule]:
    way = _WAY[rule.direction]
    remote = _remote(rule.direction, rule.remote)
    words = _words(rule.ethertype, rule.match)
    if words is None:
        yield from _beyond(rule, remote)
        return
    protocol, match = words
    yield NwRule("accept", way, _RULE, protocol, {**remote, "state": ANY_STATE, **match})
    for kind in _untracked(rule):
        yield NwRule("accept", way, _RULE, "icmpv6", {**remote, "type": kind}, tracked=False)


def _beyond(rule: RulePlan, remote: Fields) -> Iterable[NwRule]:
    """A protocol without a word passes with all of its kind; the nftables chains tell them apart."""
    over = _OVER[rule.ethertype]
    for word in (*(f"{word}{over}" for word in _WORDS.values()), _ICMP[rule.ethertype]):
        yield NwRule("drop", "inout", _HELD, word, {})
    yield NwRule("accept", _WAY[rule.direction], _REST, f"all{over}", {**remote, "state": ANY_STATE})


def _remote(direction: Direction, remote: Remote) -> Fields:
    """Who is in a group is the nftables chains' to tell: libvirt has sets for no rule but `all`."""
    end = "src" if direction is Direction.INGRESS else "dst"
    match remote:
        case Anywhere() | RemoteGroup() | RemoteAddressGroup():
            return {}
        case RemotePrefix(prefix) if prefix.prefixlen:
            return {f"{end}ipaddr": str(prefix.network_address), f"{end}ipmask": prefix.prefixlen}
        case RemotePrefix():
            return {}
        case _:
            assert_never(remote)


def _words(ethertype: EtherType, match: Match) -> Words | None:
    """None where nwfilter has no word for it."""
    over = _OVER[ethertype]
    match match:
        case AnyProtocol():
            return f"all{over}", {}
        case IpProtocol(number) if number == ICMP[ethertype]:
            return _ICMP[ethertype], {}
        case IpProtocol(number):
            return (f"{_WORDS[number]}{over}", {}) if number in _WORDS else None
        case PortRange(number, first, last):
            ports: Fields = {"dstportstart": first, "dstportend": last}
            return (f"{_WORDS[number]}{over}", ports) if number in _WORDS else None
        case Icmp(kind, code):
            return _ICMP[ethertype], _icmp(kind, code)
        case _:
            assert_never(match)


def _icmp(kind: int | None, code: int | None) -> Fields:
    if kind is None or kind == ANY_ICMP:
        return {}
    return {"type": kind} if code is None else {"type": kind, "code": code}


def _untracked(rule: RulePlan) -> Iterable[int]:
    if rule.ethertype is EtherType.IPV4:
        return ()
    left = _LEFT[_WAY[rule.direction]]
    match rule.match:
        case AnyProtocol() | IpProtocol(58) | Icmp(None):
            return left
        case Icmp(kind) if kind in left:
            return (kind,)
        case _:
            return ()
