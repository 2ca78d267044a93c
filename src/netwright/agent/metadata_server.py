"""Listening sockets -> conversations, in one thread that no guest can hold up or take from the others."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from queue import SimpleQueue
from typing import Final

from netwright.agent.metadata_http import Conversation, Request, Response
from netwright.model.ids import NetworkId
from netwright.model.intent import Address

TIMEOUT: Final = 10.0
"""Seconds that a guest has to send one request, and again to take its answer."""
MOST_CONNECTIONS: Final = 256
MOST_PER_GUEST: Final = 16
_SWEEP: Final = 1.0
_LINGER: Final = 2.0
_CHUNK: Final = 16384

Answer = Callable[[NetworkId, Address, Request], Response]


@dataclass(eq=False, slots=True)
class _Connection:
    sock: socket.socket
    guest: tuple[NetworkId, Address]
    talk: Conversation
    deadline: float
    out: bytearray = field(default_factory=bytearray)
    draining: bool = False


class MetadataServer:
    """Serves until closed. `clock` is monotonic, in seconds."""

    def __init__(self, answer: Answer, clock: Callable[[], float] = time.monotonic) -> None:
        self._answer, self._clock = answer, clock
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._running = True
        self._thread = threading.Thread(target=self._run, name="metadata", daemon=True)
        self._thread.start()

    def listen(self, network: NetworkId, sock: socket.socket) -> None:
        """From now on connections to this non-blocking socket are from guests of the network."""
        self._order(lambda: self._selector.register(sock, selectors.EVENT_READ, network))

    def drop(self, sock: socket.socket) -> None:
        """Closes a listening socket; conversations already begun go on. Returns when it is closed."""

        def close() -> None:
            self._selector.unregister(sock)
            sock.close()

        self._order(close)

    def close(self) -> None:
        """Ends the thread and every conversation; listening sockets are their owner's."""

        def stop() -> None:
            self._running = False

        self._order(stop)
        self._thread.join()
        for connection in list(self._connections):
            self._end(connection)
        self._selector.close()
        os.close(self._wake)

    def _order(self, work: Callable[[], object]) -> None:
        """Has the thread do it, and waits: selectors are not made for two threads."""
        done = threading.Event()

        def run() -> None:
            with suppress(KeyError, ValueError):
                work()
            done.set()

        self._orders.put(run)
        os.eventfd_write(self._wake, 1)
        done.wait()

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select(_SWEEP if self._connections else None):
                if key.fileobj == self._wake:
                    self._obey()
                elif isinstance(key.data, _Connection):
                    self._serve(key.data)
                elif isinstance(key.fileobj, socket.socket):
                    self._accept(key.fileobj, key.data)
            now = self._clock()
            for connection in [one for one in self._connections if one.deadline < now]:
                self._end(connection)

    def _obey(self) -> None:
        os.eventfd_read(self._wake)
        while not self._orders.empty():
            self._orders.get()()

    def _accept(self, listening: socket.socket, network: NetworkId) -> None:
        try:
            sock, peer = listening.accept()
        except OSError:
            # Out of descriptors, or the guest has gone: room is made, and the next turn tries again.
            self._make_room(lambda _: True, 1)
            return
        sock.settimeout(0)
        guest = (network, ip_address(peer[0].partition("%")[0]))
        self._make_room(lambda one: one.guest == guest, MOST_PER_GUEST)
        self._make_room(lambda _: True, MOST_CONNECTIONS)
        talk = Conversation(lambda request: self._answer(*guest, request))
        connection = _Connection(sock, guest, talk, self._clock() + TIMEOUT)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _make_room(self, counts: Callable[[_Connection], bool], most: int) -> None:
        """Fewer than that many are left: the one that has had the longest time goes."""
        counted = [one for one in self._connections if counts(one)]
        if len(counted) >= most:
            self._end(min(counted, key=lambda one: one.deadline))

    def _serve(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        try:
            if connection.out:
                self._send(connection)
            else:
                self._receive(connection)
        except BlockingIOError:
            return
        except OSError:
            self._end(connection)

    def _receive(self, connection: _Connection) -> None:
        data = connection.sock.recv(_CHUNK)
        if not data:
            self._end(connection)
        elif not connection.draining and (reply := connection.talk.feed(data)):
            connection.out += reply
            connection.deadline = self._clock() + TIMEOUT
            self._send(connection)

    def _send(self, connection: _Connection) -> None:
        """While an answer is unsent nothing more is read, so a guest cannot make answers pile up."""
        with suppress(BlockingIOError):
            del connection.out[: connection.sock.send(connection.out)]
        waits = selectors.EVENT_WRITE if connection.out else selectors.EVENT_READ
        self._selector.modify(connection.sock, waits, connection)
        if not connection.out:
            connection.deadline = self._clock() + TIMEOUT
            if connection.talk.ended:
                self._linger(connection)

    def _linger(self, connection: _Connection) -> None:
        """Closing with unread octets would send a reset, which takes the answer back (RFC 9112 9.6)."""
        connection.draining = True
        connection.deadline = self._clock() + _LINGER
        connection.sock.shutdown(socket.SHUT_WR)

    def _end(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        connection.sock.close()
