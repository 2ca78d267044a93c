"""A guest with a floating IP is routed by its host, whoever on the wire it takes for its router; with any engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

import pytest

from netwright.model.ids import GroupId, LinkName, Mac, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace
from netwright.model.plan import FloatingIpItem, GroupItem, PortItem, RulePlan, Serving
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.packets import Catcher
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)
from netwright.testing.talk import Heard, ask, speaker
from netwright.testing.wires import Wire, stranger

V4 = sample_subnet("10.35.0.0/24", Serving.STATIC)
NET = replace(sample_network(V4), uplink=LinkName("up0"))
FIXED: Final = ("10.35.0.10", "10.35.0.11")
ROUTER, NEIGHBOUR = "10.35.0.254", "10.35.0.20"
FAR, UPLINK, FLOATING = "203.0.113.1", "203.0.113.2", "203.0.113.50"
BEYOND = "198.51.100.1"
PORT: Final = 4000
OPEN = GroupItem(
    GroupId("00000001-6c0f-4000-8000-000000000000"),
    stateful=True,
    rules=tuple(RulePlan(way, EtherType.IPV4, AnyProtocol(), Anywhere()) for way in Direction),
)


@dataclass(frozen=True)
class Bench:
    """Two guests whose router is another's machine on their wire, which knows the way to everywhere, as the host does.

    Both lead to one far namespace, at the same addresses: who came which way is told by who it was.
    """

    rig: Rig
    router: NamespaceName
    far: NamespaceName
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]

    def have(self, *floating: FloatingIpItem) -> None:
        outcome = self.rig.plan(NET, OPEN, *self.ports, *floating)
        assert not outcome.pending, outcome

    def asked(self, guest: int, address: str, listening: NamespaceName) -> Heard | None:
        with speaker(self.guests[guest]) as mouth, speaker(listening, address, PORT) as ear:
            return ask(mouth, ear, address, PORT)

    def routed_by_router(self) -> int:
        """Packets that the other's machine has carried on."""
        titles, values, *_ = run(self.router, ["cat", "/proc/net/snmp"]).stdout.splitlines()
        return int(dict(zip(titles.split(), values.split(), strict=True))["ForwDatagrams"])


def forced(port: PortItem) -> FloatingIpItem:
    return replace(sample_floating_ip(port, FLOATING), on_wire=True)


@pytest.fixture(scope="module")
def bench(any_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        router, far, *guests = (
            stack.enter_context(namespace(label)) for label in ("router", "far", "guest", "guest")
        )
        host = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), any_engine))
        add_veth(host.host, "up0", router, "in")
        add_veth(router, "out", far, "eth1")
        add_veth(host.host, "wan", far, "eth0")
        add_addresses(router, "in", f"{ROUTER}/24", f"{NEIGHBOUR}/24")
        add_addresses(router, "out", "192.0.2.1/24")
        add_addresses(far, "eth1", "192.0.2.2/24", f"{BEYOND}/32")
        add_addresses(far, "eth0", f"{FAR}/24")
        add_addresses(host.host, "wan", f"{UPLINK}/24")
        ip(far, "route", "add", str(V4.cidr), "via", "192.0.2.1")
        ip(router, "route", "add", "default", "via", "192.0.2.2")
        ip(host.host, "route", "add", "default", "via", FAR)
        _forward(router)
        ports = tuple(_port(number, guest) for number, guest in enumerate(guests))
        made = Bench(host, router, far, tuple(guests), ports)
        made.have()
        for number, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{FIXED[number]}/24")
            ip(guest, "route", "add", "default", "via", ROUTER)
        yield made


def _forward(router: NamespaceName) -> None:
    run(router, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])


def _port(number: int, guest: NamespaceName) -> PortItem:
    port = sample_port(sample_address(V4, FIXED[number]), number=number + 1, network=NET)
    return replace(port, groups=(OPEN.id,), attachment=InNamespace(guest, LinkName("eth0")))


def test_what_leaves_the_network_is_translated(bench: Bench) -> None:
    """With a floating IP the far end sees that and answers to it, and the router on the wire carries nothing."""
    bench.have(forced(bench.ports[0]))
    before = bench.routed_by_router()
    assert bench.asked(0, BEYOND, bench.far) == Heard(FLOATING, BEYOND)
    assert bench.routed_by_router() == before


def test_others_are_bridged_as_before(bench: Bench) -> None:
    """A guest without a floating IP reaches the router that it chose, and the far end sees its own address."""
    bench.have(forced(bench.ports[0]))
    before = bench.routed_by_router()
    assert bench.asked(1, BEYOND, bench.far) == Heard(FIXED[1], BEYOND)
    assert bench.routed_by_router() > before


def test_it_ends_with_the_floating_ip(bench: Bench) -> None:
    """When the floating IP goes, what the guest sends is bridged to its router again; and forced anew when it is back."""
    bench.have(forced(bench.ports[0]))
    assert bench.asked(0, BEYOND, bench.far) == Heard(FLOATING, BEYOND)
    bench.have()
    before = bench.routed_by_router()
    assert bench.asked(0, BEYOND, bench.far) == Heard(FIXED[0], BEYOND)
    assert bench.routed_by_router() > before
    bench.have(forced(bench.ports[0]))
    assert bench.asked(0, BEYOND, bench.far) == Heard(FLOATING, BEYOND)


def test_what_stays_on_the_network_is_bridged(bench: Bench) -> None:
    """Others on the wire, and guests of the same network, see the fixed address of a guest with a floating IP."""
    bench.have(forced(bench.ports[0]))
    assert bench.asked(0, NEIGHBOUR, bench.router) == Heard(FIXED[0], NEIGHBOUR)
    assert bench.asked(0, FIXED[1], bench.guests[1]) == Heard(FIXED[0], FIXED[1])


def test_the_host_without_the_rule_would_lose_it(bench: Bench) -> None:
    """The plan without the fact that the network is on a wire lets the frame go by the host: the tests above can fail."""
    bench.have(sample_floating_ip(bench.ports[0], FLOATING))
    before = bench.routed_by_router()
    bench.asked(0, BEYOND, bench.far)
    assert bench.routed_by_router() > before


def test_it_is_reached_from_the_far_end(bench: Bench) -> None:
    """Connections to the floating IP are answered from it, though the guest sends its answers to the router."""
    bench.have(forced(bench.ports[0]))
    with speaker(bench.far, FAR) as mouth, speaker(bench.guests[0], FIXED[0], PORT) as ear:
        heard = ask(mouth, ear, FLOATING, PORT)
    assert heard is not None
    assert heard.from_whom == FLOATING


def test_a_forged_sender_is_not_carried_by_it(bench: Bench, any_engine: str) -> None:
    """A frame is judged before it is forced: under another's MAC it goes nowhere, where ports are guarded at all."""
    bench.have(forced(bench.ports[0]))
    router = Mac(run(bench.router, ["cat", "/sys/class/net/in/address"]).stdout.strip())
    target, own = End(router, IPv4Address(BEYOND)), bench.ports[0].mac
    line, ear = Wire(bench.guests[0]), Catcher(bench.far, PORT)
    with closing(line), closing(ear):
        for mac, carried in ((own, True), (stranger(1), any_engine == "none")):
            line.send(frames.udp(End(mac, IPv4Address(FIXED[0])), target, (PORT, PORT), mac.encode()))
            assert ear.caught() == ([(FLOATING, mac.encode())] if carried else [])
