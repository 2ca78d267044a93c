"""What a hostile guest makes its frames of."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from shapes import behind, fragment4, fragments

from netwright.model.eui64 import link_local
from netwright.model.ids import Mac
from netwright.model.intent import Address
from netwright.testing import frames
from netwright.testing.frames import BROADCAST, End
from netwright.testing.wires import stranger

STRANGER: Final = stranger(1)
FOREIGN4, FOREIGN6 = IPv4Address("10.31.0.99"), IPv6Address("fd31::99")
METADATA: Final = IPv4Address("169.254.169.254")
ALL_NODES: Final = End(Mac("33:33:00:00:00:01"), IPv6Address("ff02::1"))
ALL_ROUTERS: Final = End(Mac("33:33:00:00:00:02"), IPv6Address("ff02::2"))
EVERYONE: Final = End(BROADCAST, IPv4Address("255.255.255.255"))
HOP_BY_HOP, OPTIONS = 0, 60


class Place(StrEnum):
    """Where an attack must not be felt."""

    LINK = "any other guest's wire, or the host's end of the bridge"
    HOST = "any program of the host"
    METADATA = "an answer of the metadata service, whoever gets it"


@dataclass(frozen=True)
class Cast:
    """The attacker's own ends, its victim's, the gateway's, and those of its guest's other port."""

    four: End
    six: End
    to4: End
    to6: End
    gateway4: End
    gateway6: End
    second4: End
    second6: End
    token: int
    """A source port that nothing else has."""

    @property
    def mac(self) -> Mac:
        return self.four.mac

    @property
    def local(self) -> End:
        return End(self.mac, link_local(self.mac))

    def claims(self, address: str | Address, mac: Mac | None = None) -> End:
        return End(mac or self.mac, ip_address(address))


Make = Callable[[Cast], bytes | Sequence[bytes]]


@dataclass(frozen=True)
class Attack:
    forged: Make
    honest: Make
    place: Place = Place.LINK
    everyday: bool = False
    """Whether the attacker's group allows TCP, ICMP and high UDP ports only, and not everything."""
    works: bool = True
    """Whether it is felt where there is no port security: else the kernel itself is in its way."""


def udp(source: End, c: Cast, port: int = 2000) -> bytes:
    target = c.to4 if source.address.version == 4 else c.to6
    return frames.udp(source, target, (c.token, port), b"x")


def own4(c: Cast) -> bytes:
    return udp(c.four, c)


def own6(c: Cast) -> bytes:
    return udp(c.six, c)


def arp(c: Cast, sender: End, target: End | None = None, operation: int = 2) -> bytes:
    return frames.arp(c.mac, operation, sender, target or c.to4)


def own_arp(c: Cast) -> bytes:
    return arp(c, c.four)


def everywhere(frame: bytes) -> bytes:
    """The frame to everyone."""
    return frames.octets(BROADCAST) + frame[6:]


def odd_arp(c: Cast, at: int, value: bytes) -> bytes:
    """Its own ARP answer with other octets at one place of the message."""
    frame = own_arp(c)
    return frame[: 14 + at] + value + frame[14 + at + len(value) :]


def dad(c: Cast, wanted: IPv6Address) -> bytes:
    node = IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | int(wanted) & 0xFFFFFF)
    return frames.solicitation(c.claims("::"), End(ALL_NODES.mac, node), wanted)


def unsolicited(c: Cast, source: End, claimed: IPv6Address, *, link: bool = True) -> bytes:
    """To all nodes, overriding, with or without the target's link-layer address."""
    option = b"\x02\x01" + frames.octets(c.mac) if link else b""
    return frames.icmp(source, ALL_NODES, 136, rest=b"\x20\0\0\0" + claimed.packed + option)


def message(source: End, target: End, kind: int, rest: bytes) -> bytes:
    return frames.icmpv6_body(source, target, bytes([kind, 0]), rest)


def claim(c: Cast, claimed: Address) -> bytes:
    """The body of an advertisement for an address, with a filling that makes it worth cutting."""
    option = b"\x02\x01" + frames.octets(c.mac)
    return message(c.six, c.to6, 136, b"\x60\0\0\0" + claimed.packed + option + bytes(1400 - 24 - 8))


def announcement(c: Cast) -> bytes:
    """The body of a router advertisement."""
    return message(c.local, c.to6, 134, bytes(1340))


def hidden(c: Cast, chain: tuple[int, ...], kind: int, rest: bytes, source: End | None = None) -> bytes:
    near = source or c.local
    return behind(near, c.to6, chain, 58, message(near, c.to6, kind, rest))


def atomic(c: Cast, source: End, body: bytes) -> bytes:
    """A "fragment" that is the whole datagram (RFC 6946)."""
    return frames.ip(source, c.to6, 44, struct.pack(">BBHI", 58, 0, 0, c.token) + body)


def dhcp(c: Cast, source: End, target: End, ports: tuple[int, int] = (67, 68)) -> bytes:
    return frames.udp(source, target, ports, bytes(240))


def cut4(c: Cast, ports: tuple[int, int], first: int) -> list[bytes]:
    """A datagram of the attacker's whose first fragment has so many octets."""
    body = frames.udp_body(c.four, c.to4, ports, bytes(240))
    return list(fragments(c.four, c.to4, 17, body, c.token, first))


def overlapping(c: Cast, second: int) -> list[bytes]:
    """A first fragment for an allowed port, and one more that begins within it and names port 53."""
    allowed = frames.udp_body(c.four, c.to4, (c.token, 2000), bytes(40))
    other = frames.udp_body(c.four, c.to4, (c.token, 53), bytes(40))
    pieces = [(allowed[:24], 0, True), (other[second:], second, False)]
    return [fragment4((c.four, c.to4), 17, part, c.token, at, more=more) for part, at, more in pieces]


def routed(source: End, target: End, body: bytes, hop: Address | None = None) -> bytes:
    """UDP behind IPv4 options: a loose source route over one more hop, or no-ops."""
    options = bytes([131, 7, 4]) + hop.packed + b"\0" if hop else b"\1" * 8
    head = struct.pack(">BBHHHBB", 0x47, 0, 28 + len(body), 7, 0, 64, 17)
    ends = source.address.packed + target.address.packed
    total = frames.checksum(head + b"\0\0" + ends + options)
    packet = head + struct.pack(">H", total) + ends + options + body
    return frames.ethernet(source.mac, target.mac, frames.IPV4, packet)


def with_no_ops(c: Cast, source: End, port: int = 2000) -> bytes:
    return routed(source, c.to4, frames.udp_body(source, c.to4, (c.token, port), b"x"))


def raw(c: Cast, kind: int, target: Mac | None = None, body: bytes = bytes(46)) -> bytes:
    return frames.ethernet(c.mac, target or c.to4.mac, kind, body)


def to_host(c: Cast, source: End, port: int, number: int = 17) -> bytes:
    target = c.gateway4 if source.address.version == 4 else c.gateway6
    if number == 6:
        return frames.tcp(source, target, (c.token, port))
    return frames.udp(source, target, (c.token, port), b"x")


def to_metadata(c: Cast, source: End) -> bytes:
    return frames.tcp(source, End(c.gateway4.mac, METADATA), (c.token, 80))


def carried(c: Cast, number: int) -> bytes:
    """A packet of the gateway's inside one of the attacker's own."""
    return frames.ip(c.four, c.to4, number, udp(c.claims(c.gateway4.address), c)[14:])
