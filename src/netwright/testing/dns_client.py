"""One DNS question over UDP from inside a namespace, and the answer's records as text."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from netwright.kernel import netns
from netwright.model.ids import NamespaceName

_TYPES: Final = {"A": 1, "PTR": 12, "AAAA": 28}
_HEADER: Final = struct.Struct("!6H")
_RECORD: Final = struct.Struct("!2HIH")
_RECURSION_DESIRED: Final = 0x0100
_POINTER: Final = 0xC0


def lookup(where: NamespaceName, server: str, name: str, kind: str = "A") -> tuple[str, ...]:
    """Addresses (A, AAAA) or names (PTR); empty for a negative answer, or none within two seconds."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    question = labels + b"\0" + struct.pack("!2H", _TYPES[kind], 1)
    with netns.inside(where), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        with suppress(OSError):
            sock.connect((server, 53))
            sock.send(_HEADER.pack(1, _RECURSION_DESIRED, 1, 0, 0, 0) + question)
            return tuple(_answers(sock.recv(4096), _HEADER.size + len(question)))
    return ()


def reverse(address: str) -> str:
    """The name under which an address's own name is looked up."""
    return ip_address(address).reverse_pointer


def _answers(message: bytes, at: int) -> Iterator[str]:
    for _ in range(_HEADER.unpack_from(message)[3]):
        _, at = _name(message, at)
        kind, _, _, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        data = message[at : at + length]
        yield _name(message, at)[0] if kind == _TYPES["PTR"] else str(ip_address(data))
        at += length


def _name(message: bytes, at: int) -> tuple[str, int]:
    """A name that starts there, and where what follows it starts (RFC 1035 4.1.4)."""
    labels: list[str] = []
    while length := message[at]:
        if length >= _POINTER:
            rest, _ = _name(message, struct.unpack_from("!H", message, at)[0] & 0x3FFF)
            return ".".join([*labels, rest]), at + 2
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1
