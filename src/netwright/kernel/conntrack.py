"""Tracked connections: listed by zone, ended one by one.

Ours to end: those that the agent names, of addresses that netwright gave out. Nothing is swept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from netwright.kernel.netlink import NETFILTER, Netlink, attribute, attributes, nested
from netwright.model.errors import KernelRefusedError
from netwright.model.intent import Address

_SUBSYSTEM: Final = 1 << 8
_GET: Final = _SUBSYSTEM | 1
_CHANGE: Final = _SUBSYSTEM
_DELETE: Final = _SUBSYSTEM | 2
_HEADER: Final = 4
_NESTED: Final = 0x8000
# Attribute numbers of linux/netfilter/nfnetlink_conntrack.h.
_ORIGINAL, _REPLY, _STATUS, _PROTOCOL, _TIMEOUT, _MARK, _ID, _ZONE, _MARK_MASK = 1, 2, 3, 4, 7, 8, 12, 18, 21
_PROTOCOL_TCP, _TCP_STATE, _TCP_FLAGS, _TCP_REPLY_FLAGS = 1, 1, 4, 5
_CLOSED: Final = b"\x08"
_CLOSE_BEGUN: Final = b"\x04\x04"
"""IP_CT_TCP_FLAG_CLOSE_INIT and its mask: a SYN may begin the connection anew."""
_FIXED_TIMEOUT: Final = 1 << 10
"""IPS_FIXED_TIMEOUT: packets do not renew it."""
_FIVE_DAYS: Final = 432000
"""Seconds for which the kernel knows an idle TCP connection (nf_conntrack_tcp_timeout_established)."""
_TCP: Final = 6
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_SOURCE4, _TARGET4, _SOURCE6, _TARGET6 = 1, 2, 3, 4
_NUMBER, _SOURCE_PORT, _TARGET_PORT = 1, 2, 3
_ICMP_TYPE, _ICMP_CODE, _ICMP6_TYPE, _ICMP6_CODE = 5, 6, 8, 9


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a connection."""

    source: Address
    target: Address
    source_port: int
    target_port: int
    icmp: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """`original` as the first packet was sent, `reply` as answers are expected."""

    zone: int
    family: int
    protocol: int
    original: Way
    reply: Way
    raw: bytes
    """The attributes that name it to the kernel."""
    mark: int = 0
    status: int = 0
    """IPS_… bits of linux/netfilter/nf_conntrack_common.h."""


class Conntrack:
    """A socket to the tracking table of the namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def flows(self, mark: int = 0) -> Iterator[Flow]:
        """Every tracked connection, or those with these bits in their marks."""
        wanted = _marked(mark) if mark else b""
        for message in self._netlink.dump(_GET, struct.pack(">BBH", 0, 0, 0) + wanted):
            flow = _flow(message.body)
            if flow:
                yield flow

    def mark(self, flows: Iterable[Flow], bits: int) -> int:
        """Sets the bits in the connections' marks; the number of those that were still there."""
        return sum(self._changed(flow, _marked(bits)) for flow in flows)

    def cut(self, flows: Iterable[Flow], bits: int) -> int:
        """Marks the connections, and sees to it that TCP ends for good; the number of those still there.

        A forgotten TCP connection would be picked up in mid-stream by the next packet that some rule
        lets through. A closed one is remembered, only a SYN begins it anew, and the kernel may drop it
        when the table is full.
        """
        done = 0
        for flow in flows:
            done += self._changed(flow, _marked(bits))
            if flow.protocol == _TCP:
                with suppress(KernelRefusedError):  # it changed just now; the mark holds all the same
                    self._changed(flow, _closed(flow))
        return done

    def _changed(self, flow: Flow, what: bytes) -> bool:
        try:
            self._netlink.ask(_CHANGE, 0, struct.pack(">BBH", flow.family, 0, 0) + flow.raw + what)
        except FileNotFoundError:
            return False  # it ended by itself
        return True

    def end(self, flows: Iterable[Flow]) -> int:
        """Forgets the connections; the number of those that were still there."""
        ended = 0
        for flow in flows:
            try:
                self._netlink.ask(_DELETE, 0, struct.pack(">BBH", flow.family, 0, 0) + flow.raw)
                ended += 1
            except FileNotFoundError:
                continue  # it ended by itself
        return ended

    def close(self) -> None:
        self._netlink.close()


def _flow(body: bytes) -> Flow | None:
    found = attributes(body, _HEADER)
    original, reply = _way(found[_ORIGINAL]), _way(found[_REPLY])
    if original is None or reply is None:
        return None
    zone = found.get(_ZONE, b"")
    raw = attribute(_ORIGINAL | _NESTED, found[_ORIGINAL])
    if zone:
        raw += attribute(_ZONE, zone)
    if _ID in found:
        raw += attribute(_ID, found[_ID])
    protocol = attributes(attributes(found[_ORIGINAL])[_TUPLE_PROTO])[_NUMBER][0]
    mark, status = (int.from_bytes(found.get(kind, b""), "big") for kind in (_MARK, _STATUS))
    return Flow(int.from_bytes(zone, "big"), body[0], protocol, original, reply, raw, mark, status)


def _marked(bits: int) -> bytes:
    """The bits, and a mask that leaves the others as they are."""
    number = struct.pack(">I", bits)
    return attribute(_MARK, number) + attribute(_MARK_MASK, number)


def _closed(flow: Flow) -> bytes:
    tcp = nested(
        _PROTOCOL_TCP,
        attribute(_TCP_STATE, _CLOSED),
        attribute(_TCP_FLAGS, _CLOSE_BEGUN),
        attribute(_TCP_REPLY_FLAGS, _CLOSE_BEGUN),
    )
    return (
        attribute(_TIMEOUT, struct.pack(">I", _FIVE_DAYS))
        + attribute(_STATUS, struct.pack(">I", flow.status | _FIXED_TIMEOUT))
        + nested(_PROTOCOL, tcp)
    )


def _way(body: bytes) -> Way | None:
    parts = attributes(body)
    addresses, ports = attributes(parts[_TUPLE_IP]), attributes(parts[_TUPLE_PROTO])
    source = addresses.get(_SOURCE4) or addresses.get(_SOURCE6)
    target = addresses.get(_TARGET4) or addresses.get(_TARGET6)
    if source is None or target is None:
        return None
    kind = ports.get(_ICMP_TYPE) or ports.get(_ICMP6_TYPE) or b"\0"
    code = ports.get(_ICMP_CODE) or ports.get(_ICMP6_CODE) or b"\0"
    return Way(
        ip_address(source),
        ip_address(target),
        int.from_bytes(ports.get(_SOURCE_PORT, b""), "big"),
        int.from_bytes(ports.get(_TARGET_PORT, b""), "big"),
        (kind[0], code[0]),
    )
