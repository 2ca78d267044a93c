"""Ethernet frames made by hand, for tests that send what no honest guest would."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from netwright.model.ids import Mac
from netwright.model.intent import Address

ARP, IPV4, IPV6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_FRAGMENT, _OPTIONS = 44, 60
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10
BROADCAST: Final = Mac("ff:ff:ff:ff:ff:ff")
NOBODY: Final = Mac("00:00:00:00:00:00")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a conversation: a MAC and an address."""

    mac: Mac
    address: Address


def ethernet(source: Mac, target: Mac, kind: int, payload: bytes) -> bytes:
    """A frame without padding: br_netfilter would trim it off again."""
    return octets(target) + octets(source) + struct.pack(">H", kind) + payload


def octets(mac: Mac) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def arp(source: Mac, operation: int, sender: End, target: End) -> bytes:
    """`source` is the frame's; `sender` and `target` are what the message claims; requests are broadcast."""
    fixed = struct.pack(">HHBBH", 1, IPV4, 6, 4, operation)
    claims = b"".join(octets(end.mac) + end.address.packed for end in (sender, target))
    return ethernet(source, BROADCAST if operation == 1 else target.mac, ARP, fixed + claims)


def ip(source: End, target: End, protocol: int, payload: bytes) -> bytes:
    """A whole frame with an IPv4 or IPv6 packet, by the ends' addresses."""
    if isinstance(source.address, IPv4Address):
        head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol)
        ends = source.address.packed + target.address.packed
        packet = head + struct.pack(">H", checksum(head + b"\0\0" + ends)) + ends
        return ethernet(source.mac, target.mac, IPV4, packet + payload)
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 255)
    packet = head + source.address.packed + target.address.packed
    return ethernet(source.mac, target.mac, IPV6, packet + payload)


def udp(source: End, target: End, ports: tuple[int, int], data: bytes = b"") -> bytes:
    """`ports`: source and destination."""
    return ip(source, target, UDP, udp_body(source, target, ports, data))


def udp_body(source: End, target: End, ports: tuple[int, int], data: bytes = b"") -> bytes:
    head = struct.pack(">HHH", *ports, 8 + len(data))
    total = summed(source, target, UDP, head + b"\0\0" + data)
    return head + struct.pack(">H", total or 0xFFFF) + data


def tcp(source: End, target: End, ports: tuple[int, int], flags: int = SYN) -> bytes:
    """A segment without data of a connection whose both sides start at 0."""
    sequence, acknowledged = (0 if flags & SYN else 1), (1 if flags & ACK else 0)
    head = struct.pack(">HHIIBBH", *ports, sequence, acknowledged, 5 << 4, flags, 65535)
    total = summed(source, target, TCP, head + b"\0\0\0\0")
    return ip(source, target, TCP, head + struct.pack(">HH", total, 0))


def icmp(source: End, target: End, kind: int, code: int = 0, rest: bytes = bytes(4)) -> bytes:
    """ICMP or ICMPv6, by the ends' addresses; `rest` follows the checksum."""
    head = struct.pack(">BB", kind, code)
    if isinstance(source.address, IPv4Address):
        total = checksum(head + b"\0\0" + rest)
        return ip(source, target, ICMP, head + struct.pack(">H", total) + rest)
    return ip(source, target, ICMPV6, icmpv6_body(source, target, head, rest))


def icmpv6_body(source: End, target: End, head: bytes, rest: bytes) -> bytes:
    total = summed(source, target, ICMPV6, head + b"\0\0" + rest)
    return head + struct.pack(">H", total) + rest


def advertisement(source: End, target: End, claimed: IPv6Address, mac: Mac) -> bytes:
    """A neighbour advertisement, solicited and overriding, that `claimed` is at `mac`."""
    return icmp(source, target, 136, rest=b"\x60\0\0\0" + claimed.packed + b"\x02\x01" + octets(mac))


def solicitation(source: End, target: End, wanted: IPv6Address) -> bytes:
    """A neighbour solicitation for `wanted`; from the unspecified address it is a DAD probe."""
    return icmp(source, target, 135, rest=bytes(4) + wanted.packed)


def fragments(source: End, target: End, protocol: int, payload: bytes, *, hiding: bool = True) -> list[bytes]:
    """An IPv6 packet in two frames; `hiding`: the payload begins in the second (which RFC 7112 forbids)."""
    first = bytes([protocol, 0, 1, 4]) + bytes(4) if hiding else payload[:8]
    rest = payload if hiding else payload[8:]
    head = struct.Struct(">BBHI")
    kind = _OPTIONS if hiding else protocol
    parts = head.pack(kind, 0, 1, 1) + first, head.pack(kind, 0, 8, 1) + rest
    return [ip(source, target, _FRAGMENT, part) for part in parts]


def tagged(frame: bytes, vlan: int) -> bytes:
    """The frame inside a VLAN."""
    return frame[:12] + struct.pack(">HH", VLAN, vlan) + frame[12:]


def summed(source: End, target: End, protocol: int, body: bytes) -> int:
    """The checksum of a body below its pseudo header (RFC 9293 3.1, RFC 8200 8.1)."""
    ends = source.address.packed + target.address.packed
    return checksum(ends + struct.pack(">II", len(body), protocol) + body)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
