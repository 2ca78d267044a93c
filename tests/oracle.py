"""The reference: what ports and groups say of one packet, read off the API's text and no renderer.

A packet passes if its sender may say it, the sender's groups let it out and the receiver's let it in. How
it travels (whole, in fragments, behind extension headers) changes nothing; what is not IPv4, IPv6 or ARP
neither leaves nor reaches a port that has security.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from netwright.model.eui64 import link_local
from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import (
    Address,
    AnyProtocol,
    Anywhere,
    Direction,
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
from netwright.model.plan import AddressGroupItem, GroupItem, PortItem, RulePlan
from netwright.testing.frames import End

HOST: Final = -1
"""The end of a packet that is the host itself."""
ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 33, 58, 132, 136


class Form(StrEnum):
    """How a packet travels."""

    WHOLE = "whole"
    FRAGMENTS = "in fragments"
    REVERSED = "in fragments, the last one first"
    HOP_BY_HOP = "behind hop-by-hop options"
    OPTIONS = "behind destination options"
    BOTH = "behind hop-by-hop and destination options"
    TAGGED = "in VLAN 5"
    PRIORITY = "with a priority tag"
    STACKED = "in two VLANs (QinQ)"
    UNKNOWN = "under an unknown EtherType"
    LLC = "in an 802.3 frame"


NOT_IP: Final = frozenset({Form.TAGGED, Form.PRIORITY, Form.STACKED, Form.UNKNOWN, Form.LLC})


@dataclass(frozen=True)
class Packet:
    """`sender` and `receiver` are guests by number, or HOST; `source` and `target` what the packet says."""

    sender: int
    receiver: int
    source: End
    target: End
    protocol: int
    port: int = 0
    icmp: tuple[int, int] = (0, 0)
    token: int = 0
    """Source port, ICMP identifier or plain content: unique, so that none is taken for another's answer."""
    form: Form = Form.WHOLE
    about: Packet | None = None
    """The packet that an ICMP error complains of."""

    @property
    def version(self) -> int:
        return self.source.address.version

    @property
    def icmp_protocol(self) -> int:
        return ICMP if self.version == 4 else ICMPV6


@dataclass(frozen=True)
class Scene:
    """Who there is and what they asked for."""

    ports: tuple[PortItem, ...]
    groups: tuple[GroupItem, ...]
    address_groups: tuple[AddressGroupItem, ...] = ()

    def __repr__(self) -> str:
        return f"{len(self.ports)} ports, {len(self.groups)} groups"

    def groups_of(self, guest: int) -> Iterator[GroupItem]:
        return (group for group in self.groups if group.id in self.ports[guest].groups)

    def is_member(self, group: GroupId, address: Address) -> bool:
        """A group's members are its ports' fixed addresses and the single ones of their allowed address pairs."""
        whole = 32 if address.version == 4 else 128
        return any(
            prefix.prefixlen == whole and address in prefix
            for port in self.ports
            if group in port.groups
            for prefix in port.prefixes
        )

    def is_in(self, group: GroupId | AddressGroupId, address: Address) -> bool:
        """Whether a group of either kind has the address."""
        return self.is_member(GroupId(group), address) or self.holds(AddressGroupId(group), address)

    def holds(self, address_group: AddressGroupId, address: Address) -> bool:
        """Whether a prefix of the address group holds the address."""
        return any(
            address in prefix
            for group in self.address_groups
            if group.id == address_group
            for prefix in group.prefixes
        )


def passes(scene: Scene, packet: Packet) -> bool:
    """Whether a packet that belongs to no known connection arrives."""
    return _leaves(scene, packet, known=False) and _arrives(scene, packet, known=False)


def answers(scene: Scene, back: Packet) -> bool:
    """Whether an answer to a packet that passed, or an ICMP error about it, arrives."""
    return _leaves(scene, back, known=True) and _arrives(scene, back, known=True)


def _leaves(scene: Scene, packet: Packet, *, known: bool) -> bool:
    if packet.sender == HOST or not scene.ports[packet.sender].secured:
        return True
    if (
        packet.form in NOT_IP
        or not _is_own(scene.ports[packet.sender], packet.source)
        or _is_usurping(packet)
    ):
        return False
    return _needs_no_rule_out(packet) or allowed(scene, packet, Direction.EGRESS, known=known)


def _arrives(scene: Scene, packet: Packet, *, known: bool) -> bool:
    if packet.receiver == HOST:
        return known or _host_takes(packet)
    if not scene.ports[packet.receiver].secured:
        return True
    if packet.form in NOT_IP:
        return False
    return _needs_no_rule_in(packet) or allowed(scene, packet, Direction.INGRESS, known=known)


def _is_own(port: PortItem, source: End) -> bool:
    """Its own addresses go with its own MAC, each pair's with the pair's, a link-local one with the MAC it is made of."""
    mac, address = source.mac, source.address
    if mac not in (port.mac, *(pair.mac for pair in port.pairs)):
        return False
    if address == link_local(mac):
        return True
    if mac == port.mac and address in {held.address for held in port.addresses}:
        return True
    return any(mac == pair.mac and address in pair.prefix for pair in port.pairs)


_USURPING_TYPES: Final = {130, 134, 137, 138}
"""What only a router or its querier says: listener query, router advertisement, redirect, renumbering."""
_ALWAYS_OUT: Final = {131, 132, 133, 135, 136, 143}
_ALWAYS_IN: Final = {130, 134, 135, 136}


def _is_usurping(packet: Packet) -> bool:
    """No guest is a router or a DHCP server. (Sample packets' advertisements are for their own sources.)"""
    if packet.protocol == ICMPV6 and packet.version == 6:
        return packet.icmp[0] in _USURPING_TYPES
    return _ports_of(packet) in ((4, 67, 68), (6, 547, 546))


def _needs_no_rule_out(packet: Packet) -> bool:
    """Addresses would not work without it: DHCP, neighbour and multicast listener discovery."""
    if packet.protocol == ICMPV6 and packet.version == 6:
        return packet.icmp[0] in _ALWAYS_OUT
    return _ports_of(packet) in ((4, 68, 67), (6, 546, 547))


def _needs_no_rule_in(packet: Packet) -> bool:
    if packet.protocol == ICMPV6 and packet.version == 6:
        return packet.icmp[0] in _ALWAYS_IN
    return _ports_of(packet) in ((4, 67, 68), (6, 547, 546))


def _ports_of(packet: Packet) -> tuple[int, int, int] | None:
    return (packet.version, packet.token, packet.port) if packet.protocol == UDP else None


def _host_takes(packet: Packet) -> bool:
    """The host's own services for guests: DNS, DHCP, metadata, ICMP."""
    if packet.protocol == packet.icmp_protocol:
        return True
    return (packet.protocol, packet.port) in {(UDP, 53), (UDP, 67), (UDP, 547), (TCP, 53), (TCP, 8775)}


def allowed(scene: Scene, packet: Packet, way: Direction, *, known: bool = False) -> bool:
    """Whether the groups of the end that the direction is about let it by."""
    near = packet.sender if way is Direction.EGRESS else packet.receiver
    if known and any(group.stateful for group in scene.groups_of(near)):
        return True
    rules = (rule for group in scene.groups_of(near) for rule in group.rules)
    return any(rule.direction is way and _fits(scene, rule, packet) for rule in rules)


def _fits(scene: Scene, rule: RulePlan, packet: Packet) -> bool:
    far = packet.target if rule.direction is Direction.EGRESS else packet.source
    return (
        rule.ethertype.value == f"IPv{packet.version}"
        and _is_about(scene, rule.remote, far.address)
        and _speaks_of(rule.match, packet)
    )


def _is_about(scene: Scene, remote: Remote, address: Address) -> bool:
    match remote:
        case RemotePrefix(prefix):
            return address in prefix
        case RemoteGroup(group):
            return scene.is_member(group, address)
        case RemoteAddressGroup(address_group):
            return scene.holds(address_group, address)
    return remote == Anywhere()


def _speaks_of(match: Match, packet: Packet) -> bool:
    match match:
        case IpProtocol(number):
            return packet.protocol == number
        case PortRange(number, first, last):
            return packet.protocol == number and first <= packet.port <= last
        case Icmp(kind, code):
            is_icmp = packet.protocol == packet.icmp_protocol
            return is_icmp and kind in (None, packet.icmp[0]) and code in (None, packet.icmp[1])
    return match == AnyProtocol()


def smaller(scene: Scene, still: Callable[[Scene], bool]) -> Scene:
    """The scene without the rules and pairs that it does not need for that to hold of it still."""
    for group in scene.groups:
        for rule in group.rules:
            less = replace(scene, groups=tuple(_without(each, group.id, rule) for each in scene.groups))
            scene = less if still(less) else scene
    for address_group in scene.address_groups:
        for prefix in address_group.prefixes:
            listed = (_fewer(each, address_group.id, prefix) for each in scene.address_groups)
            less = replace(scene, address_groups=tuple(listed))
            scene = less if still(less) else scene
    for number, port in enumerate(scene.ports):
        for bare in (replace(port, pairs=()), replace(port, pairs=(), groups=())):
            ports = (*scene.ports[:number], bare, *scene.ports[number + 1 :])
            less = replace(scene, ports=ports)
            scene = less if less != scene and still(less) else scene
    return scene


def _without(group: GroupItem, target: GroupId, rule: RulePlan) -> GroupItem:
    if group.id != target:
        return group
    return replace(group, rules=tuple(each for each in group.rules if each != rule))


def _fewer(group: AddressGroupItem, target: AddressGroupId, prefix: Prefix) -> AddressGroupItem:
    if group.id != target:
        return group
    return replace(group, prefixes=tuple(each for each in group.prefixes if each != prefix))


def told(scene: Scene) -> str:
    """The scene as a person reads it."""
    lines = []
    for number, port in enumerate(scene.ports):
        groups = " ".join(group[:8] for group in port.groups) or "no groups"
        pairs = "".join(f", pair {pair.prefix} at {pair.mac}" for pair in port.pairs)
        lines.append(f"guest {number}: {groups if port.secured else 'no security'}{pairs}")
    for group in scene.groups:
        lines.append(f"group {group.id[:8]}, {'stateful' if group.stateful else 'stateless'}:")
        lines += [f"    {_rule_told(rule)}" for rule in group.rules]
    lines += [
        f"address group {group.id[:8]}: {', '.join(map(str, group.prefixes))}"
        for group in scene.address_groups
    ]
    return "\n".join(lines)


def _rule_told(rule: RulePlan) -> str:
    match rule.remote:
        case RemotePrefix(prefix):
            far = str(prefix)
        case RemoteGroup(group):
            far = f"group {group[:8]}"
        case RemoteAddressGroup(address_group):
            far = f"address group {address_group[:8]}"
        case _:
            far = "anywhere"
    way = "to" if rule.direction is Direction.EGRESS else "from"
    return f"{rule.direction} {rule.ethertype} {way} {far}: {rule.match}"


def packet_told(packet: Packet) -> str:
    """The packet as a person reads it."""
    ends = (
        f"{'host' if guest == HOST else f'guest {guest}'} ({end.mac} {end.address})"
        for guest, end in ((packet.sender, packet.source), (packet.receiver, packet.target))
    )
    ported = packet.protocol in (TCP, UDP, DCCP, SCTP, UDPLITE)
    is_icmp = packet.protocol == packet.icmp_protocol
    what = f" {packet.token} -> {packet.port}" if ported else f" type/code {packet.icmp}" if is_icmp else ""
    about = f", about [{packet_told(packet.about)}]" if packet.about else ""
    return f"{' -> '.join(ends)} protocol {packet.protocol}{what}, {packet.form}{about}"
