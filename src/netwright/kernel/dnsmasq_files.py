"""Driver of the small files that dnsmasq watches: reservations, options and names, one a port and kind.

Additions reach a running daemon by inotify. It forgets a reservation or an option only on SIGHUP, and a
lease only when that is released, so a file that goes or changes, but for names, is first set aside under a
dotted name and stays there until its leases are gone: an agent that starts after a kill in between ends
the work. Tags are read when a daemon starts, and so they end the one that runs: its exit is seen, and it is
started anew.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Final

from netwright.kernel import netns
from netwright.kernel.dhcp_release import release4, release6
from netwright.kernel.dnsmasq_home import NEW, OLD, Home, homes, reservations, write
from netwright.model.errors import KernelRefusedError
from netwright.model.host import DhcpFileKey, FileKind
from netwright.model.ids import LinkName, NetworkId
from netwright.model.intent import Address

UNFINISHED: Final = ""
"""Observed where a file is set aside: no port renders it, so it is put or removed again."""

_BATCH: Final = 64
_PAUSE: Final = 0.005
_PATIENCE: Final = 40
"""Batches without any progress."""


class DhcpFiles:
    """`directory` is the host's run directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def observe(self, keys: Collection[DhcpFileKey] | None = None) -> Mapping[DhcpFileKey, str]:
        found = {}
        for key in self._present() if keys is None else keys:
            text = self._text(key)
            if text is not None:
                found[key] = text
        return found

    def put(self, items: Mapping[DhcpFileKey, str]) -> None:
        try:
            for network in {key.network for key in items}:
                Home(self._directory, network).make()
            changed = [key for key, text in items.items() if self._write(key, text)]
            self._settle(changed)
        except OSError as error:
            raise KernelRefusedError("dhcp-files", str(error)) from error

    def remove(self, keys: Collection[DhcpFileKey]) -> None:
        try:
            self._settle([key for key in keys if self._set_aside(key)])
            for network in {key.network for key in keys}:
                Home(self._directory, network).tidy()
        except OSError as error:
            raise KernelRefusedError("dhcp-files", str(error)) from error

    def _path(self, key: DhcpFileKey) -> Path:
        return Home(self._directory, key.network).files(key.kind) / key.name

    def _old(self, key: DhcpFileKey) -> Path:
        path = self._path(key)
        return path.with_name(OLD + path.name)

    def _present(self) -> set[DhcpFileKey]:
        return {
            DhcpFileKey(home.network, kind, path.name.removeprefix(OLD))
            for home in homes(self._directory)
            for kind in FileKind
            if home.files(kind).is_dir()
            for path in home.files(kind).iterdir()
            if not path.name.startswith(NEW)
        }

    def _text(self, key: DhcpFileKey) -> str | None:
        if key.kind is not FileKind.DNS and self._old(key).exists():
            return UNFINISHED
        with suppress(FileNotFoundError):
            return self._path(key).read_text(errors="replace")
        return None

    def _write(self, key: DhcpFileKey, text: str) -> bool:
        """Whether a file is set aside for it."""
        path, before = self._path(key), None
        with suppress(FileNotFoundError):
            before = path.read_text(errors="replace")
        if key.kind is not FileKind.DNS and before not in {None, text}:
            self._set_aside(key)
        elif key.kind is FileKind.TAGS and before is None:
            write(self._old(key), "")  # a daemon that runs has yet to read it
        if before != text:
            write(path, text)
        return key.kind is not FileKind.DNS and self._old(key).exists()

    def _set_aside(self, key: DhcpFileKey) -> bool:
        """Whether there is something to settle; a file of names is simply gone, and inotify says so."""
        path, old = self._path(key), self._old(key)
        if key.kind is FileKind.DNS:
            path.unlink(missing_ok=True)
            return False
        if not path.exists():
            return old.exists()
        if old.exists():
            write(old, old.read_text(errors="replace") + path.read_text(errors="replace"))
            path.unlink()
        else:
            path.rename(old)
        return True

    def _settle(self, keys: Collection[DhcpFileKey]) -> None:
        """Has each daemon forget what was set aside, once, and ends the leases that stood on it."""
        by_network: dict[NetworkId, list[DhcpFileKey]] = {}
        for key in keys:
            by_network.setdefault(key.network, []).append(key)
        for network, settled in by_network.items():
            home = Home(self._directory, network)
            if any(key.kind is FileKind.TAGS for key in settled):
                home.daemon.stop()
            else:
                home.daemon.hang_up()
            _release(home, set().union(*(self._gone(key) for key in settled if key.kind is FileKind.DHCP)))
            for key in settled:
                self._old(key).unlink(missing_ok=True)

    def _gone(self, key: DhcpFileKey) -> set[tuple[str, str]]:
        """Pairs of address and MAC that were reserved and are not any more."""
        gone = reservations(self._old(key).read_text(errors="replace"))
        with suppress(FileNotFoundError):
            gone -= reservations(self._path(key).read_text(errors="replace"))
        return gone


def _release(home: Home, pairs: Iterable[tuple[str, str]]) -> None:
    """Ends the leases of a running daemon; one that does not run drops them when it is started.

    The daemon's receive buffer holds a few hundred messages and it answers none, so they go in batches
    and the lease file says which have come. Where they do not come through, the daemon is stopped: its
    next start drops the leases.
    """
    place = home.place()
    if not place or not home.daemon.pid():
        return
    left, silent = [(ip_address(address), mac) for address, mac in pairs], 0
    while left and silent < _PATIENCE:
        with netns.inside(place.namespace):
            _send_releases(home, place.link, left[:_BATCH])
        home.await_rest()
        still = _leased(home, left)
        if len(still) == len(left):
            silent += 1
            time.sleep(_PAUSE)
        left = still
    if left and (pid := home.daemon.pid()):
        os.kill(pid, signal.SIGTERM)


def _send_releases(home: Home, link: LinkName, pairs: Iterable[tuple[Address, str]]) -> None:
    duid, leases = home.leases()
    by_address = {lease.address: lease for lease in leases}
    for address, mac in pairs:
        lease = by_address.get(str(address))
        # A link that is down or without addresses takes no message: the lease file will say so.
        with suppress(OSError, ValueError):
            if isinstance(address, IPv4Address):
                release4(link, address, mac)
            elif lease:
                release6(link, address, lease.client, duid, int(lease.owner))


def _leased(home: Home, pairs: Iterable[tuple[Address, str]]) -> list[tuple[Address, str]]:
    """Those that are leased, and for IPv4, where the lease file says it, to that MAC."""
    owners = {lease.address: lease.owner for lease in home.leases()[1]}
    return [
        (address, mac)
        for address, mac in pairs
        if str(address) in owners and (address.version == 6 or owners[str(address)] == mac)
    ]
