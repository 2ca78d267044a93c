"""Single packets, made and caught in namespaces: forged ones too, which no program would send."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address
from typing import Final

from netwright.kernel import netns
from netwright.model.ids import NamespaceName

_UDP: Final = 17
_TTL: Final = 64


class Catcher:
    """A UDP socket in a namespace that keeps what arrives."""

    def __init__(self, namespace: NamespaceName, port: int) -> None:
        with netns.inside(namespace):
            self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("0.0.0.0", port))  # noqa: S104 - inside a lab's namespace
        self._line.settimeout(0.3)

    def caught(self) -> list[tuple[str, bytes]]:
        """Sender and content of each datagram since the last call; waits 0.3 s for a last one."""
        found = []
        try:
            while True:
                data, sender = self._line.recvfrom(2048)
                found.append((str(sender[0]), data))
        except TimeoutError:
            return found

    def close(self) -> None:
        self._line.close()


def send_forged(namespace: NamespaceName, source: str, target: str, port: int, count: int) -> None:
    """UDP packets from the namespace, with any source address that is asked for."""
    with (
        netns.inside(namespace),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as line,
    ):
        for number in range(count):
            line.sendto(_packet(source, target, port, b"%d" % number), (target, 0))


def opens(namespace: NamespaceName, address: str, port: int, seconds: float = 0.1) -> bool:
    """Whether a TCP connection from the namespace is accepted within that time."""
    with netns.inside(namespace), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        return line.connect_ex((address, port)) == 0


def _packet(source: str, target: str, port: int, data: bytes) -> bytes:
    """IPv4 and UDP headers; the kernel fills in the IPv4 checksum, and UDP's may be zero (RFC 768)."""
    length = 28 + len(data)
    addresses = IPv4Address(source).packed + IPv4Address(target).packed
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, _TTL, _UDP, 0) + addresses
    return ip + struct.pack(">HHHH", port, port, length - 20, 0) + data
