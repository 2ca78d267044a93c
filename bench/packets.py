"""What a packet and a connection cost between two guests: slices of a fifth of a second, taken in turns.

On pairs of virtual links the whole path, the receiver's part included, runs inside the sender's call, and so
in the sending thread's own CPU time. Datagrams go by sendmmsg(2), 64 in a call, so that nothing of Python is
in their figure; they belong to a connection that has been answered. A new connection's figure has its five
calls from Python in it, the same in every row.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import socket
import statistics
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from netwright.kernel import netns
from netwright.model.ids import NamespaceName

SINK, ECHO, DOOR = 7101, 7102, 7103
"""UDP ports of the far guest, one that drops all but greetings and one that answers; the TCP port."""
SLICE_S: Final = 0.2
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_AT_ONCE: Final = 64
_PAYLOAD: Final = bytes(18)
_GREETING: Final = bytes(64)
_ATTACH_FILTER: Final = 26
_GREETINGS_ONLY: Final = (
    (0x80, 0, 0, 0),
    (0x35, 0, 1, len(_GREETING)),
    (0x06, 0, 0, 1 << 18),
    (0x06, 0, 0, 0),
)
"""Classic BPF: the length; is it at least a greeting's? All of it; or nothing."""
_ABORT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset, nothing waits."""
_PATIENCE_S: Final = 5.0
_WARM_UP: Final = 50


@dataclass(frozen=True, slots=True)
class Path:
    """From one guest to the other's address."""

    source: NamespaceName
    target: NamespaceName
    address: str


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


class Wire:
    """A path with a server at its end."""

    def __init__(self, path: Path) -> None:
        self._address = path.address
        self._server = multiprocessing.Process(target=_serve, args=(path.target,), daemon=True)
        self._server.start()
        self._thread = ThreadPoolExecutor(1, initializer=netns.enter, initargs=(path.source,))
        self._thread.submit(self._await_server).result()

    def packet_us(self) -> float:
        """CPU time of one small datagram."""
        return self._thread.submit(self._flood).result()

    def connect_us(self) -> tuple[float, float]:
        """CPU time of a connection and its reset; connections in a second."""
        return self._thread.submit(self._connect).result()

    def latency_us(self) -> float:
        """Median of the round trips of small datagrams."""
        return self._thread.submit(self._ask).result()

    def close(self) -> None:
        self._thread.shutdown()
        self._server.kill()
        self._server.join()

    def _flood(self) -> float:
        vector = _Vector(_PAYLOAD, len(_PAYLOAD))
        headers = (_Header * _AT_ONCE)(*(_Header(vectors=ctypes.pointer(vector), vector_count=1),) * _AT_ONCE)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.connect((self._address, SINK))
            line.settimeout(_PATIENCE_S)
            line.send(_GREETING)
            line.recv(128)  # both ways: the connection is known from here on
            number, sent = line.fileno(), 0
            until, begun = time.monotonic() + SLICE_S, time.thread_time()
            while time.monotonic() < until:
                sent += max(_LIBC.sendmmsg(number, headers, _AT_ONCE, 0), 0)
            return (time.thread_time() - begun) * 1e6 / sent

    def _connect(self) -> tuple[float, float]:
        place, made = (self._address, DOOR), 0
        started, begun = time.monotonic(), time.thread_time()
        while time.monotonic() < started + SLICE_S:
            with socket.socket() as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                line.connect(place)
            made += 1
        return (time.thread_time() - begun) * 1e6 / made, made / (time.monotonic() - started)

    def _ask(self) -> float:
        taken = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.connect((self._address, ECHO))
            line.settimeout(_PATIENCE_S)
            until = time.monotonic() + SLICE_S
            while time.monotonic() < until:
                begun = time.perf_counter()
                line.send(_PAYLOAD)
                line.recv(64)
                taken.append(time.perf_counter() - begun)
        return statistics.median(taken) * 1e6

    def _await_server(self) -> None:
        """Until all three answer: a filter that lets nothing through would be very cheap."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._address} does not answer")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(0.2)
            line.connect((self._address, ECHO))
            for _ in range(_WARM_UP):
                line.send(_PAYLOAD)
                line.recv(64)
            with socket.create_connection((self._address, DOOR), 0.2):
                return True
        return False


def _serve(namespace: NamespaceName) -> None:
    netns.enter(namespace)
    for act in (_sink, _echo, _door):
        threading.Thread(target=act, daemon=True).start()
    threading.Event().wait()


def _sink() -> None:
    """What is no greeting is dropped as soon as the socket is found."""
    program = b"".join(struct.pack("=HBBI", *line) for line in _GREETINGS_ONLY)
    kept = ctypes.create_string_buffer(program)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        filtered = struct.pack("@HP", len(_GREETINGS_ONLY), ctypes.addressof(kept))
        line.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, filtered)
        _answer(line, SINK)


def _echo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        _answer(line, ECHO)


def _answer(line: socket.socket, port: int) -> None:
    line.bind(("", port))
    while True:
        with suppress(OSError):
            line.sendto(*line.recvfrom(128))


def _door() -> None:
    with socket.create_server(("", DOOR), backlog=4096) as listening:
        while True:
            with suppress(OSError):
                listening.accept()[0].close()
