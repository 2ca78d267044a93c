"""Daemons that run on without whoever started them.

Ours: those whose command line has, as words of their own, an option that names a file of ours. The pid file
tells which process to look at first; one that was lost is found without it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GRACE: Final = 5.0
"""Seconds that a daemon has to end by itself."""
_LONG: Final = 20.0
"""dnsmasq first has its script run for all that has happened, one event after another."""
_FLAGS: Final = 6
"""Where a process's flags are in /proc/<pid>/stat, behind its name (proc(5))."""
_EXITING: Final = 0x4
"""PF_EXITING (linux/sched.h)."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """`mark`: the word of its command line that no other process has, or several, joined by NUL."""

    pid_file: Path
    mark: str

    def pid(self) -> int | None:
        """The daemon's process id, while it runs."""
        last = self._last_pid()
        return last if last and self._is_ours(last) else None

    def words(self) -> Sequence[str]:
        """The command line that it runs with; empty where it does not run."""
        pid = self.pid()
        return [os.fsdecode(word) for word in _parts(pid, "cmdline")] if pid else ()

    def environment(self) -> Mapping[str, str]:
        """What it was started with; empty where it does not run."""
        pid = self.pid()
        pairs = (os.fsdecode(part).partition("=") for part in _parts(pid, "environ")) if pid else ()
        return {name: value for name, _, value in pairs}

    def hang_up(self) -> None:
        """Has it, if it runs, read its files anew."""
        if pid := self.pid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)

    def stop(self) -> bool:
        """Returns when it and its helpers have ended; whether there were any."""
        pids = set(self.processes())
        end(pids, _LONG)
        self.pid_file.unlink(missing_ok=True)
        return bool(pids)

    def processes(self) -> Iterator[int]:
        """All that are its own, found without the pid file, and the one in it if that is just ending.

        A process that ends gives up its memory, and its command line with it, before its sockets.
        """
        last = self._last_pid()
        if last and _is_ending(last):
            yield last
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal() and self._is_ours(int(entry.name)):
                yield int(entry.name)

    def _last_pid(self) -> int | None:
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        return os.fsencode(f"\0{self.mark}\0") in b"\0" + _bytes(pid, "cmdline")


def end(pids: Iterable[int], grace: float = GRACE) -> None:
    """Tells all of them to end, and kills those that still run after that many seconds.

    All at once: dnsmasq's helper, which runs its script, waits for the daemon's end.
    """
    with ExitStack() as stack:
        handles = []
        for pid in set(pids):
            with suppress(ProcessLookupError):
                handles.append(handle := os.pidfd_open(pid))
                stack.callback(os.close, handle)
                signal.pidfd_send_signal(handle, signal.SIGTERM)
        until = time.monotonic() + grace
        for handle in handles:
            if not _ends(handle, until - time.monotonic()):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    _ends(handle, grace)


def _ends(handle: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1000))


def _is_ending(pid: int) -> bool:
    flags = _bytes(pid, "stat").rpartition(b")")[2].split()[_FLAGS : _FLAGS + 1]
    return any(int(flag) & _EXITING for flag in flags)


def _parts(pid: int, file: str) -> list[bytes]:
    """The words of a file in /proc; none where there is no such process."""
    return _bytes(pid, file).split(b"\0")[:-1]


def _bytes(pid: int, file: str) -> bytes:
    """Nothing where there is no such process."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""
