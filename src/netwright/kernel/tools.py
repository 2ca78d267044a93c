"""Programs of the system's, run in the namespace of the thread that calls; nothing is left on disk.

They read from and write to memory, not pipes: several may run at once, and none waits for us.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from netwright.model.errors import KernelRefusedError

PACKAGE: Final = "iptables"
"""The Debian package of most of them."""
_PATH: Final = "/usr/sbin:/sbin:/usr/local/sbin"
_LINE: Final = re.compile(r"\bline:? (\d+)")
_PREFIX: Final = re.compile(r"^\S+ v\S+ \(\w+\): *")
_NOISE: Final = re.compile(r"Try `|Error occurred|# Warning|$")
_REMEMBERED: Final = 2.0
"""Seconds after its end for which a process is known as ours: what it wrote is told before it ends, but may
be read later. No process id comes again so soon."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that was started. To be finished, always."""

    program: str
    text: str
    process: subprocess.Popen[bytes]
    said: tuple[int, int]
    """Files of what it prints and of what it complains about."""

    def finish(self) -> str:
        """What it printed. Raises KernelRefusedError with what it said instead, and of which line."""
        status = self.process.wait()
        _ended(self.process.pid)
        printed, complained = map(_read, self.said)
        if status:
            raise KernelRefusedError(self.program, _reason(complained, self.text) or f"exit status {status}")
        return printed


def find_tool(program: str) -> str | None:
    """Where a program of the system's is, on the path of root's shell."""
    return shutil.which(program) or shutil.which(program, path=_PATH)


def run_tool(program: str, argv: list[str], text: str = "", *, package: str = PACKAGE) -> str:
    """What the program prints. Raises KernelRefusedError with what it said instead, and of which line."""
    return start_tool(program, argv, text, package=package).finish()


def start_tool(program: str, argv: list[str], text: str = "", *, package: str = PACKAGE) -> Running:
    """Raises KernelRefusedError if there is no such program."""
    path = find_tool(program)
    if path is None:
        raise KernelRefusedError(program, f"{program} is not installed (Debian package {package})")
    told, printed, complained = (os.memfd_create(f"{program} {end}") for end in range(3))
    try:
        os.write(told, text.encode())
        os.lseek(told, 0, os.SEEK_SET)
        with _lock:
            # Known as ours before anybody can see what it writes.
            process = subprocess.Popen(
                [path, *argv],
                stdin=told,
                stdout=printed,
                stderr=complained,
                env=os.environ | {"LC_ALL": "C"},
            )
            _own[process.pid] = inf
    except OSError as error:
        os.close(printed)
        os.close(complained)
        raise KernelRefusedError(program, str(error)) from error
    finally:
        os.close(told)
    return Running(program, text, process, (printed, complained))


def finish_each(started: Iterable[Running]) -> Iterator[str]:
    """What each printed, as it ends. Raises the first KernelRefusedError, when all have ended."""
    refusals: list[KernelRefusedError] = []
    for running in list(started):
        try:
            printed = running.finish()
        except KernelRefusedError as refused:
            refusals.append(refused)
        else:
            yield printed
    if refusals:
        raise refusals[0]


def is_of_own_tool(port: int) -> bool:
    """Whether a netlink port was that of a program we run, or did a moment ago: it is the process's id."""
    with _lock:
        return port in _own


_lock: Final = threading.Lock()
_own: Final[dict[int, float]] = {}
"""Process ids, each with the time until which it is remembered."""


def _ended(pid: int) -> None:
    now = time.monotonic()
    with _lock:
        _own[pid] = now + _REMEMBERED
        for old in [old for old, until in _own.items() if until < now]:
            del _own[old]


def _read(file: int) -> str:
    with open(file, "rb") as opened:
        opened.seek(0)
        return opened.read().decode(errors="replace")


def _reason(stderr: str, text: str) -> str:
    lines = text.splitlines()
    number = next((int(found[1]) for found in [_LINE.search(stderr)] if found), 0)
    of = f": {lines[number - 1]}" if 0 < number <= len(lines) else ""
    words = (_PREFIX.sub("", line).strip() for line in stderr.splitlines())
    return "; ".join(line for line in words if not _NOISE.match(line)) + of
