"""Lease events on their way from dnsmasq's script to whoever takes them: files, so that none gets lost.

    {directory}/events     a line an event: VERB NETWORK MAC ADDRESS SECONDS NAME, as netwright-dhcpbridge
                           appends it; VERB is add, old or del. Others are no events: init says that
                           the network has no leases, held that there was one already
                events.1   the lines before those
                held       what all lines before those come to, as `held` lines
                taken      how far they were taken: INODE OFFSET, a line a file

Ours: the directory. Any number may write; one at a time takes. Who takes is told of an event again if it
ends between having done something about it and saying so. A file moves on only when the one before it was
taken whole a long while ago, so that a script that has it open still has written by then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Final

from netwright.kernel.dnsmasq_home import write
from netwright.model.ids import MAC_FORM, Mac
from netwright.model.leases import LeaseChange, LeaseEvent

SCRIPT: Final = Path(__file__).with_name("netwright-dhcpbridge")
"""dnsmasq's dhcp-script. Its environment: NETWORK_ID, and NETWRIGHT_LEASES, the directory."""
LEASES: Final = "leases"
"""The directory's name in a host's run directory."""
SEGMENT: Final = 1 << 20
"""Bytes after which a new file is begun."""
BATCH: Final = 500
_FIELDS: Final = 6
_UNKNOWN: Final = "-"
_NAME: Final = re.compile(r"[0-9A-Za-z.-]+")
_CHANGES: Final = {"add": LeaseChange.TAKEN, "old": LeaseChange.TAKEN, "del": LeaseChange.RELEASED}
_INIT, _HELD = "init", "held"


@dataclass(frozen=True, slots=True)
class HeldLease:
    """`seconds`: how long it lasts from the next start of the daemon on; 0: for ever."""

    address: IPv4Address
    mac: Mac
    seconds: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Events, and how far into which file (by its inode) they reach."""

    events: tuple[LeaseEvent, ...]
    marks: tuple[tuple[int, int], ...]
    lines: int
    """0: there is nothing to take."""
    refused: int = 0
    """Lines that were not the script's."""


class LeaseSpool:
    """`directory` is made where it is missing. Raises OSError."""

    def __init__(self, directory: Path, *, segment: int = SEGMENT) -> None:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._segment = segment
        self._held, self._taken = directory / "held", directory / "taken"
        self._before, self._now = directory / "events.1", directory / "events"

    def take(self, limit: int = BATCH) -> Taken:
        """The oldest events that were not taken yet; the same again until `done` is told."""
        marks, lines = self._marks(), list[str]()
        for path in (self._before, self._now):
            lines += _read(path, marks, limit - len(lines))
        events = [_event(line) for line in lines if not line.startswith((f"{_INIT} ", f"{_HELD} "))]
        known = tuple(event for event in events if event)
        return Taken(known, tuple(marks.items()), len(lines), len(events) - len(known))

    def done(self, taken: Taken) -> None:
        """These are not to be taken again."""
        self._save(dict(taken.marks))
        if _size(self._now) >= self._segment and not self._read_on(self._before):
            self._move_on()

    def pending(self, network: str) -> Sequence[LeaseEvent]:
        """What happened on a network and was not taken yet."""
        marks = self._marks()
        lines = [line for path in (self._before, self._now) for line in _read(path, marks)]
        events = (_event(line) for line in lines)
        return [event for event in events if event and event.network == network]

    def seed(self, network: str, leases: Iterable[HeldLease]) -> None:
        """From now on these are what a daemon of the network that starts is told is leased, and no others."""
        lines = [f"{_INIT} {network} {_UNKNOWN} {_UNKNOWN} 0 *\n"]
        for held in leases:
            name = held.name if _NAME.fullmatch(held.name) else "*"
            lines.append(f"{_HELD} {network} {held.mac} {held.address} {held.seconds} {name}\n")
        with self._now.open("ab", buffering=0) as file:
            file.write("".join(lines).encode())

    def _marks(self) -> dict[int, int]:
        """By the inodes of the files that are there; a damaged file counts as none."""
        found = {}
        with suppress(OSError, ValueError):
            found = {
                int(inode): int(at) for inode, at in map(str.split, self._taken.read_text().splitlines())
            }
        there = {_inode(path) for path in (self._before, self._now)}
        return {inode: at for inode, at in found.items() if inode in there}

    def _save(self, marks: dict[int, int]) -> None:
        write(self._taken, "".join(f"{inode} {at}\n" for inode, at in marks.items()))

    def _read_on(self, path: Path) -> bool:
        return bool(_read(path, self._marks(), 1))

    def _move_on(self) -> None:
        """Killed anywhere between, the next call comes to the same: a line told twice changes nothing."""
        if self._before.exists():
            lines = (line for path in (self._held, self._before) for line in _read(path, {}))
            write(self._held, "".join(f"{line}\n" for line in replay(lines)))
            self._before.unlink()
            self._save(self._marks())
        self._now.rename(self._before)


def replay(lines: Iterable[str]) -> Iterator[str]:
    """What the lines come to, as `held` lines."""
    held: dict[str, dict[str, list[str]]] = {}
    for words in map(str.split, lines):
        if len(words) != _FIELDS:
            continue
        verb, network, mac, address, *_ = words
        theirs = held.setdefault(network, {})
        if verb == _INIT:
            theirs.clear()
        elif verb != "del":
            theirs[address] = [_HELD, *words[1:]]
        elif address in theirs and theirs[address][2] == mac:
            del theirs[address]
    for theirs in held.values():
        yield from map(" ".join, theirs.values())


def _read(path: Path, marks: dict[int, int], limit: int | None = None) -> list[str]:
    """Whole lines from the file's mark on; the mark moves behind them."""
    lines: list[str] = []
    with suppress(FileNotFoundError), path.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        start = marks.get(inode, 0)
        file.seek(start if start <= os.fstat(file.fileno()).st_size else 0)
        while limit is None or len(lines) < limit:
            line = file.readline()
            if not line.endswith(b"\n"):
                file.seek(-len(line), os.SEEK_CUR)
                break
            lines.append(line[:-1].decode(errors="replace"))
        marks[inode] = file.tell()
    return lines


def _event(line: str) -> LeaseEvent | None:
    words = line.split(" ")
    if len(words) != _FIELDS or words[0] not in _CHANGES:
        return None
    verb, network, mac, address, *_ = words
    if mac != _UNKNOWN and not MAC_FORM.fullmatch(mac):
        return None
    with suppress(ValueError):
        return LeaseEvent(
            change=_CHANGES[verb],
            network="" if network == _UNKNOWN else network,
            address=ip_address(address),
            mac=None if mac == _UNKNOWN else Mac(mac),
        )
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
