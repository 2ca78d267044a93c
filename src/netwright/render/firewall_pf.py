"""Groups and ports in FreeBSD's pf: an anchor for each port, members in tables of the main ruleset.

if_bridge(4) shows pf what a guest sends on the guest's own interface, then on the bridge; what is bridged
to a guest on the bridge, then on the guest's interface; what the host itself sends or routes to a guest
on the bridge only. So each is judged where nothing passes unseen:

- in on the guest's interface: whether the packet's source is the guest's own;
- in on the bridge: what the guest's groups let it send, by its source, which is known to be right;
- out on the bridge: what its groups let it get, by its address;
- out on its interface: the same again, whatever it may have been sent there as.

A state holds on the interface only where it was made: another guest cannot answer in its place. On a
guest's interface one direction may be all that pf sees, so states there follow no sequence numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, assert_never

from netwright.model.eui64 import link_local
from netwright.model.ids import AddressGroupId, GroupId, bridge_name, port_link_name
from netwright.model.intent import (
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
    Revocation,
)
from netwright.model.pf import LABEL
from netwright.model.plan import AddressGroupItem, GroupItem, Item, MemberItem, PortItem, RulePlan, whole
from netwright.render.address_groups import collapsed
from netwright.render.pf import (
    FAMILY,
    VERSION,
    Pf,
    address_text,
    anchor,
    members,
    members_table,
    own_table,
    port_anchor,
    table_rule,
)
from netwright.render.tags import digest_of

_STATE: Final = "keep state (if-bound)"
_ONE_WAY: Final = "keep state (if-bound, sloppy)"
_NONE: Final = "no state"
_PORTED: Final = {6: "tcp", 17: "udp", 132: "sctp"}
"""DCCP and UDP-Lite have ports, too, but pf sees none there: rules about them let nothing pass."""
_ICMP: Final = {EtherType.IPV4: ("icmp", "icmp-type", 1), EtherType.IPV6: ("icmp6", "icmp6-type", 58)}
_EVERYBODY: Final = {
    EtherType.IPV4: "{ 224.0.0.0/4, 255.255.255.255 }",
    EtherType.IPV6: "ff00::/8",
}
_ND_OUT: Final = "{ 131, 132, 133, 135, 136, 143 }"
_ND_IN: Final = "{ 130, 134, 135, 136 }"
_NEVER: Final = "{ 130, 134, 137, 138 }"
"""Multicast listener queries, router advertisements, redirects, renumbering."""


def firewall_pf(items: Iterable[Item]) -> Pf:
    """All ports' anchors, and the tables of the groups that rules name."""
    known = list(items)
    groups = {item.id: item for item in known if isinstance(item, GroupItem)}
    parts = _members(known, groups.values())
    for item in known:
        if isinstance(item, PortItem):
            parts |= port_firewall(item, groups)
    return parts


def port_firewall(port: PortItem, groups: Mapping[GroupId, GroupItem]) -> Pf:
    """The port's anchor. One that is not secured passes everything.

    Allowed address pairs give it nothing here: by its addresses alone pf tells one guest from another where
    the host routes.
    """
    key, tap = port_anchor(port.id), port_link_name(port.id)
    if not port.secured:
        return anchor(key, [f"pass {way} quick on {tap} no state" for way in ("in", "out")])
    used = [groups[group] for group in sorted(set(port.groups)) if group in groups]
    ruled = {text: group for group in used for text in _group(port, group)}
    labels = {
        text: f"{LABEL}{digest_of([port.id, text])}"
        for text, group in ruled.items()
        if group.revocation is Revocation.CUT
    }
    allowed = [f"{text} label {labels[text]}" if text in labels else text for text in ruled]
    lines = [*_own(port), *_sender(port), *_always(port), *allowed, *_closing(port)]
    return anchor(key, lines, labels.values())


def _members(items: Iterable[Item], groups: Iterable[GroupItem]) -> Pf:
    remotes = [rule.remote for group in groups for rule in group.rules]
    named = {remote.group for remote in remotes if isinstance(remote, RemoteGroup)}
    found: dict[GroupId | AddressGroupId, list[Prefix]] = {group: [] for group in named}
    found |= {remote.address_group: [] for remote in remotes if isinstance(remote, RemoteAddressGroup)}
    for item in items:
        if isinstance(item, PortItem | MemberItem):
            for group in named.intersection(item.groups):
                found[group] += [one for one in item.prefixes if one.prefixlen == one.max_prefixlen]
        elif isinstance(item, AddressGroupItem) and item.id in found:
            found[item.id] += collapsed(item.prefixes)
    parts: Pf = {}
    for named_group, prefixes in found.items():
        for ethertype, version in VERSION.items():
            own = [one for one in prefixes if one.version == version]
            parts |= members(members_table(ethertype, named_group), own)
    return parts


def _own(port: PortItem) -> Iterator[str]:
    """The addresses by which the guest is known; pf sees no MAC on a bridge."""
    own = {whole(link_local(port.mac)), *(whole(held.address) for held in port.addresses)}
    for ethertype, version in VERSION.items():
        here = sorted(
            (one for one in own if one.version == version), key=lambda one: int(one.network_address)
        )
        yield table_rule(own_table(ethertype), here)


def _sender(port: PortItem) -> Iterator[str]:
    """The guest's packets are from its own addresses, and it is neither DHCP server nor router."""
    start = f"in quick on {port_link_name(port.id)}"
    yield f"block drop {start} inet proto udp from any port 67 to any port 68"
    yield f"block drop {start} inet6 proto udp from any port 547 to any port 546"
    yield f"block drop {start} inet6 proto icmp6 from any to any icmp6-type {_NEVER}"
    yield f"pass {start} inet proto udp from 0.0.0.0 port 68 to 255.255.255.255 port 67 no state"
    for source in ("::", "<own6>"):
        yield f"pass {start} inet6 proto icmp6 from {source} to any icmp6-type {_ND_OUT} allow-opts no state"
    for ethertype, family in FAMILY.items():
        # `flags any`: an answer may be the first that pf sees of a connection here.
        yield f"pass {start} {family} from <{own_table(ethertype)}> to any flags any {_ONE_WAY}"
    yield f"block drop {start}"


def _always(port: PortItem) -> Iterator[str]:
    """What no group needs to allow, because addresses would not work without it."""
    tap, bridge = port_link_name(port.id), bridge_name(port.network_id)
    start = f"pass in quick on {bridge}"
    yield f"{start} inet proto udp from <own4> port 68 to any port 67 no state"
    yield f"{start} inet6 proto udp from <own6> port 546 to any port 547 no state"
    yield f"{start} inet6 proto icmp6 from <own6> to any icmp6-type {_ND_OUT} allow-opts no state"
    for interface, four, six in ((tap, "any", "any"), (bridge, "<own4>", "<own6>")):
        start = f"pass out quick on {interface}"
        yield f"{start} inet proto udp from any port 67 to {four} port 68 no state"
        yield f"{start} inet6 proto udp from any port 547 to {six} port 546 no state"
        yield f"{start} inet6 proto icmp6 from any to {six} icmp6-type {_ND_IN} allow-opts no state"


def _closing(port: PortItem) -> Iterator[str]:
    """What nothing let pass, in on any interface: a frame to the uplink's own MAC comes in there at once."""
    bridge = bridge_name(port.network_id)
    for ethertype, family in FAMILY.items():
        own = f"<{own_table(ethertype)}>"
        yield f"block drop in quick {family} from {own} to any"
        yield f"block drop out quick on {bridge} {family} from any to {own}"
    yield f"block drop out quick on {port_link_name(port.id)}"


def _group(port: PortItem, group: GroupItem) -> Iterator[str]:
    """The group's rules wherever they stand for this port; the same rule twice is one."""
    for rule in sorted(set(group.rules), key=repr):
        own = f"<{own_table(rule.ethertype)}>"
        for start, guest, state in _grounds(port, rule, own):
            if text := _said(rule, start, guest):
                yield f"{text} {state if group.stateful else _NONE}"


def _grounds(port: PortItem, rule: RulePlan, own: str) -> tuple[tuple[str, str, str], ...]:
    """Where a rule stands: up to the interface, the guest's end, and the state."""
    bridge, tap = bridge_name(port.network_id), port_link_name(port.id)
    if rule.direction is Direction.EGRESS:
        return ((f"pass in quick on {bridge}", own, _STATE),)
    return (
        (f"pass out quick on {bridge}", own, _STATE),
        (f"pass out quick on {tap}", own, _ONE_WAY),
        (f"pass out quick on {tap}", _EVERYBODY[rule.ethertype], _NONE),
    )


def _said(rule: RulePlan, start: str, own: str) -> str | None:
    """The rule's text up to its state; None for what pf has no words for, which then passes nothing."""
    matched = _match(rule.ethertype, rule.match)
    if matched is None:
        return None
    protocol, port, kind = matched
    remote = _remote(rule.ethertype, rule.remote)
    source, target = (own, remote) if rule.direction is Direction.EGRESS else (remote, own)
    words = [start, FAMILY[rule.ethertype], protocol, f"from {source} to {target}", port, kind]
    return " ".join(word for word in words if word)


def _remote(ethertype: EtherType, remote: Remote) -> str:
    match remote:
        case Anywhere():
            return "any"
        case RemotePrefix(prefix):
            return address_text(prefix) if prefix.prefixlen else "any"
        case RemoteGroup(group):
            return f"<{members_table(ethertype, group)}>"
        case RemoteAddressGroup(address_group):
            return f"<{members_table(ethertype, address_group)}>"
        case _:
            assert_never(remote)


def _match(ethertype: EtherType, match: Match) -> tuple[str, str, str] | None:
    """Protocol, destination port and ICMP type, each where it stands in a rule."""
    name, word, number = _ICMP[ethertype]
    match match:
        case AnyProtocol():
            return "", "", ""
        case IpProtocol(protocol):
            others = {other for _, _, other in _ICMP.values()} - {number}
            return None if protocol in others else (f"proto {protocol}", "", "")
        case PortRange(protocol, first, last):
            ports = f"port {first}" if first == last else f"port {first}:{last}"
            return (f"proto {_PORTED[protocol]}", ports, "") if protocol in _PORTED else None
        case Icmp(kind, code):
            return f"proto {name}", "", "" if kind is None else _icmp(word, kind, code)
        case _:
            assert_never(match)


def _icmp(word: str, kind: int, code: int | None) -> str:
    return f"{word} {kind}" + (f" code {code}" if code is not None else "")
