"""Two hosts on one wire hold one gateway's address: each serves its own guests, with any engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from netwright.kernel.addresses import announce
from netwright.model.host import AddressKey
from netwright.model.ids import HostName, LinkName, Mac, bridge_name, host_bridge_mac
from netwright.model.intent import InNamespace
from netwright.model.plan import NetworkItem, PortItem, Serving
from netwright.render.addresses import METADATA_IPV6, network_addresses
from netwright.testing import frames
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.frames import BROADCAST, NOBODY, End
from netwright.testing.namespaces import add_veth, eventually
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wire, one_cpu, silent_guests, stranger

V4 = sample_subnet("10.34.0.0/24")
V6 = sample_subnet("fd34::/64", Serving.SLAAC, number=2)
UPLINK = LinkName("up0")
NET = replace(sample_network(V4, V6), uplink=UPLINK, shared_gateway=True)
MACS = tuple(host_bridge_mac(NETWORK, HostName(name)) for name in ("one", "two"))
GATEWAY4, GATEWAY6 = IPv4Address("10.34.0.1"), IPv6Address("fd34::1")
ALL_NODES = End(Mac("33:33:00:00:00:01"), IPv6Address("ff02::1"))
ALL_ROUTERS = End(Mac("33:33:00:00:00:02"), IPv6Address("ff02::2"))
ALL_SERVERS = End(Mac("33:33:00:01:00:02"), IPv6Address("ff02::1:2"))
EVERYONE = End(BROADCAST, IPv4Address("255.255.255.255"))
NOWHERE = End(NOBODY, IPv4Address("0.0.0.0"))
SILENCE = 0.3
"""Seconds after which no frame is expected any more."""


@dataclass(frozen=True)
class Hosts:
    """Two hosts, a guest on each, the wires of these, and the end of the uplink at the second host."""

    rigs: tuple[Rig, ...]
    ports: tuple[PortItem, ...]
    guests: tuple[Wire, ...]
    uplink: Wire

    def have(self, network: NetworkItem) -> None:
        for made, port, mac in zip(self.rigs, self.ports, MACS, strict=True):
            outcome = made.plan(replace(network, mac=mac), port)
            assert not outcome.pending, outcome

    def heard(self, wire: Wire, sender: Wire, *sent: bytes) -> list[bytes]:
        """What arrives at one wire once frames have been put on another."""
        wire.waiting()
        with one_cpu():
            for frame in sent:
                sender.send(frame)
        time.sleep(SILENCE)
        return wire.waiting()

    def passes(self, sender: Wire, wire: Wire, frame: bytes) -> bool:
        return frame in self.heard(wire, sender, frame)


@pytest.fixture(scope="module")
def hosts(any_engine: str) -> Iterator[Hosts]:
    held = [(f"10.34.0.1{number}", f"fd34::1{number}") for number in (0, 1)]
    ports = [
        replace(
            sample_port(sample_address(V4, four), sample_address(V6, six), number=number, network=NET),
            secured=False,
        )
        for number, (four, six) in enumerate(held, 1)
    ]
    with ExitStack() as stack:
        rigs = tuple(stack.enter_context(rig(stack.enter_context(readable()), any_engine)) for _ in range(2))
        add_veth(rigs[0].host, UPLINK, rigs[1].host, UPLINK)
        plugged = stack.enter_context(silent_guests(*ports))
        made = Hosts(rigs, plugged, (), stack.enter_context(closing(Wire(rigs[1].host, UPLINK))))
        made.have(NET)
        wires = tuple(stack.enter_context(closing(_wire(port))) for port in plugged)
        yield replace(made, guests=wires)


@contextmanager
def readable() -> Iterator[Path]:
    """A directory that dnsmasq, which is not root for long, may look into."""
    with TemporaryDirectory(prefix="nwt-") as name:
        made = Path(name)
        made.chmod(0o755)
        yield made


def _wire(port: PortItem) -> Wire:
    assert isinstance(port.attachment, InNamespace)
    return Wire(port.attachment.namespace, port.attachment.link)


def ends(mac: Mac, last: int) -> tuple[End, End, End]:
    """Of IPv4, of IPv6, and link-local."""
    prefixes = IPv4Address("10.34.0.0"), IPv6Address("fd34::"), IPv6Address("fe80::")
    four, six, local = (End(mac, prefix + last) for prefix in prefixes)
    return four, six, local


def kept_apart(mac: Mac, last: int) -> dict[str, bytes]:
    """What must not cross the uplink, as somebody with that MAC would say it."""
    four, six, local = ends(mac, last)
    gateway4, gateway6 = End(mac, GATEWAY4), End(mac, GATEWAY6)
    return {
        "ARP for the gateway": frames.arp(mac, 1, four, End(NOBODY, GATEWAY4)),
        "ARP probe of the gateway": frames.arp(mac, 1, NOWHERE, End(NOBODY, GATEWAY4)),
        "ARP answer": frames.arp(mac, 2, gateway4, End(BROADCAST, EVERYONE.address)),
        "ARP from the gateway": frames.arp(mac, 1, gateway4, End(NOBODY, four.address + 1)),
        "DHCP": frames.udp(End(mac, NOWHERE.address), EVERYONE, (68, 67), b"discover"),
        "DHCP answer": frames.udp(gateway4, EVERYONE, (67, 68), b"offer"),
        "DHCPv6": frames.udp(local, ALL_SERVERS, (546, 547), b"solicit"),
        "DHCPv6 answer": frames.udp(local, ALL_NODES, (547, 546), b"advertise"),
        "router advertisement": frames.icmp(local, ALL_NODES, 134, rest=bytes(12)),
        "solicitation": frames.solicitation(six, ALL_NODES, GATEWAY6),
        "solicitation from the gateway": frames.solicitation(gateway6, ALL_NODES, six.address + 1),
        "solicitation of the metadata service": frames.solicitation(six, ALL_NODES, METADATA_IPV6.ip),
        "solicitation behind three headers": _behind_headers(six, frames.octets(mac)),
        "advertisement": frames.advertisement(local, ALL_NODES, GATEWAY6, mac),
        "advertisement of the metadata service": frames.advertisement(
            local, ALL_NODES, METADATA_IPV6.ip, mac
        ),
    }


def _behind_headers(source: End, mac: bytes) -> bytes:
    """For the gateway, after three headers of destination options."""
    body = frames.icmpv6_body(source, ALL_NODES, b"\x87\0", bytes(4) + GATEWAY6.packed + b"\1\1" + mac)
    headers = [bytes([following, 0, 1, 4, 0, 0, 0, 0]) for following in (60, 60, frames.ICMPV6)]
    return frames.ip(source, ALL_NODES, 60, b"".join(headers) + body)


def common(mac: Mac, last: int) -> dict[str, bytes]:
    """What crosses it as ever."""
    four, six, _ = ends(mac, last)
    other4, other6, _ = ends(stranger(9), 99)
    return {
        "ARP for a guest": frames.arp(mac, 1, four, End(NOBODY, other4.address)),
        "ARP answer of a guest": frames.arp(mac, 2, four, End(BROADCAST, other4.address)),
        "UDP": frames.udp(four, other4, (4000, 4000), b"hello"),
        "UDP over IPv6": frames.udp(six, other6, (4000, 4000), b"hello"),
        "DNS": frames.udp(four, other4, (4000, 53), b"hello"),
        "solicitation of a guest": frames.solicitation(six, ALL_NODES, other6.address),
        "advertisement of a guest": frames.advertisement(six, ALL_NODES, six.address, mac),
        "echo": frames.icmp(six, other6, 128),
    }


@pytest.mark.parametrize("shared", [True, False])
def test_what_concerns_the_gateway_stays_on_its_host(hosts: Hosts, shared: bool) -> None:
    """Neither out through the uplink nor in from it; without the attribute all of it crosses, both ways."""
    hosts.have(replace(NET, shared_gateway=shared))
    for sender, wire, mac in (
        (hosts.guests[0], hosts.uplink, hosts.ports[0].mac),
        (hosts.uplink, hosts.guests[0], stranger(1)),
    ):
        sent = kept_apart(mac, 10)
        seen = hosts.heard(wire, sender, *sent.values())
        passed = {name for name, frame in sent.items() if frame in seen}
        assert passed == (set() if shared else sent.keys())


def test_all_else_crosses(hosts: Hosts) -> None:
    """Guests on both hosts speak to one another and to others on the wire as on any flat network."""
    hosts.have(NET)
    for sender, wire, mac in (
        (hosts.guests[0], hosts.guests[1], hosts.ports[0].mac),
        (hosts.guests[0], hosts.uplink, hosts.ports[0].mac),
        (hosts.uplink, hosts.guests[0], stranger(1)),
    ):
        sent = common(mac, 10)
        seen = hosts.heard(wire, sender, *sent.values())
        assert [name for name, frame in sent.items() if frame not in seen] == []


@pytest.mark.parametrize("shared", [True, False])
def test_each_guest_finds_its_own_hosts_gateway(hosts: Hosts, shared: bool) -> None:
    """By ARP, by neighbour discovery, by router advertisement; without the attribute both hosts answer."""
    hosts.have(replace(NET, shared_gateway=shared))
    for number, (wire, port) in enumerate(zip(hosts.guests, hosts.ports, strict=True)):
        expected = {MACS[number]} if shared else set(MACS)
        four, six, _ = ends(port.mac, 10 + number)
        target = End(Mac("33:33:ff:00:00:01"), IPv6Address("ff02::1:ff00:1"))
        request = frames.arp(port.mac, 1, four, End(NOBODY, GATEWAY4))
        asked = frames.icmp(
            six, target, 135, rest=bytes(4) + GATEWAY6.packed + b"\1\1" + frames.octets(port.mac)
        )
        sent = (request, asked, frames.icmp(End(port.mac, IPv6Address("::")), ALL_ROUTERS, 133))
        answers: list[bytes] = []

        def answered(kind: int, found: list[bytes] = answers, expected: set[Mac] = expected) -> bool:
            return speakers(found, kind) == expected

        assert eventually(
            lambda wire=wire, sent=sent, answers=answers: (
                answers.extend(hosts.heard(wire, wire, *sent)) or all(map(answered, (0, 136, 134)))
            )
        ), {kind: speakers(answers, kind) for kind in (0, 136, 134)}


def speakers(seen: list[bytes], kind: int) -> set[Mac]:
    """Who answered ARP for the gateway (0), or sent ICMPv6 of that kind, of the two hosts."""
    if kind:
        said = [
            frame for frame in seen if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == kind
        ]
    else:
        said = [frame for frame in seen if frame[12:14] == b"\x08\x06" and frame[28:32] == GATEWAY4.packed]
    return {mac for mac in MACS if any(frame[6:12] == frames.octets(mac) for frame in said)}


@pytest.mark.parametrize("shared", [True, False])
def test_a_hosts_own_announcements_stay_there(hosts: Hosts, shared: bool) -> None:
    """Gratuitous ARP and unsolicited advertisements reach its guest, and the uplink only without the attribute."""
    hosts.have(replace(NET, shared_gateway=shared))
    hosts.uplink.waiting()
    hosts.guests[0].waiting()
    keys = [key for key in network_addresses(NET) if key.link == bridge_name(NETWORK)]
    for key in keys:
        hosts.rigs[0].do(lambda key=key: announce(AddressKey(*key)))
    time.sleep(SILENCE)
    there, near = hosts.uplink.waiting(), hosts.guests[0].waiting()
    for key in keys:
        assert announced(near, key)
        assert announced(there, key) is not shared


def announced(seen: list[bytes], key: AddressKey) -> bool:
    """ARP that is from the address, or an advertisement about it."""
    address = key.interface.ip.packed
    return any(address in (frame[28:32], frame[62:78]) for frame in seen)


@pytest.mark.parametrize("shared", [True, False])
def test_leases_come_from_the_own_host(hosts: Hosts, shared: bool, tmp_path: Path) -> None:
    """A real client gets its address, and the other host hears nothing of it."""
    hosts.have(replace(NET, shared_gateway=shared))
    for number, port in enumerate(hosts.ports):
        assert isinstance(port.attachment, InNamespace)
        directory = tmp_path / str(number)
        directory.mkdir()
        hosts.uplink.waiting()
        told = DhcpClient(port.attachment.namespace, directory).ask()
        assert told.get("new_ip_address") == f"10.34.0.1{number}"
        assert told.get("new_routers") == str(GATEWAY4)
        if number == 0:
            asked = [
                frame for frame in hosts.uplink.waiting() if frame[12:14] == b"\x08\0" and frame[23] == 17
            ]
            assert bool(asked) is not shared
