"""Random groups and pairs, and for each the packets at which every edge of every rule shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import cycle, islice, permutations
from typing import Final

from hypothesis import strategies as st
from oracle import DCCP, HOST, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE, Form, Packet, Scene

from netwright.model.eui64 import link_local
from netwright.model.ids import AddressGroupId, GroupId, Mac
from netwright.model.intent import (
    AddressPair,
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
)
from netwright.model.plan import AddressGroupItem, GroupItem, PortItem, RulePlan
from netwright.testing.frames import BROADCAST, End

GROUPS: Final = tuple(GroupId(f"{number:08x}-6c0f-4000-8000-000000000000") for number in range(1, 5))
ADDRESS_GROUPS: Final = tuple(
    AddressGroupId(f"{number:08x}-add0-4000-8000-000000000000") for number in range(1, 4)
)
PREFIXES: Final = {
    EtherType.IPV4: (
        "0.0.0.0/0",
        "10.31.0.0/24",
        "10.31.0.10/32",
        "10.31.0.12/31",
        "10.31.0.8/30",
        "10.31.7.0/24",
        "192.0.2.0/24",
    ),
    EtherType.IPV6: (
        "::/0",
        "fd31::/64",
        "fd31::10/128",
        "fd31::12/127",
        "fd31::/123",
        "fd31:7::/32",
        "fe80::/10",
        "2001:db8::/32",
    ),
}
PORTS: Final = (1, 22, 53, 80, 81, 443, 8080, 65535)
PORTED: Final = (TCP, UDP, DCCP, SCTP, UDPLITE)
TRACKED: Final = {TCP, UDP, SCTP, UDPLITE, ICMP, ICMPV6}
"""Protocols of which a tracker knows more than the addresses."""
OTHERS: Final = (2, 47, 50, 89, 253)
ICMP_TYPES: Final = {4: (0, 3, 5, 8, 11, 13, 42), 6: (1, 2, 3, 128, 129, 144, 200)}
ND_TYPES: Final = (130, 131, 132, 133, 134, 135, 136, 137, 138, 143)
ECHO: Final = {4: (8, 0), 6: (128, 129)}
UNREACHABLE: Final = {4: (3, 3), 6: (1, 4)}
DHCP: Final = {4: ((68, 67), (67, 68)), 6: ((546, 547), (547, 546))}
PAIRS: Final = (
    ("10.31.0.200/32", False),
    ("10.31.7.0/28", False),
    ("10.31.7.8/29", False),
    ("10.31.0.201/32", True),
    ("fd31::200/128", False),
    ("fd31:7::/64", False),
    ("fd31:7::4000/114", True),
)
"""Prefixes that overlap, addresses that several ports share; and whether the pair is of another MAC."""

EVERYONE: Final = {
    4: (
        End(BROADCAST, IPv4Address("10.31.0.255")),
        End(Mac("01:00:5e:00:00:fb"), IPv4Address("224.0.0.251")),
    ),
    6: (End(Mac("33:33:00:00:00:fb"), IPv6Address("ff02::fb")),),
}


@dataclass(frozen=True)
class Aim:
    """Protocol, destination port, ICMP type and code; a source port where it must be a certain one."""

    protocol: int
    port: int = 0
    icmp: tuple[int, int] = (0, 0)
    source: int = 0


# What users ask for.


def matches(ethertype: EtherType) -> st.SearchStrategy[Match]:
    version = 4 if ethertype is EtherType.IPV4 else 6
    ends = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(sorted)
    types = st.sampled_from(ICMP_TYPES[version])
    return st.one_of(
        st.just(AnyProtocol()),
        st.just(Icmp()),
        st.sampled_from((TCP, UDP, SCTP, *OTHERS, ICMP if version == 4 else ICMPV6)).map(IpProtocol),
        st.builds(lambda number, pair: PortRange(number, *pair), st.sampled_from(PORTED), ends),
        st.builds(lambda number: PortRange(number, 80, 80), st.sampled_from((TCP, UDP, SCTP))),
        st.builds(Icmp, types),
        st.builds(Icmp, types, st.integers(0, 2)),
    )


def remotes(ethertype: EtherType) -> st.SearchStrategy[Remote]:
    return st.one_of(
        st.just(Anywhere()),
        st.sampled_from(PREFIXES[ethertype])
        .map(lambda text: ip_network(text, strict=False))
        .map(RemotePrefix),
        st.sampled_from(GROUPS).map(RemoteGroup),
        st.sampled_from(ADDRESS_GROUPS).map(RemoteAddressGroup),
    )


def rules(ethertype: EtherType) -> st.SearchStrategy[RulePlan]:
    return st.builds(
        RulePlan, st.sampled_from(Direction), st.just(ethertype), matches(ethertype), remotes(ethertype)
    )


def address_groups(address_group: AddressGroupId) -> st.SearchStrategy[AddressGroupItem]:
    """Of both IP versions, none of one of them, or none at all; prefixes that overlap, and single addresses."""
    every = [ip_network(text, strict=False) for listed in PREFIXES.values() for text in listed]
    some = st.lists(st.sampled_from(every), max_size=4, unique=True)
    return some.map(lambda prefixes: AddressGroupItem(address_group, tuple(prefixes)))


@st.composite
def scenes(draw: st.DrawFn, bare: Sequence[PortItem]) -> Scene:
    """Those ports with groups and pairs; a few without security, a few without groups."""
    some = st.one_of(rules(EtherType.IPV4), rules(EtherType.IPV6))
    out = [RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType]
    groups = []
    for group in GROUPS:
        # Most groups let everything out, as a new group does, so that much reaches the ingress rules.
        base = draw(st.sampled_from((out, out, out, [])))
        listed = tuple(dict.fromkeys((*base, *draw(st.lists(some, min_size=1, max_size=7)))))
        groups.append(GroupItem(group, draw(st.sampled_from((True, True, True, False))), listed))
    member = st.one_of(
        *[st.sets(st.sampled_from(GROUPS), min_size=least, max_size=3) for least in (0, 1, 1, 1, 2)]
    )
    ports = []
    for port in bare:
        secured = draw(st.sampled_from((True,) * 7 + (False,)))
        using = tuple(sorted(draw(member))) if secured else ()
        chosen = draw(st.lists(st.sampled_from(PAIRS), max_size=2, unique=True)) if secured else ()
        pairs = tuple(AddressPair(ip_network(prefix), mac_of(port, other=other)) for prefix, other in chosen)
        ports.append(replace(port, groups=using, secured=secured, pairs=pairs))
    return Scene(tuple(ports), tuple(groups), tuple(map(draw, map(address_groups, ADDRESS_GROUPS))))


# What is sent.


def packets(scene: Scene, host: Sequence[End] = (), *, turned: bool = False) -> list[Packet]:
    """Every ordered pair of guests with every aim; further addresses and forms with some of them.

    `host`: its own ends, if packets go there and come from there. `turned`: sends backwards what has but one
    direction.
    """
    found = [*_plain(scene), *_elsewhere(scene), *_shaped(scene)]
    if host:
        found += _with_host(scene, host)
    if turned:
        found.reverse()
    tokens = cycle(range(10000, 60000))
    return [packet if packet.token else replace(packet, token=next(tokens)) for packet in _trackable(found)]


def _plain(scene: Scene) -> Iterator[Packet]:
    for sender, receiver in permutations(range(len(scene.ports)), 2):
        for version in (4, 6):
            source, target = (fixed(scene.ports[guest], version) for guest in (sender, receiver))
            for aim in aims(scene.groups, version):
                yield _packet(sender, receiver, source, target, aim)


def _elsewhere(scene: Scene) -> Iterator[Packet]:
    """From and to the addresses of pairs, own and foreign ones, and link-local ones; and to everyone."""
    chosen = {
        version: cycle([aim for aim in aims(scene.groups, version) if not aim.source]) for version in (4, 6)
    }
    for sender, receiver in permutations(range(len(scene.ports)), 2):
        for version in (4, 6):
            near, far = (fixed(scene.ports[guest], version) for guest in (sender, receiver))
            ends = [
                *((source, far) for source in further(scene.ports[sender], version)),
                *((near, target) for target in further(scene.ports[receiver], version)),
            ]
            for source, target in ends:
                for aim in islice(chosen[version], 2):
                    yield _packet(sender, receiver, source, target, aim)
            for target in EVERYONE[version]:
                yield from (_packet(sender, receiver, near, target, Aim(UDP, port)) for port in (53, 80))


def _shaped(scene: Scene) -> Iterator[Packet]:
    chosen = {
        version: cycle(
            [aim for aim in aims(scene.groups, version) if aim.protocol in TRACKED and not aim.source]
        )
        for version in (4, 6)
    }
    for sender, receiver in permutations(range(len(scene.ports)), 2):
        for version in (4, 6):
            source, target = (fixed(scene.ports[guest], version) for guest in (sender, receiver))
            for form in FORMS[version]:
                aim = next(
                    aim
                    for aim in chosen[version]
                    if form not in (Form.FRAGMENTS, Form.REVERSED) or _may_be_cut(aim, version)
                )
                yield replace(_packet(sender, receiver, source, target, aim), form=form)


def _may_be_cut(aim: Aim, version: int) -> bool:
    """Neighbour discovery is never in fragments (RFC 6980); INITs and UDP-Lite are of one piece here."""
    return aim.protocol in (TCP, UDP) or (aim.protocol in (ICMP, ICMPV6) and aim.icmp[0] == ECHO[version][0])


_ODD_FORMS = (Form.TAGGED, Form.PRIORITY, Form.STACKED, Form.UNKNOWN, Form.LLC)
FORMS: Final = {
    4: (Form.FRAGMENTS, Form.FRAGMENTS, Form.REVERSED, *_ODD_FORMS),
    6: (
        *(Form.FRAGMENTS, Form.FRAGMENTS, Form.REVERSED, *_ODD_FORMS),
        *(Form.HOP_BY_HOP, Form.OPTIONS, Form.BOTH) * 2,
    ),
}


def _with_host(scene: Scene, host: Sequence[End]) -> Iterator[Packet]:
    services = (Aim(UDP, 53), Aim(UDP, 67), Aim(UDP, 547), Aim(TCP, 8775), Aim(TCP, 53))
    for guest, port in enumerate(scene.ports):
        for here in host:
            version = here.address.version
            there = fixed(port, version)
            usual = [aim for aim in aims(scene.groups, version) if not aim.source]
            for aim in (*usual, *services):
                # Neighbour discovery is the host's own business, and it would heed what it is told.
                if aim.protocol == ICMPV6 and aim.icmp[0] in (*ND_TYPES, 2):
                    continue
                yield _packet(guest, HOST, there, here, aim)
                yield _packet(HOST, guest, here, there, aim)


def _packet(sender: int, receiver: int, source: End, target: End, aim: Aim) -> Packet:
    return Packet(sender, receiver, source, target, aim.protocol, aim.port, aim.icmp, aim.source)


def _trackable(found: Iterable[Packet]) -> Iterator[Packet]:
    """Of protocols that trackers know by their addresses alone, one packet a pair: the next would be an answer."""
    seen: set[object] = set()
    for packet in found:
        if packet.protocol not in TRACKED and packet.form is Form.WHOLE:
            key = frozenset((packet.source.address, packet.target.address)), packet.protocol
            if key in seen:
                continue
            seen.add(key)
        yield packet


def aims(groups: Iterable[GroupItem], version: int) -> list[Aim]:
    """Where the rules' edges show, and some that no rule may have thought of."""
    ethertype = EtherType.IPV4 if version == 4 else EtherType.IPV6
    listed = (rule.match for group in groups for rule in group.rules if rule.ethertype is ethertype)
    found = [*_ALWAYS[version], *(aim for match in listed for aim in _edges(match, version))]
    return list(dict.fromkeys(found))


def _edges(match: Match, version: int) -> Iterator[Aim]:
    icmp = ICMP if version == 4 else ICMPV6
    match match:
        case PortRange(number, first, last):
            for port in {max(first - 1, 1), first, (first + last) // 2, last, min(last + 1, 65535)}:
                yield Aim(number, port)
        case IpProtocol(number) if number not in (ICMP, ICMPV6):
            yield Aim(number, 443 if number in PORTED else 0)
        case Icmp(kind, code) if kind is not None:
            codes = (0, 1, 2) if code is None else (code, 1 - min(code, 1))
            for some in (0,) if kind in ECHO[version] else codes:
                yield Aim(icmp, icmp=(kind, some))
        case _:
            return


_ALWAYS: Final = {
    version: (
        *(Aim(number, port) for number in (TCP, UDP) for port in (22, 80)),
        Aim(SCTP, 80),
        Aim(UDPLITE, 80),
        Aim(DCCP, 80),
        *(Aim(number) for number in OTHERS),
        *(Aim(ICMP if version == 4 else ICMPV6, icmp=(kind, 0)) for kind in ICMP_TYPES[version]),
        *(Aim(ICMPV6, icmp=(kind, 0)) for kind in (ND_TYPES if version == 6 else ())),
        *(Aim(UDP, port, source=source) for source, port in DHCP[version]),
    )
    for version in (4, 6)
}


# Who answers.


def answer_to(packet: Packet) -> Packet | None:
    """What a peer would answer, where trackers know such a thing."""
    back = replace(
        packet,
        sender=packet.receiver,
        receiver=packet.sender,
        source=packet.target,
        target=packet.source,
        form=Form.WHOLE,
        about=packet,
    )
    if packet.form in _ODD_FORMS or packet.token < 1024 or packet.target in EVERYONE[packet.version]:
        return None
    # Linux checks UDP-Lite's checksum as if it were UDP's (nf_conntrack_proto_udp.c), and so tracks none of it.
    if packet.protocol in (TCP, UDP, SCTP):
        return replace(back, token=packet.port, port=packet.token)
    if packet.protocol == packet.icmp_protocol and packet.icmp[0] == ECHO[packet.version][0]:
        return replace(back, icmp=(ECHO[packet.version][1], 0))
    if packet.protocol in OTHERS:
        return replace(back, token=packet.token + 1)
    return None


def error_about(packet: Packet) -> Packet | None:
    """That nobody listens there, said by the receiver."""
    back = answer_to(packet)
    if back is None or packet.form is not Form.WHOLE or packet.protocol not in (TCP, UDP):
        return None
    return replace(
        back, protocol=packet.icmp_protocol, port=0, icmp=UNREACHABLE[packet.version], token=packet.token
    )


def fixed(port: PortItem, version: int) -> End:
    """The port's MAC and first address of that IP version."""
    return End(port.mac, next(held.address for held in port.addresses if held.address.version == version))


def further(port: PortItem, version: int) -> list[End]:
    """Ends at the edges of its pairs, those that others have as pairs, and its link-local address."""
    ends = [End(port.mac, link_local(port.mac))] if version == 6 else []
    for text, other in PAIRS:
        prefix, mac = ip_network(text), mac_of(port, other=other)
        if prefix.version == version:
            own = AddressPair(prefix, mac) in port.pairs
            ends += [End(mac, address) for address in {prefix[0], prefix[-1] if own else prefix[0]}]
    return ends


def mac_of(port: PortItem, *, other: bool) -> Mac:
    """The port's MAC, or a second one that only its pairs may have."""
    return Mac(port.mac.replace("fa:16:3e:00", "fa:16:3e:ff")) if other else port.mac
