"""Many DHCP clients behind one link, each with a MAC of its own: as many leases as a server gives."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from netwright.kernel import netns
from netwright.kernel.dhcp_release import release4
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.testing.frames import BROADCAST, IPV4, End, octets, udp

_COOKIE: Final = bytes([99, 130, 83, 99])
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_ASKED, _TYPE, _SERVER, _LAST = 50, 53, 54, 255
_HEADERS: Final = 14 + 20 + 8
_OPTIONS: Final = 236
_AT_ONCE: Final = 40
"""Clients that ask at once: a daemon's receive buffer holds a few hundred messages."""
_AGAIN: Final = 0.5
_PATIENCE: Final = 60.0
_UNREAD: Final = ":00000000"


@dataclass(frozen=True, slots=True)
class Answer:
    kind: int
    mac: Mac
    address: IPv4Address
    server: IPv4Address


def lease_all(namespace: NamespaceName, link: LinkName, macs: Sequence[Mac]) -> Mapping[Mac, IPv4Address]:
    """A lease for each of them, whole four-message exchanges; those without an answer for a minute lack."""
    with netns.inside(namespace):
        door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4))
    with door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        door.bind((link, IPV4))
        leased: dict[Mac, IPv4Address] = {}
        for at in range(0, len(macs), _AT_ONCE):
            leased |= _lease(door, macs[at : at + _AT_ONCE])
        return leased


def release_all(link: LinkName, leased: Mapping[Mac, IPv4Address]) -> None:
    """Gives all of them back; the calling thread is in the server's namespace, and `link` is its."""
    for number, (mac, address) in enumerate(leased.items()):
        release4(link, address, mac)
        while number % _AT_ONCE == 0 and not nothing_unread():
            time.sleep(0.001)


def nothing_unread() -> bool:
    """Whether every datagram that came to a DHCP server's port in this namespace has been read."""
    lines = Path("/proc/thread-self/net/udp").read_text().splitlines()[1:]
    return all(line.split()[4].endswith(_UNREAD) for line in lines if line.split()[1].endswith(":0043"))


def _lease(door: socket.socket, macs: Sequence[Mac]) -> Mapping[Mac, IPv4Address]:
    leased: dict[Mac, IPv4Address] = {}
    until = time.monotonic() + _PATIENCE
    while len(leased) < len(macs) and time.monotonic() < until:
        for mac in macs:
            if mac not in leased:
                door.send(_message(mac, _DISCOVER, b""))
        while len(leased) < len(macs) and (answer := _heard(door)):
            if answer.kind == _OFFER and answer.mac in macs:
                chosen = bytes([_ASKED, 4, *answer.address.packed, _SERVER, 4, *answer.server.packed])
                door.send(_message(answer.mac, _REQUEST, chosen))
            elif answer.kind == _ACK and answer.mac in macs:
                leased[answer.mac] = answer.address
    return leased


def _heard(door: socket.socket) -> Answer | None:
    """The next answer of a server; None after half a second of silence."""
    until = time.monotonic() + _AGAIN
    while (left := until - time.monotonic()) > 0 and select.select([door], [], [], left)[0]:
        frame = door.recv(2048)
        body = frame[_HEADERS:]
        if frame[23:24] == b"\x11" and body[:1] == b"\x02" and body[_OPTIONS : _OPTIONS + 4] == _COOKIE:
            options = _options(body[_OPTIONS + 4 :])
            return Answer(
                kind=options[_TYPE][0],
                mac=Mac(body[28:34].hex(":")),
                address=IPv4Address(body[16:20]),
                server=IPv4Address(options.get(_SERVER, bytes(4))),
            )
    return None


def _message(mac: Mac, kind: int, options: bytes) -> bytes:
    """A broadcast that asks for a broadcast in answer."""
    number = octets(mac)[2:]
    fixed = struct.pack("!4B4s2H16x16s192x", 1, 1, 6, 0, number, 0, 0x8000, octets(mac))
    data = fixed + _COOKIE + bytes([_TYPE, 1, kind]) + options + bytes([_LAST])
    nowhere, everyone = End(mac, IPv4Address(0)), End(BROADCAST, IPv4Address("255.255.255.255"))
    return udp(nowhere, everyone, (68, 67), data)


def _options(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 1 < len(data) and data[at] != _LAST:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found
