"""What guests reach of the host itself, and what the outside may claim to be."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address
from itertools import count

import pytest

from netwright.kernel import netns
from netwright.model.ids import GroupId, Mac, bridge_mac, bridge_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType
from netwright.model.plan import GroupItem, NetworkItem, RulePlan, Serving
from netwright.render.nft import ESTABLISHED_MARK
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wire, Wired, one_cpu, silent_guests, wired

V4 = sample_subnet("10.31.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd31::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
OPEN = GroupItem(
    GroupId("00000001-6c0f-4000-8000-000000000000"),
    stateful=True,
    rules=tuple(RulePlan(way, kind, AnyProtocol(), Anywhere()) for way in Direction for kind in EtherType),
)
BRIDGE = bridge_name(NETWORK)
HERE = {version: End(bridge_mac(NETWORK), subnet.cidr[1]) for version, subnet in ((4, V4), (6, V6))}
METADATA = End(bridge_mac(NETWORK), IPv4Address("169.254.169.254"))
SOURCES = count(40000)
RESET, SYN_ACK = 0x14, 0x12
OUTSIDE_MAC, WAN_MAC = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")


@dataclass(frozen=True)
class Bench:
    rig: Rig
    wired: Wired
    outside: Wire

    def have(self, network: NetworkItem) -> None:
        """That network, with the guests' MACs known to the host: they are too silent to be asked."""
        self.rig.plan(network, OPEN, *self.wired.ports)
        for end in (self.wired.end(guest, version) for guest in range(2) for version in (4, 6)):
            words = ["neighbour", "replace", str(end.address), "lladdr", end.mac, "dev", BRIDGE]
            ip(self.rig.host, *words)

    def heard(self, frame: bytes) -> list[bytes]:
        """What guest 0 gets for a frame that it sends to the host."""
        me = frames.octets(self.wired.ports[0].mac)
        got = self.wired.exchange([(0, frame)])[0]
        return [frame for frame in got if frame[:6] == me and frame[12:14] != b"\x08\x06"]

    def tcp_answer(self, target: End, port: int) -> int | None:
        """The flags of the host's answer to a SYN."""
        version, source = target.address.version, next(SOURCES)
        head = 14 + (20 if version == 4 else 40)
        # An earlier connection's answer may be repeated at any time.
        answered = struct.pack(">HH", port, source)
        got = self.heard(frames.tcp(self.wired.end(0, version), target, (source, port)))
        flags = (frame[head + 13] for frame in got if frame[head : head + 4] == answered)
        return next(flags, None)

    def hears_udp(self, version: int, port: int) -> bool:
        """Whether a datagram of guest 0 reaches a socket of the host."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with netns.inside(self.rig.host), closing(socket.socket(family, socket.SOCK_DGRAM)) as listening:
            listening.bind((str(HERE[version].address), port))
            listening.setblocking(False)
            self.heard(frames.udp(self.wired.end(0, version), HERE[version], (40000, port), b"hello"))
            try:
                return listening.recv(10) == b"hello"
            except BlockingIOError:
                return False

    def gets_from_host(self, version: int, mark: int) -> bool:
        """Whether guest 0 gets a datagram that the host sends with a mark, of a connection of its own."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        words = b"marked %d" % next(SOURCES)
        with (
            netns.inside(self.rig.host),
            closing(socket.socket(family, socket.SOCK_DGRAM)) as line,
            one_cpu(),
        ):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            with suppress(PermissionError):  # what iptables drops of the host's own
                line.sendto(words, (str(self.wired.end(0, version).address), 2000))
            got = self.wired.exchange([])[0]
        return any(words in frame for frame in got)


@pytest.fixture(scope="module", params=["nftables", "iptables/nft", "iptables/legacy"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bare = [
        replace(
            sample_port(
                sample_address(V4, f"10.31.0.1{n}"),
                sample_address(V6, f"fd31::1{n}"),
                number=n + 1,
                network=NET,
            ),
            groups=(OPEN.id,),
        )
        for n in range(2)
    ]
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*bare))
        outside = stack.enter_context(namespace("out"))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), request.param))
        add_veth(made.host, "wan", outside, "eth0", OUTSIDE_MAC)
        ip(made.host, "link", "set", "wan", "address", WAN_MAC)
        add_addresses(made.host, "wan", "203.0.113.2/24", "2001:db8::2/64")
        run(made.host, ["sysctl", "-qw", "net.ipv4.conf.wan.rp_filter=0", "net.ipv4.conf.all.rp_filter=0"])
        made.plan(NET, OPEN, *ports)
        wire = Wire(outside)
        stack.callback(wire.close)
        yield Bench(made, stack.enter_context(wired(*ports)), wire)


@pytest.mark.parametrize("version", [4, 6])
def test_guests_reach_dns_dhcp_metadata_and_icmp_of_the_host_and_no_more(bench: Bench, version: int) -> None:
    """Other ports of the host are silent: not even a refusal comes back."""
    bench.have(NET)
    assert {port: bench.tcp_answer(HERE[version], port) for port in (22, 53, 80, 6443, 8775)} == {
        22: None,
        53: RESET,
        80: None,
        6443: None,
        8775: SYN_ACK,
    }
    assert {port: bench.hears_udp(version, port) for port in (53, 67, 547, 123, 4789)} == {
        53: True,
        67: True,
        547: True,
        123: False,
        4789: False,
    }
    echo = {4: 8, 6: 128}[version]
    assert bench.heard(
        frames.icmp(bench.wired.end(0, version), HERE[version], echo, rest=struct.pack(">I", 1))
    )


def test_the_metadata_address_is_answered_by_the_host(bench: Bench) -> None:
    """A connection to 169.254.169.254 port 80 is taken, and answered from there."""
    bench.have(NET)
    assert bench.tcp_answer(METADATA, 80) == SYN_ACK


@pytest.mark.parametrize("version", [4, 6])
def test_host_access_opens_the_host(bench: Bench, version: int) -> None:
    """With host_access every port of the host is reached, and without it no longer."""
    bench.have(replace(NET, host_access=True))
    assert bench.tcp_answer(HERE[version], 22) == RESET
    assert bench.hears_udp(version, 123)
    bench.have(NET)
    assert bench.tcp_answer(HERE[version], 22) is None


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        ("203.0.113.9", True),
        ("10.31.0.10", False),
        ("10.31.0.77", False),
        ("2001:db8::9", True),
        ("fd31::10", False),
        ("fd31::77", False),
    ],
)
def test_nobody_outside_sends_as_a_guest(bench: Bench, source: str, passes: bool) -> None:
    """Groups name guests by their addresses, so what comes from elsewhere with one of those is dropped."""
    bench.have(NET)
    claimed = End(OUTSIDE_MAC, ip_address(source))
    target = replace(bench.wired.end(1, claimed.address.version), mac=WAN_MAC)
    with one_cpu():
        bench.outside.send(frames.udp(claimed, target, (1000, 2000), b"from outside"))
        got = bench.wired.exchange([])[1]
    assert any(b"from outside" in frame for frame in got) is passes


@pytest.mark.parametrize("version", [4, 6])
def test_a_mark_of_others_opens_nothing(bench: Bench, version: int) -> None:
    """What the host sends with the mark of known connections already set is asked as anything else is."""
    bench.have(NET)
    assert bench.gets_from_host(version, ESTABLISHED_MARK)
    shut = replace(OPEN, rules=tuple(rule for rule in OPEN.rules if rule.direction is Direction.EGRESS))
    bench.rig.plan(NET, shut, *bench.wired.ports)
    assert not bench.gets_from_host(version, 0)
    assert not bench.gets_from_host(version, ESTABLISHED_MARK)
