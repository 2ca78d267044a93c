"""The line to a booted guest: commands and answers over its second serial port, a socket on the host."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.model.errors import NetwrightError

BOOT_SECONDS: Final = 60.0
_LONGEST_ANSWER: Final = 1 << 16
_PATIENCE_S: Final = 10.0


class GuestSilentError(NetwrightError):
    """The guest did not answer in time; the message ends with its console's last lines."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's exit code and everything that it printed."""

    code: int
    text: str


class GuestLine:
    """`logs`: files whose last lines say why a guest is silent. `runs`: whether its emulator still does."""

    def __init__(self, path: Path, logs: Sequence[Path], runs: Callable[[], bool]) -> None:
        self._path, self._logs, self._runs = path, logs, runs
        self._line: socket.socket | None = None
        self._received = b""
        self._count = 0

    def wait_booted(self, seconds: float = BOOT_SECONDS) -> None:
        """Until the guest obeys. Raises GuestSilentError."""
        deadline = time.monotonic() + seconds
        while self._line is None:
            self._line = self._connect(deadline)
        while b"hello\n" not in self._received:
            self._receive(deadline)
        self._received = self._received.partition(b"hello\n")[2]

    def run(self, command: str, seconds: float = 30.0) -> Answer:
        """Has the guest's shell run one line. Raises GuestSilentError."""
        assert self._line is not None, "wait_booted() comes first"
        assert "\n" not in command
        deadline = time.monotonic() + seconds
        self._count += 1
        self._line.sendall(f"{self._count} {command}\n".encode())
        code, length = self._head(deadline)
        while len(self._received) < length:
            self._receive(deadline)
        text, self._received = self._received[:length], self._received[length:]
        return Answer(code, text.decode(errors="replace"))

    def _head(self, deadline: float) -> tuple[int, int]:
        """The answer's code and length. A line before it is an echo: the console may not be quiet yet."""
        while True:
            while b"\n" not in self._received:
                self._receive(deadline)
            head, _, self._received = self._received.partition(b"\n")
            match head.split():
                case [number, code, length] if number == b"%d" % self._count and code.isdigit():
                    return int(code), int(length)

    def wait_lease(self, seconds: float = BOOT_SECONDS) -> str:
        """The IPv4 address that the guest's DHCP client got. Raises GuestSilentError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if lease := self._lease(min(_PATIENCE_S, deadline - time.monotonic())):
                return lease
            time.sleep(0.1)
        raise self._silent("no DHCP lease")

    def _lease(self, seconds: float) -> str:
        """What is asked while a busy machine boots may get lost on its serial port: it is asked again."""
        try:
            return self.run("sed -n 's/^ip=//p' /run/lease 2>/dev/null", seconds).text.strip()
        except GuestSilentError:
            if not self._runs():
                raise
            return ""

    def close(self) -> None:
        """Hangs up; the guest runs on."""
        if self._line is not None:
            self._line.close()

    def _connect(self, deadline: float) -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self._path))
        except OSError as error:
            line.close()
            if not self._runs() or time.monotonic() > deadline:
                raise self._silent("QEMU did not start") from error
            time.sleep(0.02)
            return None
        return line

    def _receive(self, deadline: float) -> None:
        assert self._line is not None
        self._line.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._line.recv(_LONGEST_ANSWER)
        except TimeoutError as error:
            raise self._silent("no answer") from error
        if not data:
            raise self._silent("QEMU ended")
        self._received += data

    def _silent(self, what: str) -> GuestSilentError:
        read = (one.read_text(errors="replace") for one in self._logs if one.exists())
        lines = [line for text in read for line in text.splitlines()]
        return GuestSilentError("\n".join([what, *lines[-20:]]))
