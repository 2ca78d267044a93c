"""Netlink reads without a library's decoding: one dump of a thousand links in tens of milliseconds.

Writes go through pyroute2; reading is where its generality costs most (a factor of ten on dumps), and
reading is what a restart and every look after a change do.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from netwright.kernel import netns
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import HOST_NAMESPACE, NamespaceName

ROUTE: Final = 0
NETFILTER: Final = 12

NLM_F_REQUEST: Final = 1
NLM_F_ACK: Final = 4
NLM_F_EXCL: Final = 0x200
NLM_F_DUMP: Final = 0x300
NLM_F_CREATE: Final = 0x400
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF
_SOL_NETLINK: Final = 270
_CAP_ACK: Final = 10
_EXT_ACK: Final = 11
_GET_STRICT_CHK: Final = 12
_RECEIVE: Final = 1 << 18
_ERROR_HEADER: Final = 20
"""A refusal's number and the header of what was refused; then attributes (NLMSGERR_ATTR_…)."""
_ERROR_OFFSET: Final = 2

Attributes = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an answer: its type, and everything after the netlink header."""

    type: int
    body: bytes


class Request(NamedTuple):
    """One message of several that are sent together."""

    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """The kernel's error number, and where in the refused message its cause begins (0: it did not say)."""

    error: int
    offset: int


class Netlink:
    """A socket in one namespace; used by one thread at a time."""

    def __init__(self, protocol: int, namespace: NamespaceName = HOST_NAMESPACE) -> None:
        with netns.inside(namespace):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        if protocol == ROUTE:
            # Filters in dump requests (a family, a table) are obeyed, not ignored.
            self._socket.setsockopt(_SOL_NETLINK, _GET_STRICT_CHK, 1)
        for option in (_CAP_ACK, _EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.bind((0, 0))
        self._numbers = count(1)

    def close(self) -> None:
        self._socket.close()

    def __del__(self) -> None:
        # There is none where the namespace was gone.
        if opened := getattr(self, "_socket", None):
            opened.close()

    def dump(self, kind: int, body: bytes) -> Iterator[Message]:
        """Every object that matches. Raises KernelRefusedError."""
        number = self._send(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
        while True:
            for message in self._receive(number):
                if message.type == _NLMSG_DONE:
                    return
                yield message

    def get(self, kind: int, body: bytes) -> Message | None:
        """One object; None where there is none. Raises KernelRefusedError."""
        number = self._send(kind, NLM_F_REQUEST, body)
        try:
            return next(iter(self._receive(number)), None)
        except FileNotFoundError:
            return None

    def ask(self, kind: int, flags: int, body: bytes) -> None:
        """A request that is only acknowledged. Raises OSError with the kernel's number."""
        number = self._send(kind, NLM_F_REQUEST | NLM_F_ACK | flags, body)
        for _ in self._receive(number):
            pass

    def exchange(self, requests: Sequence[Request]) -> list[Message | Refusal | None]:
        """All in one datagram, to a family that answers while it is being asked, as nfnetlink does.

        Each request's answer or refusal, None where the kernel is content without a word. Raises OSError.
        """
        first = next(self._numbers)
        for _ in requests[1:]:
            next(self._numbers)
        numbered = [
            _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, number, 0) + body
            for number, (kind, flags, body) in enumerate(requests, first)
        ]
        self._socket.send(b"".join(numbered))
        answers: list[Message | Refusal | None] = [None] * len(requests)
        for kind, number, _, body in self._waiting():
            if 0 <= number - first < len(answers):
                answers[number - first] = _refusal(body) if kind == _NLMSG_ERROR else Message(kind, body)
        return answers

    def _waiting(self) -> Iterator[tuple[int, int, int, bytes]]:
        """What lies in the socket's queue."""
        with suppress(BlockingIOError):
            while True:
                yield from messages(self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT))

    def _send(self, kind: int, flags: int, body: bytes) -> int:
        number = next(self._numbers) & 0xFFFFFFFF
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, number, 0) + body)
        return number

    def _receive(self, number: int) -> list[Message]:
        data = self._socket.recv(_RECEIVE)
        found = []
        for kind, sequence, _, body in messages(data):
            if sequence != number:
                continue
            if kind == _NLMSG_ERROR:
                _raise(struct.unpack_from("=i", body)[0])
            else:
                found.append(Message(kind, body))
        return found


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, sequence number, sender's (or asker's) port and body of each message in a datagram."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, port = _HEADER.unpack_from(data, at)
        yield kind, sequence, port, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def is_own(protocol: int, port: int) -> bool:
    """Whether a netlink port of this thread's namespace belongs to a socket of this process (proc(5))."""
    rows = map(str.split, Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if (row[1], row[2]) == (str(protocol), str(port))}
    with os.scandir("/proc/self/fd") as files:
        return any(_target(opened) in sockets for opened in files)


def _target(link: os.DirEntry[str]) -> str:
    """Empty for a file that was closed meanwhile."""
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""


def attributes(body: bytes, offset: int = 0) -> dict[int, bytes]:
    """The attributes that follow a family's own header of `offset` bytes."""
    found = {}
    at, end = offset, len(body)
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        found[kind & _TYPE_MASK] = body[at + 4 : at + length]
        at += (max(length, 4) + 3) & ~3
    return found


def children(body: bytes) -> Iterator[bytes]:
    """The bodies of a list of attributes that all have the same type."""
    at, end = 0, len(body)
    while at + 4 <= end:
        length, _ = _ATTRIBUTE.unpack_from(body, at)
        yield body[at + 4 : at + length]
        at += (max(length, 4) + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    padding = -len(value) % 4
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + b"\0" * padding


def text_attribute(kind: int, value: str) -> bytes:
    """A NUL-terminated text, as `string` reads it."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *inside: bytes) -> bytes:
    return attribute(kind | _NESTED, b"".join(inside))


def string(value: bytes) -> str:
    """A NUL-terminated text."""
    return value.rstrip(b"\0").decode(errors="replace")


def _refusal(body: bytes) -> Refusal | None:
    (error,) = struct.unpack_from("=i", body)
    offset = attributes(body, _ERROR_HEADER).get(_ERROR_OFFSET, b"") if error else b""
    return Refusal(-error, int.from_bytes(offset, sys.byteorder)) if error else None


def _raise(number: int) -> None:
    if number == 0:
        return
    if -number == errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if -number in {errno.ENODEV, errno.ENXIO}:
        raise FileNotFoundError(-number, os.strerror(-number))
    raise KernelRefusedError("netlink", os.strerror(-number))
