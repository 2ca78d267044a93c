"""What limits and marks do to real packets, with every way to filter them beside."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import pytest

from netwright.model.host import ShaperKey, Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName, shaper_link_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace
from netwright.model.plan import GroupItem, Item, PortItem, PortQosItem, RulePlan, Serving
from netwright.model.qos import Bandwidth, PacketRate
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)
from netwright.testing.talk import speaker

V4 = sample_subnet("10.36.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd36::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OPEN = GroupItem(
    GROUP,
    stateful=True,
    rules=tuple(RulePlan(way, kind, AnyProtocol(), Anywhere()) for way in Direction for kind in EtherType),
)
FIXED = ("10.36.0.10", "10.36.0.11")
FIXED6 = ("fd36::10", "fd36::11")
INTERNET, UPLINK, FLOATING = "203.0.113.1", "203.0.113.2", "203.0.113.50"
MEGABIT = Bandwidth(125_000)
PORT = 4000
COUNT, SIZE = 1500, 1200
"""A flood: 14 Mbit, more than a second's worth of any limit here."""
SILENCE = 0.3
TAPS = tuple(LinkName(f"tap0000000{number}-90") for number in (1, 2))


@dataclass(frozen=True)
class Bench:
    """Two guests on a network, a host with an uplink, and the internet at its other end."""

    rig: Rig
    internet: NamespaceName
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]

    def plan(self, *items: Item) -> None:
        outcome = self.rig.plan(NET, OPEN, *self.ports, *items)
        assert not outcome.pending, outcome

    def qos(self, **values: object) -> PortQosItem:
        """Of the first guest's port."""
        return PortQosItem(self.ports[0].id, NET.mtu, **values)


@pytest.fixture(scope="module", params=["nftables", "iptables/nft", "iptables/legacy", "none"])
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
            add_addresses(guest, "eth0", f"{FIXED[number]}/24", f"{FIXED6[number]}/64")
            ip(guest, "route", "add", "default", "via", "10.36.0.1")
        yield Bench(made, internet, tuple(guests), ports)


def _plugged(number: int, guest: NamespaceName) -> PortItem:
    held = sample_address(V4, FIXED[number]), sample_address(V6, FIXED6[number])
    port = sample_port(*held, number=number + 1, network=NET)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


def flood(source: NamespaceName, target: NamespaceName, address: str, size: int = SIZE) -> int:
    """How many of COUNT datagrams, sent as fast as may be, arrive; what queues here cannot take is lost at once."""
    arrived = 0
    with speaker(source) as mouth, speaker(target, "0.0.0.0", PORT) as ear:
        mouth.sendto(b"first", (address, PORT))  # whoever has to be found is found now
        ear.recv(2048)
        mouth.setblocking(False)
        for number in range(COUNT):
            with suppress(BlockingIOError):
                mouth.sendto(bytes(size), (address, PORT))
            if number % 50 == 0:
                arrived += drained(ear, 0.0)
        return arrived + drained(ear, SILENCE)


def drained(ear: socket.socket, seconds: float) -> int:
    """How many datagrams come until for so long none does."""
    found = 0
    ear.settimeout(seconds)
    with suppress(TimeoutError, BlockingIOError):
        while ear.recv(2048):
            found += 1
    return found


WAYS = {"from_guest": (0, 1), "to_guest": (1, 0)}


@pytest.mark.parametrize("way", WAYS)
def test_bandwidth_is_held_to_the_limit_one_way(bench: Bench, way: str) -> None:
    """A flood through a limit of 1 Mbit/s arrives to less than a tenth, the other way nearly all of it, as without."""
    source, target = WAYS[way]
    bench.plan(bench.qos(**{way: MEGABIT}))
    limited = flood(bench.guests[source], bench.guests[target], FIXED[target])
    free = flood(bench.guests[target], bench.guests[source], FIXED[source])
    bench.plan()
    before = flood(bench.guests[source], bench.guests[target], FIXED[target])
    assert 0 < limited < before / 10
    assert free > COUNT * 0.9
    assert before > COUNT * 0.9


def test_a_burst_passes_at_once(bench: Bench) -> None:
    """What fits into the burst that is asked for is not held up, however slow the limit."""
    bench.plan(bench.qos(from_guest=Bandwidth(125_000, COUNT * (SIZE + 100))))
    assert flood(bench.guests[0], bench.guests[1], FIXED[1]) > COUNT * 0.9


@pytest.mark.parametrize("way", WAYS)
def test_packets_are_held_to_their_rate_one_way(bench: Bench, way: str) -> None:
    """Of small packets no more pass than the rate and its burst let; the other way all do."""
    source, target = WAYS[way]
    bench.plan(bench.qos(**{f"packets_{way}": PacketRate(100, 10)}))
    assert flood(bench.guests[source], bench.guests[target], FIXED[target], 20) < COUNT / 4
    assert flood(bench.guests[target], bench.guests[source], FIXED[source], 20) > COUNT * 0.9


def seen_marks(source: NamespaceName, target: NamespaceName, addresses: tuple[str, str]) -> tuple[int, int]:
    """The DSCP of a datagram of each IP version as it arrives."""
    found = []
    options = (
        (socket.IPPROTO_IP, socket.IP_RECVTOS, socket.IP_TOS, "0.0.0.0"),
        (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS, "::"),
    )
    for address, (level, asked, told, any_) in zip(addresses, options, strict=True):
        with speaker(source, any_) as mouth, speaker(target, any_, PORT) as ear:
            ear.setsockopt(level, asked, 1)
            mouth.sendto(b"marked?", (address, PORT))
            _, notes, _, _ = ear.recvmsg(100, 100)
            ((_, kind, data),) = notes
            assert kind == told
            found.append(data[0] >> 2)
    return found[0], found[1]


def test_what_a_guest_sends_is_marked(bench: Bench) -> None:
    """IPv4 and IPv6 arrive with the mark, from that guest only; without the policy with the sender's own."""
    bench.plan(bench.qos(dscp=46))
    assert seen_marks(*bench.guests, (FIXED[1], FIXED6[1])) == (46, 46)
    assert seen_marks(*reversed(bench.guests), (FIXED[0], FIXED6[0])) == (0, 0)
    bench.plan(bench.qos(dscp=8))
    assert seen_marks(*bench.guests, (FIXED[1], FIXED6[1])) == (8, 8)
    bench.plan()
    assert seen_marks(*bench.guests, (FIXED[1], FIXED6[1])) == (0, 0)


def test_a_floating_ip_is_held_to_its_limits(bench: Bench) -> None:
    """What comes to it and what goes out as it, each way by its own limit; the port's other traffic is free."""
    floating = sample_floating_ip(bench.ports[0], FLOATING)
    bench.plan(replace(floating, comes=MEGABIT))
    assert flood(bench.internet, bench.guests[0], FLOATING) < COUNT / 4
    assert flood(bench.guests[0], bench.internet, INTERNET) > COUNT * 0.9
    bench.plan(replace(floating, goes=MEGABIT))
    assert flood(bench.guests[0], bench.internet, INTERNET) < COUNT / 4
    assert flood(bench.internet, bench.guests[0], FLOATING) > COUNT * 0.9
    assert flood(bench.guests[0], bench.guests[1], FIXED[1]) > COUNT * 0.9


EVERYTHING = {
    "to_guest": MEGABIT,
    "from_guest": Bandwidth(1_250_000_000, 4_000_000),
    "packets_to_guest": PacketRate(1000, 100),
    "packets_from_guest": PacketRate(2_000_000_000, 1 << 33),
    "dscp": 46,
}


def test_a_fresh_agent_finds_limits_as_they_are(bench: Bench) -> None:
    """It writes nothing where all is right, and takes away all that it is no longer asked for."""
    bench.plan(bench.qos(**EVERYTHING))
    bench.rig.restart()
    outcome = bench.rig.plan(NET, OPEN, *bench.ports, bench.qos(**EVERYTHING))
    assert not outcome.pending
    assert Stage.SHAPERS not in outcome.written
    assert Stage.QOS not in outcome.written
    bench.rig.restart()
    bench.plan()
    outcome = bench.rig.look()
    assert outcome.removed[Stage.SHAPERS] == 2
    assert "4e57" not in run(bench.rig.host, ["tc", "qdisc"]).stdout
    assert "ifb" not in ip(bench.rig.host, "-br", "link")
    assert "clsact" not in run(bench.rig.host, ["tc", "qdisc"]).stdout
    assert "netwright-qos" not in run(bench.rig.host, ["nft", "list", "tables"]).stdout


DEEDS = {
    "the queue to the guest goes": f"tc qdisc del dev {TAPS[0]} root",
    "it lets more through": f"tc qdisc change dev {TAPS[0]} root tbf rate 2mbit burst 16384 limit 49152",
    "its burst grows": f"tc qdisc change dev {TAPS[0]} root tbf rate 1mbit burst 163840 limit 49152",
    "the queue from the guest goes": f"tc qdisc del dev {shaper_link_name(TAPS[0])} root",
    "its link goes": f"ip link del {shaper_link_name(TAPS[0])}",
    "its link is shut": f"ip link set {shaper_link_name(TAPS[0])} down",
    "its link loses its mark": f"ip link set {shaper_link_name(TAPS[0])} alias ",
    "nothing is led there": f"tc filter del dev {TAPS[0]} ingress",
    "the hook goes": f"tc qdisc del dev {TAPS[0]} clsact",
    "the mark goes": "nft flush chain bridge netwright-qos dscp-46",
    "the table goes": "nft delete table bridge netwright-qos",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_strangers_change_is_mended(bench: Bench, deed: str) -> None:
    """After whatever somebody did to a queue, its link, the filter or the table, a look puts it as it was."""
    bench.plan(bench.qos(**EVERYTHING))
    run(bench.rig.host, DEEDS[deed].split(" "))
    assert bench.rig.look().writes
    assert bench.rig.there() == bench.rig.wanted()
    assert seen_marks(*bench.guests, (FIXED[1], FIXED6[1])) == (46, 46)


def test_a_link_made_anew_is_limited_anew(bench: Bench) -> None:
    """The port's pair is made again when its guest's end goes: its queues are there afterwards."""
    bench.plan(bench.qos(**EVERYTHING))
    ip(bench.rig.host, "link", "del", TAPS[0])
    bench.rig.look()
    assert bench.rig.there() == bench.rig.wanted()
    add_addresses(bench.guests[0], "eth0", f"{FIXED[0]}/24", f"{FIXED6[0]}/64")
    ip(bench.guests[0], "route", "add", "default", "via", "10.36.0.1")
    assert seen_marks(*bench.guests, (FIXED[1], FIXED6[1])) == (46, 46)


def test_a_strangers_queue_stays_and_is_told(bench: Bench) -> None:
    """A discipline that somebody put at a port's root is neither replaced nor removed, and the stage says so."""
    bench.plan()
    run(bench.rig.host, ["tc", "qdisc", "add", "dev", TAPS[0], "root", "handle", "7:", "pfifo"])
    outcome = bench.rig.plan(NET, OPEN, *bench.ports, bench.qos(to_guest=MEGABIT))
    assert "not netwright's (pfifo)" in outcome.failures[Stage.SHAPERS].said
    assert "pfifo 7:" in run(bench.rig.host, ["tc", "qdisc", "show", "dev", TAPS[0]]).stdout
    bench.plan()
    assert "pfifo 7:" in run(bench.rig.host, ["tc", "qdisc", "show", "dev", TAPS[0]]).stdout
    run(bench.rig.host, ["tc", "qdisc", "del", "dev", TAPS[0], "root"])


def test_a_strangers_filter_stays(bench: Bench) -> None:
    """Where somebody else filters what comes in from a port, our filter comes and goes, and theirs stays."""
    host = bench.rig.host
    bench.plan()
    run(host, ["tc", "qdisc", "add", "dev", TAPS[0], "clsact"])
    theirs = "protocol ip prio 7 u32 match ip dst 192.0.2.7 action mirred egress redirect dev wan"
    run(host, ["tc", "filter", "add", "dev", TAPS[0], "ingress", *theirs.split(" ")])
    bench.plan(bench.qos(from_guest=MEGABIT))
    assert bench.rig.there()[Stage.SHAPERS].keys() == {ShaperKey(TAPS[0], Direction.EGRESS)}
    bench.plan()
    shown = run(host, ["tc", "filter", "show", "dev", TAPS[0], "ingress"]).stdout
    assert ("pref 7 " in shown, "20055" in shown) == (True, False)
    run(host, ["tc", "qdisc", "del", "dev", TAPS[0], "clsact"])
