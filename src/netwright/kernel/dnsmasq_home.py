"""One network's dnsmasq on disk and in /proc: where its files are, whether it runs, whom it leased to.

    {directory}/dnsmasq/{network}/dnsmasq.conf   what the running daemon was started with
                                  place          where: namespace, link, and what these were then
                                  pid  leases    written by dnsmasq
                                  dhcp/  options/  tags/  dns/    one small file a port

Ours: every process whose command line names such a configuration file. dnsmasq reads as a user of its
own, so directories are 0755 and files 0644; it opens its lease file before it gives up root.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from netwright.kernel.daemons import Daemon
from netwright.kernel.netns import inside, path_of
from netwright.model.host import FileKind
from netwright.model.ids import LinkName, NamespaceName, NetworkId

OLD: Final = ".old-"
"""dnsmasq passes over names that start with a dot."""
NEW: Final = ".new-"
_V4_LEASE_FIELDS: Final = 5
_REST_SECONDS: Final = 5.0
_REST_PAUSE: Final = 0.0005
_RESTING: Final = frozenset({"S", ""})
"""proc(5): in an interruptible sleep, or gone. What waits for a disk is in state D."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon was started, with the numbers that change when the same names are made anew."""

    namespace: NamespaceName
    link: LinkName
    namespace_inode: int
    link_index: int
    directory_inodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """A line of the lease file; `owner` is a MAC, or for DHCPv6 the IAID."""

    address: str
    owner: str
    client: str


@dataclass(frozen=True, slots=True)
class Home:
    """A network's directory."""

    directory: Path
    network: NetworkId

    @property
    def path(self) -> Path:
        return self.directory / "dnsmasq" / self.network

    @property
    def config(self) -> Path:
        return self.path / "dnsmasq.conf"

    def files(self, kind: FileKind) -> Path:
        return self.path / kind.value

    def make(self) -> None:
        """The directories, readable for dnsmasq's user."""
        for kind in FileKind:
            files = self.files(kind)
            if not files.is_dir():
                files.mkdir(parents=True, exist_ok=True)
                for made in (files, self.path, self.path.parent):
                    made.chmod(0o755)

    def tidy(self) -> None:
        """Takes empty directories away once no daemon is configured to watch them."""
        if self.config.exists():
            return
        with suppress(OSError):
            for path in (*map(self.files, FileKind), self.path):
                if path.exists():
                    path.rmdir()

    @property
    def daemon(self) -> Daemon:
        return Daemon(self.path / "pid", f"--conf-file={self.config}")

    def await_rest(self) -> None:
        """Returns when the daemon has taken in what was sent to it: it sleeps, and so is back in poll(2).

        It rewrites its lease file in place, so a reader that does not wait may find half of it.
        """
        pid, deadline = self.daemon.pid(), time.monotonic() + _REST_SECONDS
        while pid and time.monotonic() < deadline and _state(pid) not in _RESTING:
            time.sleep(_REST_PAUSE)

    def place(self) -> Place | None:
        """Where the daemon was started, if that can be read."""
        try:
            saved = json.loads((self.path / "place").read_text())
            return Place(**{**saved, "directory_inodes": tuple(saved["directory_inodes"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save_place(self, place: Place) -> None:
        write(self.path / "place", json.dumps(asdict(place)))

    def place_now(self, namespace: NamespaceName, link: LinkName) -> Place:
        """The place that a daemon started now would have; raises OSError where a part of it is missing."""
        inodes = tuple(self.files(kind).stat().st_ino for kind in FileKind)
        return Place(namespace, link, path_of(namespace).stat().st_ino, _link_index(namespace, link), inodes)

    def leases(self) -> tuple[str, list[Lease]]:
        """The server's DUID (empty before the first DHCPv6 answer) and what is leased."""
        duid, found = "", []
        with suppress(OSError):
            for line in (self.path / "leases").read_text(errors="replace").splitlines():
                words = line.split()
                if words[:1] == ["duid"]:
                    duid = words[-1]
                elif len(words) >= _V4_LEASE_FIELDS:
                    found.append(Lease(address=words[2], owner=words[1], client=words[-1]))
        return duid, found

    def keep_leases(self, reserved: Collection[tuple[str, str]]) -> None:
        """Drops leases that no reservation stands for, while no daemon runs.

        `reserved` holds pairs of address and MAC; of a DHCPv6 lease, which names no MAC, only the
        address is compared.
        """
        path = self.path / "leases"
        addresses = {address for address, _ in reserved}
        with suppress(FileNotFoundError):
            lines = path.read_text(errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if _stands(line.split(), reserved, addresses)]
            if kept != lines:
                write(path, "".join(kept))


def homes(directory: Path) -> list[Home]:
    """Every network that has a directory."""
    root = directory / "dnsmasq"
    return [Home(directory, NetworkId(path.name)) for path in root.iterdir()] if root.is_dir() else []


def write(path: Path, text: str) -> None:
    """Writes a small file whole or not at all; dnsmasq sees one event, for the finished file."""
    new = path.with_name(NEW + path.name)
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)


def reservations(text: str) -> set[tuple[str, str]]:
    """Pairs of address and MAC in a file of dhcp-host lines."""
    pairs = set()
    for line in text.splitlines():
        mac, *words = line.split(",")
        pairs |= {(word.strip("[]"), mac) for word in words[:-1]}
    return pairs


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _stands(words: list[str], reserved: Collection[tuple[str, str]], addresses: Collection[str]) -> bool:
    if len(words) < _V4_LEASE_FIELDS:
        return True
    return words[2] in addresses if ":" in words[2] else (words[2], words[1]) in reserved


def _link_index(namespace: NamespaceName, link: LinkName) -> int:
    with inside(namespace):
        return socket.if_nametoindex(link)
