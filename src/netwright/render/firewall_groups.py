"""Security groups as shared chains: one per group and direction, its members in address sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from netwright.model.host import Traits
from netwright.model.ids import AddressGroupId, GroupId, LogId
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
    ethertype_of,
)
from netwright.model.plan import AddressGroupItem, GroupItem, RulePlan
from netwright.render.address_groups import collapsed
from netwright.render.firewall_logs import (
    WAY,
    accepted_chain,
    dropped_chain,
    group_logs,
    port_logs,
    port_logs_chain,
)
from netwright.render.nft import BRIDGE, Nft, chain, element, movable_chain, named_set, prefix_text
from netwright.render.tags import digest_of, tag_movable

_PORTED = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
_ICMP = {EtherType.IPV4: "icmp", EtherType.IPV6: "icmpv6"}
_WORD = {EtherType.IPV4: "ip", EtherType.IPV6: "ip6"}
_ANY = {EtherType.IPV4: "0.0.0.0/0", EtherType.IPV6: "::/0"}


def group_chain(direction: Direction, group: GroupId) -> str:
    return f"{WAY[direction]}-{group}"


def ports_chain(direction: Direction, groups: Sequence[GroupId], logs: Sequence[LogId] = ()) -> str:
    """The chain that all ports with these groups, and these logs of their own, share."""
    return f"{WAY[direction]}-of-{digest_of([*groups, *logs])}"


def members_set(ethertype: EtherType, group: GroupId) -> str:
    return f"m{ethertype.version}-{group}"


def prefixes_set(ethertype: EtherType, group: AddressGroupId) -> str:
    return f"n{ethertype.version}-{group}"


def group_firewall(group: GroupItem, traits: Traits) -> Nft:
    """The group's chains, its member sets, the sets that its rules name, and its logs."""
    parts: Nft = members_sets(group.id) | ({} if group.stateful else asking())
    for rule in group.rules:
        parts |= _named(rule.remote)
    for direction in Direction:
        parts |= group_logs(group, direction, traits)
        rules = {_said(group, rule) for rule in group.rules if rule.direction is direction}
        # Stateless groups are asked for every packet; the others only for the first of a connection.
        known = ("jump known",) if group.stateful else ()
        parts |= movable_chain(BRIDGE, group_chain(direction, group.id), known, rules)
    return parts


def _named(remote: Remote) -> Nft:
    match remote:
        case RemoteGroup(group):
            return members_sets(group)
        case RemoteAddressGroup(group):
            return prefixes_sets(group)
        case _:
            return {}


def address_group_firewall(group: AddressGroupItem) -> Nft:
    """Its two sets and their elements: all that a change of its prefixes writes."""
    parts = prefixes_sets(group.id)
    for prefix in collapsed(group.prefixes):
        name = prefixes_set(ethertype_of(prefix), group.id)
        parts |= element(BRIDGE, name, _ANY[ethertype_of(prefix)], prefix_text(prefix))
    return parts


def asking() -> Nft:
    """Packets of known connections are sent to the groups of their ports, too."""
    return element(BRIDGE, "asked", "ether")


def rule_tags(group: GroupItem) -> Mapping[RulePlan, tuple[str, str]]:
    """Where each rule's counter is: its chain and its tag there. Rules of one text share one."""
    found = {}
    for rule in group.rules:
        chain_name = group_chain(rule.direction, group.id)
        (tag,) = tag_movable(f"{BRIDGE} {chain_name}", [_said(group, rule)])
        found[rule] = (chain_name, tag)
    return found


def _said(group: GroupItem, rule: RulePlan) -> str:
    """The rule's text; where what it lets through is logged, it goes on to the chain that does so."""
    logged = any(log.accepted for log in group.logs)
    end = f"goto {accepted_chain(rule.direction, group.id)}" if logged else "accept"
    return f"{render_rule(rule).removesuffix('accept')}{end}"


def members_sets(group: GroupId) -> Nft:
    return named_set(BRIDGE, members_set(EtherType.IPV4, group), "type ipv4_addr") | named_set(
        BRIDGE, members_set(EtherType.IPV6, group), "type ipv6_addr"
    )


def prefixes_sets(group: AddressGroupId) -> Nft:
    """The first field, the port's own address, may be any: a range is one element in a concatenation."""
    return named_set(
        BRIDGE, prefixes_set(EtherType.IPV4, group), "type ipv4_addr . ipv4_addr; flags interval"
    ) | named_set(BRIDGE, prefixes_set(EtherType.IPV6, group), "type ipv6_addr . ipv6_addr; flags interval")


def ports_chains(groups: Sequence[GroupId], logs: Sequence[LogId], traits: Traits) -> Nft:
    """For each direction: every group in turn, what is always allowed, then nothing.

    The groups come first because they begin with known connections, to which nearly every packet belongs.
    """
    parts: Nft = {}
    for direction in Direction:
        wanted = sorted(set(groups))
        parts |= chain(
            BRIDGE,
            ports_chain(direction, groups, logs),
            (
                *(f"jump {group_chain(direction, group)}" for group in wanted),
                f"jump always_{WAY[direction]}",
                *(f"jump {dropped_chain(direction, group)}" for group in wanted),
                *([f"jump {port_logs_chain(direction, logs)}"] if logs else []),
                "counter drop",
            ),
        )
        parts |= port_logs(direction, logs, traits)
    return parts


def render_rule(rule: RulePlan) -> str:
    """One rule's text in the bridge family."""
    words = [
        f"ether type {_WORD[rule.ethertype]}",
        _remote(rule.direction, rule.ethertype, rule.remote),
        _match(rule.ethertype, rule.match),
        "counter accept",
    ]
    return " ".join(word for word in words if word)


def _remote(direction: Direction, ethertype: EtherType, remote: Remote) -> str:
    field = f"{_WORD[ethertype]} {'saddr' if direction is Direction.INGRESS else 'daddr'}"
    match remote:
        case Anywhere():
            return ""
        case RemotePrefix(prefix):
            return f"{field} {prefix_text(prefix)}" if prefix.prefixlen else ""
        case RemoteGroup(group):
            return f"{field} @{members_set(ethertype, group)}"
        case RemoteAddressGroup(group):
            near = f"{_WORD[ethertype]} {'daddr' if direction is Direction.INGRESS else 'saddr'}"
            return f"{near} . {field} @{prefixes_set(ethertype, group)}"
        case _:
            assert_never(remote)


def _match(ethertype: EtherType, match: Match) -> str:
    match match:
        case AnyProtocol():
            return ""
        case IpProtocol(number):
            return f"meta l4proto {number}"
        case PortRange(number, first, last):
            return f"{_PORTED[number]} dport {first}" + (f"-{last}" if last != first else "")
        case Icmp(kind, code):
            return _icmp(ethertype, kind, code)
        case _:
            assert_never(match)


def _icmp(ethertype: EtherType, kind: int | None, code: int | None) -> str:
    if kind is None:
        return f"meta l4proto {ICMP[ethertype]}"
    word = _ICMP[ethertype]
    return f"{word} type {kind}" + (f" {word} code {code}" if code is not None else "")
