"""A guest's side of a new port, without a program's own timers: its link, its address, ping, a DHCP lease.

Sockets are opened in the guest's namespace before the port is made. Pings and DISCOVERs go out again
every few milliseconds until they are answered, so that what is measured is the network and not a client's
patience (ping's is 1 s, dhclient's 3 to 8 s).
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import time
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from netwright.kernel.netns import inside
from netwright.model.ids import NamespaceName

PING_AGAIN_S, DISCOVER_AGAIN_S = 0.002, 0.005
"""Seconds until what is not answered is sent again. A DISCOVER is flooded to all ports: not too often."""
_PATIENCE_S: Final = 20.0
_LINK_GROUP: Final = 1
_GET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8913, 0x8916, 0x891C
_RUNNING: Final = 0x41
"""IFF_UP and IFF_RUNNING: both ends of the pair are up."""
_ECHO: Final = struct.Struct("!BBHHH")
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_UDP: Final = struct.Struct("!HHHH")
_BOOTP: Final = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE: Final = b"\x63\x82\x53\x63"
_BROADCAST: Final = 0x8000
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_XID_AT: Final = 20 + 8 + 4
_YOUR_ADDRESS_AT: Final = 20 + 8 + 16
_OPTIONS_AT: Final = 20 + 8 + 240


class Guest:
    """The guest end `link` of a port that is yet to come."""

    def __init__(self, namespace: NamespaceName, link: str) -> None:
        self._namespace, self._link = namespace, link
        with inside(namespace):
            self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._events.bind((0, _LINK_GROUP))
            self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._events.settimeout(_PATIENCE_S)

    def close(self) -> None:
        for one in (self._events, self._control, self._echo, self._packets):
            one.close()

    def await_link(self) -> None:
        """Until the link is there and both its ends are up."""
        while not self._is_running():
            self._events.recv(65536)

    def set_address(self, address: str, mask: str) -> None:
        """With ARP asked again after 10 ms: under load its bridge may let a guest in late."""
        with inside(self._namespace):
            Path(f"/proc/sys/net/ipv4/neigh/{self._link}/retrans_time_ms").write_text("10")
        for request, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
            place = struct.pack("=HH4s8x", socket.AF_INET, 0, IPv4Address(value).packed)
            fcntl.ioctl(self._control, request, struct.pack("16s16s", self._link.encode(), place))

    def ping(self, target: str) -> None:
        """Until a ping is answered."""
        own = os.getpid() & 0xFFFF
        head = _ECHO.pack(8, 0, 0, own, 1)
        packet = _ECHO.pack(8, 0, _checksum(head), own, 1)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(OSError):  # EHOSTUNREACH while ARP gets no answer
                self._echo.sendto(packet, (target, 0))
            for heard in _heard(self._echo, PING_AGAIN_S):
                if heard[20:21] == b"\0" and heard[24:26] == own.to_bytes(2):
                    return
        raise TimeoutError(f"no ping was answered on {self._link}")

    def lease(self, mac: str) -> str:
        """Until a lease is acknowledged; its address. Raises TimeoutError."""
        hardware = bytes.fromhex(mac.replace(":", ""))
        xid = int.from_bytes(os.urandom(4))
        self._packets.bind((self._link, 0x0800))
        offered = self._exchange(hardware, xid, bytes([53, 1, _DISCOVER]), _OFFER)
        server = offered[_OPTIONS_AT:].partition(bytes([54, 4]))[2][:4]
        address = offered[_YOUR_ADDRESS_AT : _YOUR_ADDRESS_AT + 4]
        wanted = bytes([53, 1, _REQUEST, 54, 4]) + server + bytes([50, 4]) + address
        said = self._exchange(hardware, xid, wanted, _ACK)
        return str(IPv4Address(said[_YOUR_ADDRESS_AT : _YOUR_ADDRESS_AT + 4]))

    def _exchange(self, hardware: bytes, xid: int, options: bytes, answer: int) -> bytes:
        packet = _dhcp(hardware, xid, options)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            self._packets.sendto(packet, (self._link, 0x0800, 0, 0, b"\xff" * 6))
            for heard in _heard(self._packets, DISCOVER_AGAIN_S):
                named = heard[_XID_AT : _XID_AT + 4] == xid.to_bytes(4)
                if named and bytes([53, 1, answer]) in heard[_OPTIONS_AT:]:
                    return heard
        raise TimeoutError(f"DHCP gave no answer on {self._link}")

    def _is_running(self) -> bool:
        try:
            said = fcntl.ioctl(self._control, _GET_FLAGS, struct.pack("40s", self._link.encode()))
        except OSError:
            return False
        flags: int = struct.unpack_from("=H", said, 16)[0]
        return flags & _RUNNING == _RUNNING


def _heard(door: socket.socket, seconds: float) -> list[bytes]:
    """What comes within that time: one packet or none."""
    until = time.monotonic() + seconds
    found: list[bytes] = []
    while not found and (left := until - time.monotonic()) > 0:
        if select.select([door], [], [], left)[0]:
            found.append(door.recv(65536))
    return found


def _dhcp(hardware: bytes, xid: int, options: bytes) -> bytes:
    """An IPv4 packet with a client's message in it (RFC 2131); answers are asked for as broadcasts."""
    none = bytes(4)
    bootp = _BOOTP.pack(
        1, 1, 6, 0, xid, 0, _BROADCAST, none, none, none, none, hardware, b"", b"", _COOKIE
    )  # fmt: skip
    message = bootp + options + b"\xff"
    udp = _UDP.pack(68, 67, 8 + len(message), 0)
    everyone = b"\xff" * 4
    fields = (0x45, 0, 28 + len(message), 0, 0, 64, socket.IPPROTO_UDP)
    bare = _IPV4.pack(*fields, 0, none, everyone)
    return _IPV4.pack(*fields, _checksum(bare), none, everyone) + udp + message


def _checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
