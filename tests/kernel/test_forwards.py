"""Ports of a floating IP that are guests' ports: from outside, from the host, from their own network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from netwright.kernel import netns
from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace, PortRange, Ports
from netwright.model.plan import GroupItem, Item, PortItem, RulePlan, Serving
from netwright.model.plan_parts import PortForward
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_forwards,
    sample_network,
    sample_port,
    sample_port_forward,
    sample_subnet,
)
from netwright.testing.talk import Heard, ask, speaker, tell

V4 = sample_subnet("10.33.0.0/24", Serving.STATIC)
NET = sample_network(V4)
INTERNET, UPLINK, FLOATING = "203.0.113.1", "203.0.113.2", "203.0.113.60"
FIXED = ("10.33.0.10", "10.33.0.11")
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
OPEN = GroupItem(
    GROUP,
    stateful=True,
    rules=(
        *OUT,
        *(
            RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(number, 4000, 4100), Anywhere())
            for number in (6, 17)
        ),
    ),
)


@dataclass(frozen=True)
class Bench:
    """Two guests on a network, a host with an uplink, and the internet at its other end."""

    rig: Rig
    internet: NamespaceName
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]
    flush: tuple[str, ...]

    def plan(self, *items: Item) -> None:
        outcome = self.rig.plan(NET, OPEN, *items, *self.ports)
        assert not outcome.pending, outcome
        assert not self.rig.look().writes

    def forward(self, *forwards: PortForward) -> None:
        self.plan(sample_forwards(FLOATING, *forwards))

    def forwarded(
        self, guest: int, protocol: str, external: tuple[int, int], internal: tuple[int, int]
    ) -> PortForward:
        return sample_port_forward(self.ports[guest], protocol, Ports(*external), Ports(*internal))

    def asked(self, asking: NamespaceName, guest: int, port: int, listening: int) -> Heard | None:
        """A datagram to that port of the floating IP, while the guest listens at another one."""
        with speaker(asking) as mouth, speaker(self.guests[guest], port=listening) as ear:
            return ask(mouth, ear, FLOATING, port)


@pytest.fixture(scope="module", params=["nftables", "iptables/nft", "iptables/legacy"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        internet, *guests = (stack.enter_context(namespace(label)) for label in ("net", "guest", "guest"))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), request.param))
        add_veth(made.host, "wan", internet, "eth0")
        add_addresses(made.host, "wan", f"{UPLINK}/24")
        add_addresses(internet, "eth0", f"{INTERNET}/24")
        ports = tuple(_plugged(number, guest) for number, guest in enumerate(guests))
        made.plan(NET, OPEN, *ports)
        for number, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{FIXED[number]}/24")
            ip(guest, "route", "add", "default", "via", "10.33.0.1")
        yield Bench(made, internet, tuple(guests), ports, _FLUSHES[request.param])


def _plugged(number: int, guest: NamespaceName) -> PortItem:
    port = sample_port(sample_address(V4, FIXED[number]), number=number + 1, network=NET)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


def test_each_port_leads_to_its_own_guest(bench: Bench) -> None:
    """Ports of one floating IP are those of several guests, each under another number; they see who asks."""
    bench.forward(
        bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)),
        bench.forwarded(1, "udp", (7001, 7001), (4000, 4000)),
    )
    for guest, port in ((0, 7000), (1, 7001)):
        assert bench.asked(bench.internet, guest, port, 4000) == Heard(INTERNET, FLOATING)


def test_protocols_are_forwarded_apart(bench: Bench) -> None:
    """TCP's port is one guest's, UDP's port of the same number another's, and no other port leads anywhere."""
    bench.forward(
        bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)),
        bench.forwarded(1, "tcp", (7000, 7000), (4000, 4000)),
    )
    assert bench.asked(bench.internet, 0, 7000, 4000) == Heard(INTERNET, FLOATING)
    near, far = connected(bench.internet, bench.guests[1], 7000, 4000)
    with near, far:
        tell(near, far)
        tell(far, near)
    assert bench.asked(bench.internet, 0, 7001, 4000) is None


@pytest.mark.parametrize(
    ("external", "internal", "pairs"),
    [
        ((7000, 7010), (4000, 4010), {7000: 4000, 7005: 4005, 7010: 4010}),
        ((4000, 4010), (4000, 4010), {4000: 4000, 4003: 4003, 4010: 4010}),
        ((7000, 7010), (4050, 4050), {7000: 4050, 7010: 4050}),
    ],
)
def test_ranges_keep_their_order(
    bench: Bench, external: tuple[int, int], internal: tuple[int, int], pairs: dict[int, int]
) -> None:
    """Each port of a range is that of its place in the other range, or the one that there is; beyond its ends nothing is."""
    bench.forward(bench.forwarded(0, "udp", external, internal))
    for port, listening in pairs.items():
        assert bench.asked(bench.internet, 0, port, listening) == Heard(INTERNET, FLOATING)
    for port in (external[0] - 1, external[1] + 1):
        assert bench.asked(bench.internet, 0, port, internal[0]) is None


def test_a_forward_is_reached_from_its_own_network_and_from_the_host(bench: Bench) -> None:
    """A guest, the host and the internet reach it at one address, and are answered from there."""
    bench.forward(bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)))
    for asking in (bench.guests[1], bench.rig.host):
        heard = bench.asked(asking, 0, 7000, 4000)
        assert heard is not None
        assert heard.from_whom == FLOATING


def test_groups_judge_what_is_forwarded(bench: Bench) -> None:
    """A port without a rule stays shut behind a forward; the rule names the guest's own port."""
    bench.forward(bench.forwarded(0, "udp", (7000, 7000), (3999, 3999)))
    assert bench.asked(bench.internet, 0, 7000, 3999) is None


def test_what_is_not_forwarded_is_not_the_hosts(bench: Bench) -> None:
    """The host's own services are not reached at the address, but it answers echoes."""
    bench.forward(bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)))
    with speaker(bench.internet) as mouth, speaker(bench.rig.host, port=7777) as ear:
        assert ask(mouth, ear, UPLINK, 7777)
        assert ask(mouth, ear, FLOATING, 7777) is None
    run(bench.internet, ["ping", "-c", "1", "-W", "2", FLOATING])


def connected(
    asking: NamespaceName, listening: NamespaceName, port: int, door: int
) -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection to the floating IP."""
    with netns.inside(listening), socket.create_server(("0.0.0.0", door)) as opened:
        opened.settimeout(3)
        with netns.inside(asking):
            near = socket.create_connection((FLOATING, port), timeout=3)
        far, _ = opened.accept()
    far.settimeout(0.3)
    near.settimeout(0.3)
    return near, far


def carries(speaking: socket.socket, listening: socket.socket) -> bool:
    try:
        tell(speaking, listening)
    except OSError:
        return False
    return True


def test_a_forward_that_goes_takes_its_connections_along(bench: Bench) -> None:
    """Its connection carries nothing more, either way; that of another forward of the address goes on."""
    gone = bench.forwarded(0, "tcp", (7000, 7000), (4000, 4000))
    kept = bench.forwarded(1, "tcp", (7001, 7001), (4000, 4000))
    bench.forward(gone, kept)
    first, second = (connected(bench.internet, bench.guests[guest], 7000 + guest, 4000) for guest in (0, 1))
    with first[0], first[1], second[0], second[1]:
        bench.forward(kept)
        assert (carries(*first), carries(*reversed(first))) == (False, False)
        assert (carries(*second), carries(*reversed(second))) == (True, True)


def test_a_forward_that_comes_takes_over_what_came_to_the_host(bench: Bench) -> None:
    """Datagrams that were sent to the port before, and went nowhere, reach the guest from then on."""
    bench.forward(bench.forwarded(1, "udp", (7001, 7001), (4000, 4000)))
    with speaker(bench.internet) as mouth, speaker(bench.guests[0], port=4000) as ear:
        assert ask(mouth, ear, FLOATING, 7000) is None
        bench.forward(bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)))
        assert ask(mouth, ear, FLOATING, 7000) == Heard(INTERNET, FLOATING)


def test_a_forward_moves_to_another_guest(bench: Bench) -> None:
    """New connections reach the new guest, and the address is held while any forward is there."""
    bench.forward(bench.forwarded(0, "udp", (7000, 7000), (4000, 4000)))
    bench.forward(bench.forwarded(1, "udp", (7000, 7000), (4001, 4001)))
    assert bench.asked(bench.internet, 1, 7000, 4001) == Heard(INTERNET, FLOATING)
    assert FLOATING in ip(bench.rig.host, "address", "show", "dev", "wan")
    bench.plan()
    assert FLOATING not in ip(bench.rig.host, "address", "show", "dev", "wan")


def test_a_fresh_agent_finds_and_mends_forwards(bench: Bench) -> None:
    """What a killed agent left is known as ours; taken away behind its back, it comes back."""
    bench.forward(
        bench.forwarded(0, "udp", (7000, 7010), (4000, 4010)),
        bench.forwarded(0, "udp", (4000, 4010), (4020, 4030)),
    )
    items = bench.rig.items
    bench.rig.restart()
    outcome = bench.rig.plan(*items)
    assert set(outcome.written) <= {Stage.METADATA}  # whose sockets are the agent's own
    run(bench.rig.host, bench.flush)
    assert bench.asked(bench.internet, 0, 7003, 4003) is None
    assert not bench.rig.look().pending
    assert bench.asked(bench.internet, 0, 7003, 4003) == Heard(INTERNET, FLOATING)
    assert bench.asked(bench.internet, 0, 4003, 4023) == Heard(INTERNET, FLOATING)


_FLUSHES = {
    "nftables": ("nft", "delete", "table", "inet", "netwright"),
    "iptables/nft": ("iptables-nft", "-t", "nat", "-F"),
    "iptables/legacy": ("iptables-legacy", "-t", "nat", "-F"),
}
