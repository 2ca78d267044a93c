"""iptables and ip6tables in either back end: whole tables read, parts of tables written in one go.

Decides nothing and knows no names. Programs run in the namespace of the thread that calls, and through
one pipe: nothing is left on disk.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final, Literal

from netwright.model.errors import KernelRefusedError

Family = Literal["ip", "ip6"]
Backend = Literal["legacy", "nft"]

BACKENDS: Final = ("auto", "legacy", "nft")
"""What a user may ask for; `auto` is what `iptables` is on the host."""
PACKAGE: Final = "iptables"
"""The Debian package that has both back ends."""
_WAIT: Final = "--wait=30"
"""Seconds that others may hold the lock of the legacy back end (xtables.lock, iptables 1.6.2)."""
_PATH: Final = "/usr/sbin:/sbin:/usr/local/sbin"
_LINE: Final = re.compile(r"\bline:? (\d+)")
_PREFIX: Final = re.compile(r"^\S+ v\S+ \(\w+\): *")
_NOISE: Final = re.compile(r"Try `|Error occurred|# Warning|$")


@dataclass(frozen=True, slots=True)
class Xtables:
    """One family's tables in one back end."""

    family: Family
    backend: Backend

    @property
    def singly(self) -> bool:
        """Whether the kernel gives out one chain without the whole table."""
        return self.backend == "nft"

    @property
    def there(self) -> bool:
        return find_tool(self.program("save")) is not None

    def save(self, table: str | None = None, *, counters: bool = False) -> str:
        """One table, or all that there are, as `iptables-save` prints them.

        Raises KernelRefusedError.
        """
        argv = [*(("-t", table) if table else ()), *(("-c",) if counters else ())]
        return run_tool(self.program("save"), argv)

    def chain(self, table: str, name: str) -> str:
        """One chain's rules with their counters, as `iptables -S -v` prints them; empty where it is not."""
        argv = ["-t", table, _WAIT, "-v", "-S", name]
        try:
            return run_tool(self.program(""), argv)
        except KernelRefusedError:
            if find_tool(self.program("")) is None:
                raise
            return ""

    def restore(self, text: str, *, counters: bool = False) -> None:
        """Writes the chains that the text names, each table at once; other chains stay (`--noflush`).

        With `counters`, those in the text are taken over. Raises KernelRefusedError with what was said
        and the line that it was said of; the tables after that line are as they were.
        """
        argv = [_WAIT, "--noflush", *(("--counters",) if counters else ())]
        run_tool(self.program("restore"), argv, text)

    def program(self, verb: str) -> str:
        """`iptables-nft-save` and the like."""
        return f"{self.family}tables-{self.backend}" + (f"-{verb}" if verb else "")


def find_tool(program: str) -> str | None:
    """Where a program of the system's is, on the path of root's shell."""
    return shutil.which(program) or shutil.which(program, path=_PATH)


def run_tool(program: str, argv: list[str], text: str = "", *, package: str = PACKAGE) -> str:
    """What the program prints. Raises KernelRefusedError with what it said instead, and of which line."""
    path = find_tool(program)
    if path is None:
        raise KernelRefusedError(program, f"{program} is not installed (Debian package {package})")
    done = subprocess.run(
        [path, *argv],
        input=text,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"LC_ALL": "C"},
    )
    if done.returncode:
        raise KernelRefusedError(program, _said(done.stderr, text) or f"exit status {done.returncode}")
    return done.stdout


def _said(stderr: str, text: str) -> str:
    lines = text.splitlines()
    number = next((int(found[1]) for found in [_LINE.search(stderr)] if found), 0)
    of = f": {lines[number - 1]}" if 0 < number <= len(lines) else ""
    words = (_PREFIX.sub("", line).strip() for line in stderr.splitlines())
    return "; ".join(line for line in words if not _NOISE.match(line)) + of
