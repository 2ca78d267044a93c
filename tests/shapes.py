"""Packets as frames on a wire, and frames from a wire as what was said in them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import oracle
from oracle import DCCP, TCP, UDPLITE, Form, Packet

from netwright.model.intent import Address
from netwright.testing import frames
from netwright.testing.frames import IPV4, IPV6, End

Said = tuple[object, ...]
"""What arrived: source, target, protocol and content of a whole datagram, or a frame or fragment as it is."""

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _OPTIONS = 0, 43, 44, 60
_PADDING: Final = b"\x01\x04\0\0\0\0"
_LARGE: Final = 1288
"""A first IPv6 fragment below 1,280 octets is not passed on by kernels that track on bridges themselves."""


def said(packet: Packet) -> Said:
    """As `heard` tells it where it arrives."""
    if packet.form in _ODD:
        (frame,) = frames_of(packet)
        return ("frame", frame)
    return (packet.source.address, packet.target.address, packet.protocol, body_of(packet))


def frames_of(packet: Packet) -> list[bytes]:
    """The packet as frames, in the order in which they are sent."""
    source, target, body = packet.source, packet.target, body_of(packet)
    match packet.form:
        case Form.FRAGMENTS | Form.REVERSED:
            made = list(fragments(source, target, packet.protocol, body, 1 + packet.token))
            return made if packet.form is Form.FRAGMENTS else made[::-1]
        case Form.HOP_BY_HOP | Form.OPTIONS | Form.BOTH:
            return [behind(source, target, _CHAINS[packet.form], packet.protocol, body)]
        case Form.UNKNOWN:
            return [frames.ethernet(source.mac, target.mac, 0x88B5, body.ljust(46, b"\0"))]
        case Form.LLC:
            content = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", packet.token) + bytes(38)
            return [frames.ethernet(source.mac, target.mac, len(content), content)]
    frame = frames.ip(source, target, packet.protocol, body)
    return [_ODD[packet.form](frame) if packet.form in _ODD else frame]


def stacked(frame: bytes, kind: int = 0x88A8, inner: int = 5) -> bytes:
    """The frame in two VLANs, the outer one's EtherType `kind`."""
    return frame[:12] + struct.pack(">HHHH", kind, 6, 0x8100, inner) + frame[12:]


_CHAINS: Final = {
    Form.HOP_BY_HOP: (_HOP_BY_HOP,),
    Form.OPTIONS: (_OPTIONS,),
    Form.BOTH: (_HOP_BY_HOP, _OPTIONS),
}
_ODD: Final = {
    Form.TAGGED: lambda frame: frames.tagged(frame, 5),
    Form.PRIORITY: lambda frame: frames.tagged(frame, 0),
    Form.STACKED: stacked,
    Form.UNKNOWN: bytes,
    Form.LLC: bytes,
}


def body_of(packet: Packet) -> bytes:
    """What follows the IP headers: right for the protocol, as far as trackers look."""
    ends, ports = (packet.source, packet.target), struct.pack(">HH", packet.token, packet.port)
    is_answer = packet.about is not None
    match packet.protocol:
        case oracle.TCP:
            flags = frames.SYN_ACK if is_answer else frames.SYN
            sequence = struct.pack(">II", 0, 1 if is_answer else 0)
            body = ports + sequence + struct.pack(">BBHHH", 5 << 4, flags, 65535, 0, 0)
            return _summed(*ends, TCP, body + _filling(packet), 16)
        case oracle.UDP:
            return frames.udp_body(*ends, (packet.token, packet.port), b"probe" + _filling(packet))
        case oracle.UDPLITE:
            return _summed(*ends, UDPLITE, ports + struct.pack(">HH", 8, 0), 6)
        case oracle.SCTP:
            return _sctp(ports, is_answer=is_answer)
        case packet.icmp_protocol:
            return _icmp(packet)
        case _:
            head = ports if packet.protocol == DCCP else bytes(4)
            return (head + struct.pack(">I", packet.token)).ljust(24, b"\0")


def _filling(packet: Packet) -> bytes:
    """Fragments have to have something in them."""
    if packet.form not in (Form.FRAGMENTS, Form.REVERSED):
        return b""
    return bytes(_LARGE if packet.version == 6 else 40)


def _icmp(packet: Packet) -> bytes:
    head, rest = bytes(packet.icmp), struct.pack(">HH", packet.token, 1)
    if packet.about:
        original = frames.ip(
            packet.about.source, packet.about.target, packet.about.protocol, body_of(packet.about)
        )
        rest = bytes(4) + original[14:] if packet.icmp[0] in (3, 1) else struct.pack(">HH", packet.token, 1)
    elif packet.version == 6 and packet.icmp[0] in (135, 136):
        named = packet.target if packet.icmp[0] == 135 else packet.source
        rest = struct.pack(">I", packet.token) + named.address.packed
    rest += _filling(packet)
    if packet.version == 6:
        return frames.icmpv6_body(packet.source, packet.target, head, rest)
    return head + struct.pack(">H", frames.checksum(head + b"\0\0" + rest)) + rest


def _summed(source: End, target: End, protocol: int, body: bytes, at: int) -> bytes:
    """UDP-Lite's coverage of 8 is its header, which is all there is."""
    total = frames.summed(source, target, protocol, body)
    return body[:at] + struct.pack(">H", total) + body[at + 2 :]


def _sctp(ports: bytes, *, is_answer: bool) -> bytes:
    """An INIT, or the INIT ACK to it (RFC 9260 3.3.2)."""
    tag = struct.pack(">I", 7 if is_answer else 0)
    kind = 2 if is_answer else 1
    chunk = struct.pack(">BBHIIHHI", kind, 0, 20, 7, 1500, 1, 1, 1)
    return ports + tag + struct.pack("<I", _crc32c(ports + tag + bytes(4) + chunk)) + chunk


def _table() -> Iterator[int]:
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


_CRC: Final = tuple(_table())


def _crc32c(data: bytes) -> int:
    """Castagnoli's, as in SCTP (RFC 9260 appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def behind(source: End, target: End, chain: tuple[int, ...], protocol: int, body: bytes) -> bytes:
    """An IPv6 packet with that chain of (empty) options headers before its protocol."""
    following = (*chain[1:], protocol)
    headers = b"".join(bytes([kind, 0]) + _PADDING for kind in following)
    return frames.ip(source, target, chain[0], headers + body)


def fragments(
    source: End, target: End, protocol: int, body: bytes, identity: int, first: int | None = None
) -> Iterator[bytes]:
    """The body in two fragments (three in IPv4, if `first` is not given), all that a filter needs in the first."""
    usual = (0, _LARGE) if source.address.version == 6 else (0, 24, 40)
    cuts = (0, first) if first else usual
    for start, end in zip(cuts, [*cuts[1:], len(body)], strict=True):
        if source.address.version == 6:
            head = struct.pack(">BBHI", protocol, 0, start | (end < len(body)), identity)
            yield frames.ip(source, target, _FRAGMENT, head + body[start:end])
        else:
            yield fragment4(
                (source, target), protocol, body[start:end], identity, start, more=end < len(body)
            )


def fragment4(
    ends: tuple[End, End], protocol: int, part: bytes, identity: int, start: int, *, more: bool
) -> bytes:
    """One IPv4 fragment; `start` in octets."""
    offset = start >> 3 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(part), identity & 0xFFFF, offset, 64, protocol)
    addresses = ends[0].address.packed + ends[1].address.packed
    packet = head + struct.pack(">H", frames.checksum(head + b"\0\0" + addresses)) + addresses
    return frames.ethernet(ends[0].mac, ends[1].mac, IPV4, packet + part)


def heard(seen: Iterable[bytes]) -> set[Said]:
    """What the frames say: fragments together where they make a datagram, else each for itself."""
    found: set[Said] = set()
    parts: dict[tuple[Address, Address, int, int], dict[int, tuple[bytes, bool]]] = {}
    for frame in seen:
        kind = int.from_bytes(frame[12:14], "big")
        if kind not in (IPV4, IPV6):
            found.add(("frame", frame))
            continue
        source, target, protocol, body, piece = _four(frame[14:]) if kind == IPV4 else _six(frame[14:])
        if piece is None:
            found.add((source, target, protocol, body))
        else:
            identity, start, more = piece
            parts.setdefault((source, target, protocol, identity), {})[start] = (body, more)
    for (source, target, protocol, identity), pieces in parts.items():
        whole = _joined(pieces)
        found.add(
            (source, target, protocol, whole) if whole else ("fragment", source, target, identity & 0xFFFF)
        )
    return found


def stray(packet: Packet) -> Said:
    """What is heard if some of its fragments arrive, but not all."""
    return ("fragment", packet.source.address, packet.target.address, (1 + packet.token) & 0xFFFF)


def _joined(pieces: dict[int, tuple[bytes, bool]]) -> bytes | None:
    whole, more = b"", True
    for start in sorted(pieces):
        if start != len(whole):
            return None
        part, more = pieces[start]
        whole += part
    return None if more else whole


Piece = tuple[int, int, bool] | None
"""Identification, offset in octets, and whether more follow."""


def _four(packet: bytes) -> tuple[Address, Address, int, bytes, Piece]:
    length, identity, offset = struct.unpack_from(">HHH", packet, 2)
    body = packet[(packet[0] & 15) * 4 : length]
    piece = (identity, (offset & 0x1FFF) * 8, bool(offset & 0x2000)) if offset & 0x3FFF else None
    return IPv4Address(packet[12:16]), IPv4Address(packet[16:20]), packet[9], body, piece


def _six(packet: bytes) -> tuple[Address, Address, int, bytes, Piece]:
    protocol, body, piece = packet[6], packet[40:], None
    while protocol in (_HOP_BY_HOP, _ROUTING, _OPTIONS, _FRAGMENT) and len(body) >= 8:
        if protocol == _FRAGMENT:
            offset, identity = struct.unpack_from(">HI", body, 2)
            protocol, body = body[0], body[8:]
            if offset & 0xFFF9:
                return *_ends(packet), protocol, body, (identity, offset & 0xFFF8, bool(offset & 1))
        else:
            protocol, body = body[0], body[8 + 8 * body[1] :]
    return *_ends(packet), protocol, body, piece


def _ends(packet: bytes) -> tuple[Address, Address]:
    return IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
