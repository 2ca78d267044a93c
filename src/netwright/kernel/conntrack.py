"""Tracked connections: listed by zone, ended one by one.

Ours to end: those that the agent names, of addresses that netwright gave out. Nothing is swept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from netwright.kernel.netlink import NETFILTER, Netlink, attribute, attributes
from netwright.model.intent import Address

_SUBSYSTEM: Final = 1 << 8
_GET: Final = _SUBSYSTEM | 1
_DELETE: Final = _SUBSYSTEM | 2
_HEADER: Final = 4
_NESTED: Final = 0x8000
# Attribute numbers of linux/netfilter/nfnetlink_conntrack.h.
_ORIGINAL, _REPLY, _ID, _ZONE = 1, 2, 12, 18
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


class Conntrack:
    """A socket to the tracking table of the namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def flows(self) -> Iterator[Flow]:
        """Every tracked connection."""
        for message in self._netlink.dump(_GET, struct.pack(">BBH", 0, 0, 0)):
            flow = _flow(message.body)
            if flow:
                yield flow

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
    return Flow(int.from_bytes(zone, "big"), body[0], protocol, original, reply, raw)


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
