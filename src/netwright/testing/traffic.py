"""Long flows that tell what became of each packet: numbered at the sender, counted at both ends.

`python -m netwright.testing.traffic MODE ADDRESS PORT` sends or receives until SIGTERM and then prints one
line of JSON: see Tally. `Flow` runs both ends of one in two namespaces.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Final, NoReturn

from netwright.kernel.netns import path_of
from netwright.model.ids import NamespaceName

INTERVAL: Final = 0.001
"""Seconds between two packets."""
_NUMBER: Final = struct.Struct(">Q")
_BUFFER: Final = 16 << 20
_SO_RCVBUFFORCE: Final = 33
_TAKES_EFFECT: Final = 0.3


@dataclass(slots=True)
class Tally:
    """What one end saw. `longest_gap_ms` is the longest time without a packet (receivers)."""

    count: int = 0
    longest_gap_ms: float = 0.0
    in_order: bool = True
    error: str = ""


class _Told(Exception):  # noqa: N818 - not an error: the signal to stop
    pass


def send_udp(address: str, port: int, tally: Tally) -> None:
    """A numbered datagram every millisecond; one that is late is sent at once, none is left out.

    One that this host's own firewall refuses on the spot is lost like any other.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((address, port))

        def send(number: bytes) -> None:
            with suppress(PermissionError):
                line.send(number)

        _paced(tally, send)


def send_tcp(address: str, port: int, tally: Tally) -> None:
    """One connection, a number every millisecond."""
    with socket.create_connection((address, port), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _paced(tally, line.sendall)


def receive_udp(address: str, port: int, tally: Tally) -> None:
    """Counts each number once."""
    seen: set[int] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        line.bind((address, port))
        ready()
        last = 0.0
        while True:
            (number,) = _NUMBER.unpack(line.recv(_NUMBER.size))
            last = _note_gap(tally, last)
            tally.in_order = tally.in_order and number == len(seen)
            seen.add(number)
            tally.count = len(seen)


def receive_tcp(address: str, port: int, tally: Tally) -> None:
    """Counts the numbers of one connection, which must come in order."""
    with socket.create_server((address, port)) as door:
        ready()
        line, _ = door.accept()
    with line, line.makefile("rb") as stream:
        last = 0.0
        while data := stream.read(_NUMBER.size):
            last = _note_gap(tally, last)
            tally.in_order = tally.in_order and data == _NUMBER.pack(tally.count)
            tally.count += 1


def ready() -> None:
    """Tells whoever started this end that the other may begin."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _paced(tally: Tally, send: Callable[[bytes], object]) -> None:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))  # never between send and count
    start = time.monotonic()
    while not told:
        send(_NUMBER.pack(tally.count))
        tally.count += 1
        wait = start + tally.count * INTERVAL - time.monotonic()
        if wait > 0:
            time.sleep(wait)


def _note_gap(tally: Tally, last: float) -> float:
    now = time.monotonic()
    if last:
        tally.longest_gap_ms = max(tally.longest_gap_ms, round((now - last) * 1000, 1))
    return now


MODES: Final[Mapping[str, Callable[[str, int, Tally], None]]] = {
    "send-udp": send_udp,
    "send-tcp": send_tcp,
    "receive-udp": receive_udp,
    "receive-tcp": receive_tcp,
}


@dataclass(frozen=True, slots=True)
class Loss:
    """What became of a flow."""

    sent: Tally
    received: Tally

    @property
    def lost(self) -> int:
        return self.sent.count - self.received.count

    @property
    def whole(self) -> bool:
        """Nothing lost, nothing out of order, no error at either end."""
        return not (self.lost or self.sent.error or self.received.error) and self.received.in_order


class Flow:
    """A flow between two namespaces, running from when it is made until `stop`. `kind` is udp or tcp.

    `address`: where it is sent to, and listened for; where these differ, `sent>listened`.
    """

    def __init__(
        self, kind: str, source: NamespaceName, target: NamespaceName, address: str, port: int
    ) -> None:
        address, _, translated = address.partition(">")
        self._receiver = _end(target, f"receive-{kind}", translated or address, port)
        assert self._receiver.stdout is not None
        self._receiver.stdout.readline()
        self._sender = _end(source, f"send-{kind}", address, port)

    def stop(self) -> Loss:
        """Ends the sender, then, once everything can have arrived, the receiver."""
        sent = _tally(self._sender)
        time.sleep(_TAKES_EFFECT)
        return Loss(sent, _tally(self._receiver))

    def kill(self) -> None:
        """Ends both without a word; no error where they have ended."""
        for process in (self._sender, self._receiver):
            process.kill()
            process.communicate()


def _end(namespace: NamespaceName, mode: str, address: str, port: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "netwright.testing.traffic", mode, address, str(port)]
    return subprocess.Popen(
        ["nsenter", f"--net={path_of(namespace)}", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _tally(process: subprocess.Popen[str]) -> Tally:
    process.terminate()
    said, _ = process.communicate(timeout=10)
    return Tally(**json.loads(said.splitlines()[-1]))


def _tell(_: int, __: FrameType | None) -> NoReturn:
    raise _Told


def main() -> None:
    """Runs one end."""
    tally = Tally()
    try:
        signal.signal(signal.SIGTERM, _tell)
        MODES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), tally)
    except _Told:
        pass
    except OSError as error:
        tally.error = str(error)
        signal.sigwait({signal.SIGTERM})
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(json.dumps(asdict(tally)))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
