"""What a guest may put on its wire: its own addresses, and nothing that speaks for another."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from netwright.model.eui64 import link_local
from netwright.model.ids import GroupId, Mac
from netwright.model.intent import AddressPair, AnyProtocol, Anywhere, Direction, EtherType
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing import frames
from netwright.testing.frames import BROADCAST, NOBODY, End
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wired, silent_guests, stranger, wired

V4 = sample_subnet("10.31.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd31::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OPEN = GroupItem(
    GROUP,
    stateful=True,
    rules=tuple(RulePlan(way, kind, AnyProtocol(), Anywhere()) for way in Direction for kind in EtherType),
)
HONEST, WATCHER, PAIRED, TRUSTED = range(4)
FOREIGN4, FOREIGN6 = IPv4Address("10.31.0.99"), IPv6Address("fd31::99")
FRIEND = stranger(7)
PAIRS = (
    ("10.31.7.0/28", None),
    ("10.31.0.200/32", FRIEND),
    ("fd31:7::/64", None),
    ("fd31::200/128", FRIEND),
)
ALL_NODES = End(Mac("33:33:00:00:00:01"), IPv6Address("ff02::1"))
ALL_ROUTERS = End(Mac("33:33:00:00:00:02"), IPv6Address("ff02::2"))
EVERYONE = End(BROADCAST, IPv4Address("255.255.255.255"))


@dataclass(frozen=True)
class Cast:
    """The sender's own ends and the watcher's."""

    four: End
    six: End
    local: End
    to4: End
    to6: End

    @property
    def mac(self) -> Mac:
        return self.four.mac

    def claims(self, address: str | IPv4Address | IPv6Address, mac: Mac | None = None) -> End:
        return End(mac or self.mac, ip_address(address))


Make = Callable[[Cast], bytes]


def udp(source: End, cast: Cast) -> bytes:
    target = cast.to4 if source.address.version == 4 else cast.to6
    return frames.udp(source, target, (1000, 2000), b"x")


def dad(cast: Cast, wanted: IPv6Address) -> bytes:
    node = IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | int(wanted) & 0xFFFFFF)
    return frames.solicitation(cast.claims("::"), End(ALL_NODES.mac, node), wanted)


def odd_arp(cast: Cast) -> bytes:
    frame = frames.arp(cast.mac, 2, cast.four, cast.to4)
    return frame[:14] + struct.pack(">H", 6) + frame[16:]


def hidden_advertisement(cast: Cast) -> bytes:
    body = frames.icmpv6_body(cast.local, cast.to6, b"\x86\0", bytes(12))
    return frames.ip(cast.local, cast.to6, 60, b"\x3a\0\x01\x04" + bytes(4) + body)


SPOOFED: dict[str, Make] = {
    "another's MAC": lambda c: udp(replace(c.four, mac=stranger(1)), c),
    "another's MAC, IPv6": lambda c: udp(replace(c.six, mac=stranger(1)), c),
    "another's IPv4 address": lambda c: udp(c.claims(FOREIGN4), c),
    "no IPv4 address": lambda c: udp(c.claims("0.0.0.0"), c),
    "another's IPv6 address": lambda c: udp(c.claims(FOREIGN6), c),
    "no IPv6 address": lambda c: udp(c.claims("::"), c),
    "another's link-local address": lambda c: udp(c.claims(link_local(stranger(1))), c),
    "ARP answer for another": lambda c: frames.arp(c.mac, 2, c.claims(FOREIGN4), c.to4),
    "ARP request as another": lambda c: frames.arp(c.mac, 1, c.claims(FOREIGN4), replace(c.to4, mac=NOBODY)),
    "gratuitous ARP for another": lambda c: frames.arp(
        c.mac, 1, c.claims(FOREIGN4), c.claims(FOREIGN4, NOBODY)
    ),
    "ARP answer with another's hardware": lambda c: frames.arp(
        c.mac, 2, replace(c.four, mac=stranger(1)), c.to4
    ),
    "ARP probe with another's hardware": lambda c: frames.arp(
        c.mac, 1, c.claims("0.0.0.0", stranger(1)), c.claims(FOREIGN4, NOBODY)
    ),
    "ARP of other hardware than Ethernet": odd_arp,
    "advertisement for another": lambda c: frames.advertisement(c.six, c.to6, FOREIGN6, c.mac),
    "advertisement as another": lambda c: frames.advertisement(
        c.claims(FOREIGN6), c.to6, IPv6Address(c.six.address), c.mac
    ),
    "DAD for another's address": lambda c: dad(c, FOREIGN6),
    "router advertisement": lambda c: frames.icmp(c.local, ALL_NODES, 134, rest=bytes(12)),
    "router advertisement behind options": hidden_advertisement,
    "redirect": lambda c: frames.icmp(c.local, c.to6, 137, rest=bytes(36)),
    "router renumbering": lambda c: frames.icmp(c.six, c.to6, 138, rest=bytes(12)),
    "DHCP server": lambda c: frames.udp(c.four, EVERYONE, (67, 68), bytes(240)),
    "DHCPv6 server": lambda c: frames.udp(c.local, c.to6, (547, 546), bytes(40)),
    "VLAN tag": lambda c: frames.tagged(udp(c.four, c), 5),
    "VLAN tag 0": lambda c: frames.tagged(udp(c.six, c), 0),
    "unknown EtherType": lambda c: frames.ethernet(c.mac, c.to4.mac, 0x88B5, bytes(46)),
    "LLC frame": lambda c: frames.ethernet(c.mac, c.to4.mac, 46, bytes(46)),
}
OWN: dict[str, Make] = {
    "IPv4": lambda c: udp(c.four, c),
    "IPv6": lambda c: udp(c.six, c),
    "link-local": lambda c: udp(c.local, c),
    "ARP answer": lambda c: frames.arp(c.mac, 2, c.four, c.to4),
    "ARP request": lambda c: frames.arp(c.mac, 1, c.four, replace(c.to4, mac=NOBODY)),
    "ARP probe": lambda c: frames.arp(c.mac, 1, c.claims("0.0.0.0"), replace(c.four, mac=NOBODY)),
    "gratuitous ARP": lambda c: frames.arp(c.mac, 1, c.four, replace(c.four, mac=NOBODY)),
    "advertisement": lambda c: frames.advertisement(c.six, c.to6, IPv6Address(c.six.address), c.mac),
    "link-local advertisement": lambda c: frames.advertisement(c.local, c.to6, link_local(c.mac), c.mac),
    "solicitation": lambda c: frames.solicitation(c.six, c.to6, IPv6Address(c.to6.address)),
    "DAD": lambda c: dad(c, IPv6Address(c.six.address)),
    "link-local DAD": lambda c: dad(c, link_local(c.mac)),
    "router solicitation": lambda c: frames.icmp(c.local, ALL_ROUTERS, 133),
    "router solicitation without address": lambda c: frames.icmp(c.claims("::"), ALL_ROUTERS, 133),
    "listener report without address": lambda c: frames.icmp(c.claims("::"), ALL_ROUTERS, 143),
    "DHCP": lambda c: frames.udp(c.claims("0.0.0.0"), EVERYONE, (68, 67), bytes(240)),
    "DHCPv6": lambda c: frames.udp(c.local, ALL_ROUTERS, (546, 547), bytes(40)),
}
BY_PAIR: dict[str, Make] = {
    "IPv4 prefix": lambda c: udp(c.claims("10.31.7.15"), c),
    "IPv4 address and MAC": lambda c: udp(c.claims("10.31.0.200", FRIEND), c),
    "IPv6 prefix": lambda c: udp(c.claims("fd31:7::ffff:1"), c),
    "IPv6 address and MAC": lambda c: udp(c.claims("fd31::200", FRIEND), c),
    "ARP in the prefix": lambda c: frames.arp(c.mac, 2, c.claims("10.31.7.1"), c.to4),
    "ARP by the other MAC": lambda c: frames.arp(FRIEND, 2, c.claims("10.31.0.200", FRIEND), c.to4),
    "advertisement in the prefix": lambda c: frames.advertisement(
        c.claims("fd31:7::1"), c.to6, IPv6Address("fd31:7::1"), c.mac
    ),
    "advertisement by the other MAC": lambda c: frames.advertisement(
        c.claims("fd31::200", FRIEND), c.to6, IPv6Address("fd31::200"), FRIEND
    ),
    "DAD in the prefix": lambda c: dad(c, IPv6Address("fd31:7::abcd")),
    "the other MAC's link-local": lambda c: udp(c.claims(link_local(FRIEND), FRIEND), c),
}
BEYOND_PAIRS: dict[str, Make] = {
    "IPv4 after the prefix": lambda c: udp(c.claims("10.31.7.16"), c),
    "IPv6 after the prefix": lambda c: udp(c.claims("fd31:7:0:1::"), c),
    "own address, other MAC": lambda c: udp(replace(c.four, mac=FRIEND), c),
    "prefix, other MAC": lambda c: udp(c.claims("10.31.7.1", FRIEND), c),
    "the other MAC's address, own MAC": lambda c: udp(c.claims("fd31::200"), c),
    "DAD after the prefix": lambda c: dad(c, IPv6Address("fd31:7:0:1::")),
}


@dataclass(frozen=True)
class Bench:
    rig: Rig
    wired: Wired

    def cast(self, sender: int) -> Cast:
        four, six = self.wired.end(sender), self.wired.end(sender, 6)
        local = End(four.mac, link_local(four.mac))
        return Cast(four, six, local, self.wired.end(WATCHER), self.wired.end(WATCHER, 6))

    def seen(self, sender: int, make: Make) -> bool:
        """Whether it reached the watcher."""
        return self.wired.arrives(sender, WATCHER, make(self.cast(sender)))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bare = [_port(number) for number in range(4)]
    bare[WATCHER] = replace(bare[WATCHER], secured=False, groups=())
    bare[TRUSTED] = replace(bare[TRUSTED], secured=False, groups=())
    pairs = tuple(AddressPair(ip_network(prefix), mac or bare[PAIRED].mac) for prefix, mac in PAIRS)
    bare[PAIRED] = replace(bare[PAIRED], pairs=pairs)
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*bare))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig")))
        outcome = made.plan(NET, OPEN, *ports)
        assert not outcome.pending, outcome
        yield Bench(made, stack.enter_context(wired(*ports)))


def _port(guest: int) -> PortItem:
    held = sample_address(V4, f"10.31.0.{10 + guest}"), sample_address(V6, f"fd31::{10 + guest}")
    return replace(sample_port(*held, number=guest + 1, network=NET), groups=(GROUP,))


@pytest.mark.parametrize("what", SPOOFED)
def test_nothing_that_speaks_for_another_leaves_a_port(bench: Bench, what: str) -> None:
    """A secured port's guest cannot send it, although its groups allow everything."""
    assert not bench.seen(HONEST, SPOOFED[what])


@pytest.mark.parametrize("what", OWN)
def test_a_port_may_send_what_is_its_own(bench: Bench, what: str) -> None:
    """What a guest needs to have and use its own addresses passes."""
    assert bench.seen(HONEST, OWN[what])


@pytest.mark.parametrize("what", BY_PAIR)
def test_allowed_address_pairs_may_be_sent_from(bench: Bench, what: str) -> None:
    """Addresses, prefixes and MACs of the port's pairs pass, and are another's where there are no pairs."""
    assert bench.seen(PAIRED, BY_PAIR[what])
    assert not bench.seen(HONEST, BY_PAIR[what])


@pytest.mark.parametrize("what", BEYOND_PAIRS)
def test_pairs_allow_no_more_than_they_say(bench: Bench, what: str) -> None:
    """A pair's MAC goes with its own prefix only, and a prefix ends where it ends."""
    assert not bench.seen(PAIRED, BEYOND_PAIRS[what])


@pytest.mark.parametrize("what", SPOOFED | OWN | BY_PAIR)
def test_without_port_security_everything_passes(bench: Bench, what: str) -> None:
    """A port whose security is off sends whatever it likes."""
    assert bench.seen(TRUSTED, (SPOOFED | OWN | BY_PAIR)[what])


@pytest.mark.parametrize("sender", [HONEST, TRUSTED])
@pytest.mark.parametrize("hiding", [False, True])
def test_nothing_hides_in_fragments(bench: Bench, sender: int, hiding: bool) -> None:
    """Whole headers come first, or what follows does not come at all: a filter could not see it."""
    cast = bench.cast(sender)
    # The bridge's own tracking passes a datagram on only if one of its fragments has IPv6's least MTU,
    # 1280, or more (Linux: br_ip6_fragment).
    body = frames.udp_body(cast.six, cast.to6, (1000, 2000), b"in the second fragment".ljust(1300))
    sent = frames.fragments(cast.six, cast.to6, 17, body, hiding=hiding)
    seen = bench.wired.exchange([(sender, frame) for frame in sent])[WATCHER]
    assert any(b"second fragment" in frame for frame in seen) is not hiding
