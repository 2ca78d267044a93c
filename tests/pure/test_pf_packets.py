"""What FreeBSD's rules do with packets, in a model of pf and of a bridge (pf_model.py)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_network

import pytest
from pf_model import Packet, PfModel, address

from netwright.model.ids import GroupId, bridge_name, port_link_name
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.plan import GroupItem, Item, PortItem, RulePlan
from netwright.render.firewall_pf import firewall_pf
from netwright.render.nat_pf import host_pf, network_pf
from netwright.render.verdicts import Opening, allows
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet

FOUR, SIX = sample_subnet("10.20.0.0/24"), sample_subnet("fd20::/64", number=2)
BRIDGE = bridge_name(NETWORK)
GROUPS = tuple(GroupId(f"aaaaaaaa-0000-4000-8000-{number:012x}") for number in range(3))
EVERYTHING = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
SSH = RulePlan(
    Direction.INGRESS, EtherType.IPV4, PortRange(6, 22, 22), RemotePrefix(ip_network("10.0.0.0/8"))
)
WORLD = "198.51.100.7"


def port(number: int, *groups: GroupId) -> PortItem:
    held = sample_address(FOUR, f"10.20.0.{10 + number}"), sample_address(SIX, f"fd20::{number}")
    return replace(sample_port(*held, number=number), groups=groups)


def model(*items: Item) -> PfModel:
    return PfModel(host_pf() | network_pf(sample_network(FOUR, SIX)) | firewall_pf(items))


def tap(number: int) -> str:
    return port_link_name(port(number).id)


def tcp(source: str, target: str, target_port: int = 22) -> Packet:
    return Packet(address(source), address(target), 6, 40000, target_port)


def group(*rules: RulePlan, number: int = 0, stateful: bool = True) -> GroupItem:
    return GroupItem(GROUPS[number], stateful, rules)


def test_an_allowed_connection_goes_both_ways_and_no_other_does() -> None:
    """A connection that sender and receiver allow passes with its answers; one the other way does not begin."""
    pf = model(group(*EVERYTHING, number=0), group(SSH, number=1), port(1, GROUPS[0]), port(2, GROUPS[1]))
    first = tcp("10.20.0.11", "10.20.0.12")
    assert pf.bridged(first, tap(1), BRIDGE, tap(2))
    assert pf.bridged(first.answer(), tap(2), BRIDGE, tap(1))
    assert pf.bridged(replace(first, opens=False), tap(1), BRIDGE, tap(2))
    assert not pf.bridged(tcp("10.20.0.11", "10.20.0.12", 23), tap(1), BRIDGE, tap(2))
    assert not pf.bridged(tcp("10.20.0.12", "10.20.0.11"), tap(2), BRIDGE, tap(1))


def test_the_world_reaches_what_is_let_in_and_is_answered() -> None:
    """What the host routes to a guest is judged as what comes over the bridge, and so are the guest's own calls."""
    let_in = replace(SSH, remote=Anywhere())
    pf = model(group(let_in, number=0), group(*EVERYTHING, number=1), port(1, GROUPS[0]), port(2, GROUPS[1]))
    first = tcp(WORLD, "10.20.0.11")
    assert pf.routed(first, BRIDGE)
    assert pf.sent(first.answer(), tap(1), BRIDGE)
    assert not pf.routed(tcp(WORLD, "10.20.0.11", 23), BRIDGE)
    assert not pf.sent(tcp("10.20.0.11", WORLD), tap(1), BRIDGE)
    call = tcp("10.20.0.12", WORLD, 443)
    assert pf.sent(call, tap(2), BRIDGE)
    assert pf.routed(call.answer(), BRIDGE)
    assert not pf.routed(tcp(WORLD, "10.20.0.12", 443), BRIDGE)


def test_nobody_speaks_in_anothers_place() -> None:
    """A packet from an address that is not its sender's stops at its interface, in known connections too."""
    pf = model(group(*EVERYTHING, SSH), *(port(number, GROUPS[0]) for number in (1, 2, 3)))
    first = tcp("10.20.0.11", "10.20.0.12")
    assert pf.bridged(first, tap(1), BRIDGE, tap(2))
    outside = tcp("10.20.0.11", WORLD)
    assert pf.sent(outside, tap(1), BRIDGE)
    for spoofed in (first, first.answer(), replace(first, opens=False), outside, tcp("10.99.0.1", WORLD)):
        assert not pf.passes(spoofed, tap(3), "in")
    assert not pf.passes(Packet(address("fd20::1"), address("fd20::2"), 58), tap(3), "in")


@pytest.mark.parametrize("interface", ["em0", "brqother", "lo1"])
def test_a_guests_address_comes_in_at_the_guests_and_its_bridge_only(interface: str) -> None:
    """Nobody outside pretends to be a guest, and no guest goes past its rules by the uplink's own MAC."""
    pf = model(group(*EVERYTHING), port(1, GROUPS[0]))
    call = tcp("10.20.0.11", WORLD)
    assert pf.sent(call, tap(1), BRIDGE)
    assert not pf.passes(call, interface, "in")
    assert not pf.passes(Packet(address("fd20::1"), address("2001:db8::1"), 17, 1, 2), interface, "in")
    assert pf.passes(tcp(WORLD, "192.0.2.2"), interface, "in")


def test_a_guest_gets_what_is_for_it_only() -> None:
    """A frame that the bridge floods reaches no guest but the one whose address it has."""
    pf = model(group(*EVERYTHING, SSH), *(port(number, GROUPS[0]) for number in (1, 2, 3)))
    first = tcp("10.20.0.11", "10.20.0.12")
    assert pf.bridged(first, tap(1), BRIDGE, tap(2))
    assert not pf.passes(first, tap(3), "out")


def test_what_is_for_everybody_is_judged_at_each_guest() -> None:
    """A multicast goes to those whose groups let it in, and from those whose groups let it out."""
    let_in = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, 520, 520), Anywhere())
    pf = model(group(*EVERYTHING), group(let_in, number=1), port(1, GROUPS[0]), port(2, GROUPS[1]), port(3))
    news = Packet(address("10.20.0.11"), address("224.0.0.9"), 17, 520, 520)
    assert pf.bridged(news, tap(1), BRIDGE, tap(2))
    assert not pf.bridged(news, tap(1), BRIDGE, tap(3))
    assert not pf.bridged(replace(news, source=address("10.20.0.12")), tap(2), BRIDGE, tap(3))


@pytest.mark.parametrize("way", ["in", "out"])
def test_an_interface_without_an_anchor_passes_nothing(way: str) -> None:
    """Until its rules are in, and once they are gone, a guest's interface is shut both ways."""
    pf = model(port(1))
    assert not pf.passes(tcp("10.20.0.12", "10.20.0.11"), tap(2), way)


def test_without_groups_nothing_but_addresses_work() -> None:
    """A port in no group gets its address and its neighbours, and reaches nothing."""
    pf = model(port(1))
    discover = Packet(address("0.0.0.0"), address("255.255.255.255"), 17, 68, 67)
    assert pf.sent(discover, tap(1), BRIDGE)
    assert pf.routed(Packet(address("10.20.0.1"), address("10.20.0.11"), 17, 67, 68), BRIDGE)
    solicit = Packet(address("fd20::1"), address("ff02::1:ff00:2"), 58, icmp=(135, 0))
    assert pf.sent(solicit, tap(1), BRIDGE)
    assert pf.passes(replace(solicit, source=address("fd20::2"), target=address("fd20::1")), tap(1), "out")
    assert not pf.sent(tcp("10.20.0.11", WORLD), tap(1), BRIDGE)
    assert not pf.routed(tcp(WORLD, "10.20.0.11"), BRIDGE)


@pytest.mark.parametrize("secured", [True, False])
def test_guests_are_neither_dhcp_servers_nor_routers(secured: bool) -> None:
    """Whatever groups allow, DHCP's answers and router advertisements come from no secured port."""
    pf = model(group(*EVERYTHING), replace(port(1, GROUPS[0]), secured=secured))
    packets = (
        Packet(address("10.20.0.11"), address("255.255.255.255"), 17, 67, 68),
        Packet(address("fd20::1"), address("ff02::1"), 58, icmp=(134, 0)),
        Packet(address("fd20::1"), address("fd20::2"), 58, icmp=(137, 0)),
        Packet(address("fd20::1"), address("fd20::2"), 17, 547, 546),
    )
    assert [pf.passes(packet, tap(1), "in") for packet in packets] == [not secured] * 4


def test_stateless_groups_let_in_what_a_rule_names_and_no_answer() -> None:
    """Of a stateless group each direction needs a rule of its own."""
    pf = model(
        group(replace(SSH, remote=Anywhere()), stateful=False), group(*EVERYTHING, number=1),
        port(1, GROUPS[0]), port(2, GROUPS[1]),
    )  # fmt: skip
    first = tcp("10.20.0.12", "10.20.0.11")
    assert pf.bridged(first, tap(2), BRIDGE, tap(1))
    assert not pf.bridged(first.answer(), tap(1), BRIDGE, tap(2))


@pytest.mark.parametrize("seed", range(20))
def test_connections_begin_where_both_ends_rules_say_so(seed: int) -> None:
    """Of random groups and packets: pf's verdict is that of the rules' meaning, bridged and routed alike."""
    draw = random.Random(seed)
    groups = [group(*(_rule(draw) for _ in range(draw.randrange(5))), number=number) for number in range(3)]
    ports = [port(number, *(one for one in GROUPS if draw.random() < 0.5)) for number in (1, 2, 3)]
    rules = {
        one.id: [rule for item in groups if item.id in one.groups for rule in item.rules] for one in ports
    }
    parts = host_pf() | network_pf(sample_network(FOUR, SIX)) | firewall_pf([*groups, *ports])
    for _ in range(40):
        sender, receiver = draw.sample(ports, 2)
        at = draw.randrange(2)
        packet = _packet(draw, str(sender.addresses[at].address), str(receiver.addresses[at].address))
        if packet.protocol == 58:
            continue  # neighbour discovery passes beside the rules
        pf = PfModel(parts)
        may_send = allows(rules[sender.id], _opening(packet, Direction.EGRESS), _is_member(ports))
        may_come = allows(rules[receiver.id], _opening(packet, Direction.INGRESS), _is_member(ports))
        taps = port_link_name(sender.id), port_link_name(receiver.id)
        assert pf.bridged(packet, taps[0], BRIDGE, taps[1]) == (may_send and may_come), packet
        again = PfModel(parts)
        assert again.sent(packet, taps[0], BRIDGE) == may_send, packet
        assert again.routed(packet, BRIDGE) == may_come, packet


def _rule(draw: random.Random) -> RulePlan:
    kind = draw.choice(list(EtherType))
    prefixes = {
        EtherType.IPV4: ("10.20.0.12/32", "10.20.0.0/28"),
        EtherType.IPV6: ("fd20::2/128", "fd20::/126"),
    }
    matches: Sequence[Match] = (
        AnyProtocol(), PortRange(6, 20, 22), PortRange(17, 22, 22), PortRange(132, 21, 23), IpProtocol(47),
        Icmp(8) if kind is EtherType.IPV4 else AnyProtocol(),
    )  # fmt: skip
    remotes = (
        Anywhere(),
        RemoteGroup(draw.choice(GROUPS)),
        RemotePrefix(ip_network(draw.choice(prefixes[kind]))),
    )
    return RulePlan(draw.choice(list(Direction)), kind, draw.choice(matches), draw.choice(remotes))


def _packet(draw: random.Random, source: str, target: str) -> Packet:
    protocol = draw.choice((6, 17, 132, 47, 1 if "." in source else 58))
    ports = (40000, draw.randrange(19, 25)) if protocol in {6, 17, 132} else (0, 0)
    icmp = (draw.choice((8, 13)), 0) if protocol == 1 else (0, 0)
    return Packet(address(source), address(target), protocol, *ports, icmp=icmp)


def _opening(packet: Packet, direction: Direction) -> Opening:
    remote = packet.target if direction is Direction.EGRESS else packet.source
    return Opening(direction, remote, packet.protocol, packet.target_port, packet.icmp)


def _is_member(ports: Sequence[PortItem]) -> Callable[[GroupId, object], bool]:
    def asked(group: GroupId, remote: object) -> bool:
        return any(held.address == remote for one in ports if group in one.groups for held in one.addresses)

    return asked
