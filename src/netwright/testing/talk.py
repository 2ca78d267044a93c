"""Sockets in namespaces, mostly of UDP, packet by packet: who heard whom, and as whom."""

from __future__ import annotations

import errno
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from netwright.kernel import netns
from netwright.model.ids import NamespaceName

_RCVBUFFORCE = 33
_SILENCE = 0.3
"""Seconds after which nothing is expected any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`as_whom`: the source that the listener saw. `from_whom`: the source that its answer came from."""

    as_whom: str
    from_whom: str | None


@contextmanager
def speaker(where: NamespaceName, address: str = "0.0.0.0", port: int = 0) -> Iterator[socket.socket]:  # noqa: S104 - inside a test's namespace
    """A UDP socket in the namespace."""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    with netns.inside(where):
        opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with opened:
        opened.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 1 << 22)
        opened.bind((address, port))
        opened.settimeout(_SILENCE)
        yield opened


def ask(asking: socket.socket, listening: socket.socket, address: str, port: int) -> Heard | None:
    """Sends a datagram to the address, and has the listener answer it; None if the listener hears nothing."""
    token = uuid.uuid4().bytes
    asking.sendto(token, (address, port))
    source = _receive(listening, token)
    if source is None:
        return None
    listening.sendto(token, source)
    answered = _receive(asking, token)
    return Heard(source[0], answered[0] if answered else None)


def _receive(listening: socket.socket, token: bytes) -> tuple[str, int] | None:
    """Where the token came from; None if it does not come."""
    try:
        while True:
            data, (address, port, *_) = listening.recvfrom(1500)
            if data == token:
                return address, port
    except TimeoutError:
        return None


def tell(speaking: socket.socket, listening: socket.socket) -> None:
    """Sends a word over a connection, and waits until it is heard. Raises OSError if it does not come."""
    token, heard = uuid.uuid4().bytes, b""
    speaking.send(token)
    while token not in heard:
        more = listening.recv(1 << 16)
        if not more:
            raise ConnectionResetError(errno.ECONNRESET, "closed before the word was heard")
        heard += more


def gather(listening: socket.socket) -> list[bytes]:
    """Everything that waits to be read."""
    found = []
    listening.settimeout(0)
    try:
        while True:
            found.append(listening.recv(1500))
    except BlockingIOError:
        return found
    finally:
        listening.settimeout(_SILENCE)


@contextmanager
def streaming(speaking: socket.socket, address: str, port: int) -> Iterator[list[bytes]]:
    """Numbered datagrams, one a millisecond, while the block runs; gives the list of those sent."""
    sent: list[bytes] = []
    over = threading.Event()

    def stream() -> None:
        while not over.wait(0.001):
            sent.append(str(len(sent)).encode())
            speaking.sendto(sent[-1], (address, port))

    thread = threading.Thread(target=stream, name="stream")
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()
