"""Guests' traffic, watched packet by packet: echoed UDP a millisecond apart, a TCP stream, new connections.

Each flow is a process in its guest's namespace. UDP sockets have 8 MiB of buffer, and what the kernel still
dropped for want of buffer is counted apart: that is not the network's loss.
"""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from netwright.kernel.netns import inside
from netwright.model.ids import NamespaceName

PORT: Final = 7007
UDP_EVERY_S, CHUNK_EVERY_S, CONNECT_EVERY_S = 0.001, 0.01, 0.01
CHUNK: Final = bytes(range(256)) * 40
"""10 KiB each 10 ms: 1 MB/s, so that the stream does not take the CPU that it is to be measured under."""
_DRAIN_S: Final = 2.0
_PATIENCE_S: Final = 10.0
_LATE_S: Final = 0.9
"""A connection that takes longer has lost a packet: SYN is sent again after 1 s."""
_BUFFER: Final = 8 << 20
_RCVBUFFORCE: Final = 33


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a flow."""

    sent: int
    lost: int
    reset: int
    longest_ms: float
    """The longest wait for an answer."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow from a guest to an address, under the name that it has in the table."""

    name: str
    act: Callable[[str, Event], Seen]
    source: NamespaceName
    target: str


def flows(guest: NamespaceName, places: Sequence[tuple[str, str]]) -> list[Flow]:
    """All three kinds, from the guest to each place (what to call it, its address)."""
    kinds = (("UDP every 1 ms", udp), ("TCP stream", stream), ("connections every 10 ms", connections))
    return [Flow(f"{name}, {place}", act, guest, to) for place, to in places for name, act in kinds]


class Traffic:
    """Flows that run until they are stopped, and the servers that answer them."""

    def __init__(self, running: Sequence[Flow], servers: Sequence[NamespaceName]) -> None:
        self._end = multiprocessing.Event()
        self._spaces = {*servers, *(flow.source for flow in running)}
        self._servers = [_start(_serve, one) for one in servers]
        self._drops = sum(map(buffer_drops, self._spaces))
        time.sleep(0.5)
        self._flows = {flow.name: self._watch(flow) for flow in running}

    def stop(self) -> tuple[dict[str, Seen], int]:
        """What each flow saw, and the datagrams that a full socket buffer cost."""
        self._end.set()
        seen = {name: hears.recv() for name, (hears, _) in self._flows.items()}
        for _, process in self._flows.values():
            process.join()
        drops = sum(map(buffer_drops, self._spaces)) - self._drops
        for server in self._servers:
            server.kill()
            server.join()
        return seen, drops

    def _watch(self, flow: Flow) -> tuple[Connection, multiprocessing.Process]:
        hears, tells = multiprocessing.Pipe(duplex=False)
        return hears, _start(_report, flow, self._end, tells)


def buffer_drops(namespace: NamespaceName) -> int:
    """Datagrams that UDP dropped in the namespace because a receiver's buffer was full (RcvbufErrors)."""
    with inside(namespace):
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(values[names.index("RcvbufErrors")])


def udp(target: str, end: Event) -> Seen:
    """Numbered datagrams, echoed; lost are those whose echo has not come two seconds after the last."""
    door = _udp()
    door.connect((target, PORT))
    door.settimeout(0.2)
    sent_at: dict[int, float] = {}
    longest, number = 0.0, 0
    stopped = threading.Event()

    def hear() -> None:
        nonlocal longest
        while not stopped.is_set():
            with suppress(TimeoutError, ConnectionError):
                begun = sent_at.pop(int.from_bytes(door.recv(64)), None)
                longest = max(longest, time.monotonic() - begun if begun else 0.0)

    hearing = threading.Thread(target=hear)
    hearing.start()
    due = time.monotonic()
    while not end.is_set():
        number += 1
        sent_at[number] = time.monotonic()
        with suppress(ConnectionError):
            door.send(number.to_bytes(8))
        due = max(due + UDP_EVERY_S, time.monotonic() - 1)
        time.sleep(max(due - time.monotonic(), 0))
    deadline = time.monotonic() + _DRAIN_S
    while sent_at and time.monotonic() < deadline:
        time.sleep(0.05)
    stopped.set()
    hearing.join()
    return Seen(number, len(sent_at), 0, longest * 1000)


def stream(target: str, end: Event) -> Seen:
    """One connection for all the time; each chunk comes back, byte for byte."""
    sent, longest, reset, lost = 0, 0.0, 0, 0
    with socket.create_connection((target, PORT), _PATIENCE_S) as door:
        while not end.is_set():
            begun = time.monotonic()
            try:
                door.sendall(CHUNK)
                echo = _exactly(door, len(CHUNK))
            except OSError:
                reset = 1
                break
            sent, lost = sent + 1, lost + (echo != CHUNK)
            longest = max(longest, time.monotonic() - begun)
            time.sleep(CHUNK_EVERY_S)
    return Seen(sent, lost, reset, longest * 1000)


def connections(target: str, end: Event) -> Seen:
    """A new connection each time; one that fails is a reset, one that had to ask again a loss."""
    sent, longest, reset, lost = 0, 0.0, 0, 0
    while not end.is_set():
        begun = time.monotonic()
        try:
            with socket.create_connection((target, PORT), _PATIENCE_S) as door:
                asked = time.monotonic() - begun
                door.sendall(b"?")
                reset += _exactly(door, 1) != b"?"
        except OSError:
            asked = 0.0
            reset += 1
        taken = time.monotonic() - begun
        sent, lost, longest = sent + 1, lost + (asked > _LATE_S), max(longest, taken)
        time.sleep(max(CONNECT_EVERY_S - taken, 0))
    return Seen(sent, lost, reset, longest * 1000)


def _start(act: Callable[..., None], *given: object) -> multiprocessing.Process:
    process = multiprocessing.Process(target=act, args=given, daemon=True)
    process.start()
    return process


def _report(flow: Flow, end: Event, tells: Connection) -> None:
    with inside(flow.source):
        tells.send(flow.act(flow.target, end))


def _serve(namespace: NamespaceName) -> None:
    """Echoes datagrams, and what comes on each connection."""
    with inside(namespace):
        door = _udp()
        door.bind(("", PORT))
        listening = socket.create_server(("", PORT), backlog=1024)
    threading.Thread(target=_echo_datagrams, args=(door,), daemon=True).start()
    while True:
        accepted, _ = listening.accept()
        threading.Thread(target=_echo, args=(accepted,), daemon=True).start()


def _echo_datagrams(door: socket.socket) -> None:
    while True:
        data, sender = door.recvfrom(64)
        with suppress(OSError):
            door.sendto(data, sender)


def _echo(accepted: socket.socket) -> None:
    with accepted, suppress(OSError):
        while data := accepted.recv(65536):
            accepted.sendall(data)


def _udp() -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
    return door


def _exactly(door: socket.socket, length: int) -> bytes:
    """That many bytes, or fewer where the other side ends."""
    found = bytearray()
    while len(found) < length and (data := door.recv(length - len(found))):
        found += data
    return bytes(found)
