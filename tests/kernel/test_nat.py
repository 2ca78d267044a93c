"""Out through the uplink and in through floating IPs, between real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from netwright.kernel import netns
from netwright.model.ids import GroupId, LinkName, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace, PortRange
from netwright.model.plan import FloatingIpItem, GroupItem, Item, PortItem, RulePlan, Serving
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)
from netwright.testing.talk import Heard, ask, gather, speaker, streaming
from netwright.testing.wires import Wire

V4 = sample_subnet("10.32.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd32::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
INTERNET, UPLINK = "203.0.113.1", "203.0.113.2"
FLOATING = ("203.0.113.50", "203.0.113.51")
FIXED = ("10.32.0.10", "10.32.0.11")
PORT = 4000
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)


def inwards(number: int, port: int) -> RulePlan:
    return RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(number, port, port), Anywhere())


OPEN = GroupItem(
    GROUP, stateful=True, rules=(*OUT, *(inwards(way, port) for way in (6, 17) for port in (PORT, 4001)))
)


def floating(number: int, port: PortItem) -> FloatingIpItem:
    return sample_floating_ip(port, FLOATING[number], number=number)


@dataclass(frozen=True)
class Bench:
    """Two guests on a network, a host with an uplink, and the internet at its other end."""

    rig: Rig
    internet: NamespaceName
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]

    def plan(self, *items: Item) -> None:
        outcome = self.rig.plan(NET, *items, *self.ports)
        assert not outcome.pending, outcome

    def asked(
        self, asking: NamespaceName, listening: NamespaceName, address: str, port: int = PORT
    ) -> Heard | None:
        """A datagram from one namespace to that address, for which the other listens."""
        any_ = "::" if ":" in address else "0.0.0.0"
        with speaker(asking, any_) as mouth, speaker(listening, any_, port) as ear:
            return ask(mouth, ear, address, port)


@pytest.fixture(scope="module", params=["nftables", "iptables/nft", "iptables/legacy"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        internet, *guests = (stack.enter_context(namespace(label)) for label in ("net", "guest", "guest"))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), request.param))
        add_veth(made.host, "wan", internet, "eth0")
        add_addresses(made.host, "wan", f"{UPLINK}/24", "2001:db8::2/64")
        add_addresses(internet, "eth0", f"{INTERNET}/24", "2001:db8::1/64")
        ip(made.host, "route", "add", "default", "via", INTERNET)
        ports = tuple(_plugged(number, guest) for number, guest in enumerate(guests))
        made.plan(NET, OPEN, *ports)
        for number, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{FIXED[number]}/24", f"fd32::1{number}/64")
            ip(guest, "route", "add", "default", "via", "10.32.0.1")
            ip(guest, "route", "add", "default", "via", "fd32::1")
        yield Bench(made, internet, tuple(guests), ports)


def _plugged(number: int, guest: NamespaceName) -> PortItem:
    held = sample_address(V4, FIXED[number]), sample_address(V6, f"fd32::1{number}")
    port = sample_port(*held, number=number + 1, network=NET)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


def test_what_leaves_is_translated_to_the_uplink(bench: Bench) -> None:
    """The internet sees the host's address, of both IP versions, and its answers come back to the guest."""
    bench.plan(OPEN)
    assert bench.asked(bench.guests[0], bench.internet, INTERNET) == Heard(UPLINK, INTERNET)
    assert bench.asked(bench.guests[0], bench.internet, "2001:db8::1") == Heard("2001:db8::2", "2001:db8::1")


def test_guests_of_one_network_see_one_another_untranslated(bench: Bench) -> None:
    """What stays inside keeps its addresses."""
    bench.plan(OPEN)
    assert bench.asked(bench.guests[0], bench.guests[1], FIXED[1]) == Heard(FIXED[0], FIXED[1])
    assert bench.asked(bench.rig.host, bench.guests[1], FIXED[1]) == Heard("10.32.0.1", FIXED[1])


def test_a_floating_ip_works_both_ways(bench: Bench) -> None:
    """The internet reaches the guest at it, the guest leaves as it, and other guests do not."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    assert bench.asked(bench.internet, bench.guests[0], FLOATING[0]) == Heard(INTERNET, FLOATING[0])
    assert bench.asked(bench.guests[0], bench.internet, INTERNET) == Heard(FLOATING[0], INTERNET)
    assert bench.asked(bench.guests[1], bench.internet, INTERNET) == Heard(UPLINK, INTERNET)
    assert bench.asked(bench.internet, bench.guests[1], FLOATING[1]) is None


def test_a_floating_ip_opens_no_port_that_the_groups_do_not(bench: Bench) -> None:
    """A port without a rule stays shut behind a floating IP."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    assert bench.asked(bench.internet, bench.guests[0], FLOATING[0], 4999) is None


def test_a_floating_ip_is_reached_from_its_own_network(bench: Bench) -> None:
    """A guest reaches another's floating IP and is answered from there, whether it has one itself or not."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    heard = bench.asked(bench.guests[1], bench.guests[0], FLOATING[0])
    assert heard is not None
    assert heard.from_whom == FLOATING[0]
    bench.plan(OPEN, *(floating(number, bench.ports[number]) for number in range(2)))
    assert bench.asked(bench.guests[1], bench.guests[0], FLOATING[0]) == Heard(FLOATING[1], FLOATING[0])


def test_a_floating_ip_is_reached_from_the_host(bench: Bench) -> None:
    """A program of the host's own reaches the guest at it."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    heard = bench.asked(bench.rig.host, bench.guests[0], FLOATING[0])
    assert heard is not None
    assert heard.from_whom == FLOATING[0]


def test_a_floating_ip_is_held_on_the_uplink_and_announced(bench: Bench) -> None:
    """Putting it sends gratuitous ARP onto the uplink; removing it takes the address away."""
    bench.plan(OPEN)
    wire = Wire(bench.internet)
    with closing(wire):
        bench.plan(OPEN, floating(0, bench.ports[0]))
        address = IPv4Address(FLOATING[0]).packed
        heard = wire.waiting()
    assert any(frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42] == address for frame in heard)
    assert FLOATING[0] in ip(bench.rig.host, "address", "show", "dev", "wan")
    bench.plan(OPEN)
    assert FLOATING[0] not in ip(bench.rig.host, "address", "show", "dev", "wan")


def connected(
    asking: NamespaceName, listening: NamespaceName, address: str, port: int = PORT
) -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection."""
    with netns.inside(listening), socket.create_server(("0.0.0.0", port)) as door:
        door.settimeout(3)
        with netns.inside(asking):
            near = socket.create_connection((address, port), timeout=3)
        far, _ = door.accept()
    far.settimeout(0.5)
    return near, far


def carries(near: socket.socket, far: socket.socket) -> bool:
    near.send(b"still there?")
    try:
        return far.recv(100) != b""
    except TimeoutError:
        return False


def test_a_removed_floating_ip_ends_its_connections_at_once(bench: Bench) -> None:
    """An established connection carries nothing more, in either direction."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    near, far = connected(bench.internet, bench.guests[0], FLOATING[0])
    with near, far:
        assert carries(near, far)
        bench.plan(OPEN)
        assert not carries(near, far)
        near.settimeout(0.5)
        assert not carries(far, near)


def test_a_moved_floating_ip_takes_its_connections_to_no_one_else(bench: Bench) -> None:
    """When it stands for another guest, the old guest's connection ends and new ones reach the new guest."""
    bench.plan(OPEN, floating(0, bench.ports[0]))
    near, far = connected(bench.internet, bench.guests[0], FLOATING[0])
    moved = floating(0, bench.ports[1])
    with near, far:
        bench.plan(OPEN, moved)
        assert not carries(near, far)
    assert bench.asked(bench.internet, bench.guests[1], FLOATING[0]) == Heard(INTERNET, FLOATING[0])


def test_a_revoked_rule_ends_its_connections_and_no_others(bench: Bench) -> None:
    """The connection that the rule allowed stops at once; another of the same guests loses no datagram."""
    bench.plan(OPEN)
    near, far = connected(bench.guests[1], bench.guests[0], FIXED[0])
    kept = replace(OPEN, rules=tuple(rule for rule in OPEN.rules if rule != inwards(6, PORT)))
    with near, far, speaker(bench.guests[1]) as mouth, speaker(bench.guests[0], port=4001) as ear:
        assert carries(near, far)
        assert ask(mouth, ear, FIXED[0], 4001)
        with streaming(mouth, FIXED[0], 4001) as sent:
            bench.plan(kept)
            assert not carries(near, far)
        assert len(sent) > 10
        assert gather(ear) == sent
