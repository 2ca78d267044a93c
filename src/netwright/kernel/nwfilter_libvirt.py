"""The connection to libvirt's daemon: opened when first needed, and again after the daemon restarted.

A daemon that is busy may take its time: a rule changed on many ports takes minutes. One that hangs may not:
it is asked for a sign of life every few seconds (libvirt's keepalive), and without one the call fails.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from netwright.model.errors import KernelRefusedError
from netwright.model.nwfilter import OURS

DRIVER: Final = "nwfilter"
_FILTERS: Final = Path("/etc/libvirt/nwfilter")
"""Where the host's own daemon keeps its filters: a file each."""
_SOCKETS: Final = ("/run/libvirt/virtnwfilterd-sock", "/run/libvirt/libvirt-sock")
_INTERVAL: Final = 3
"""Seconds between two questions for a sign of life."""
_UNANSWERED: Final = 3
"""How many of them may stay without an answer."""
PATIENCE: Final = _INTERVAL * (_UNANSWERED + 1)
"""Seconds after which a silent daemon is one that hangs."""

Connection = Any  # libvirt's bindings have no types


class Libvirt:
    """One daemon by its URI, used by one thread."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._socket = "".join(parse_qs(urlsplit(uri).query).get("socket", ()))
        self._connection: Connection | None = None
        self._opening: Future[Connection] | None = None
        """What a daemon that hung has still not answered."""

    def may_hold_ours(self) -> bool:
        """Whether the daemon may hold anything of ours, found without asking it: asking may start it."""
        if self._connection is not None:
            return True
        if self._socket:
            return Path(self._socket).exists()
        return next(_FILTERS.glob(f"{OURS}*.xml"), None) is not None

    def answers(self) -> bool:
        """Whether the daemon is there."""
        try:
            self._open(_library())
        except KernelRefusedError:
            return False
        return True

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """The connection; what libvirt refuses within the block comes as KernelRefusedError."""
        library = _library()
        connection = self._open(library)
        try:
            yield connection
        except library.libvirtError as error:
            if not connection.isAlive():
                raise self._silent(str(error)) from error
            raise KernelRefusedError(DRIVER, f"libvirt: {error}") from error

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._connection is not None:
            with suppress(_library().libvirtError):
                self._connection.close()
            self._connection = None

    def _open(self, library: ModuleType) -> Connection:
        deadline = time.monotonic() + PATIENCE
        if self._connection is not None:
            try:
                self._connection.getLibVersion()  # a daemon that restarted has forgotten us
            except library.libvirtError:
                self.close()
            else:
                return self._connection
        try:
            self._connection = self._opened(library, deadline)
        except library.libvirtError as error:
            said = f"libvirt's daemon does not answer at {self._where} ({error}): systemctl start libvirtd"
            raise KernelRefusedError(DRIVER, said) from error
        self._connection.setKeepAlive(_INTERVAL, _UNANSWERED)
        return self._connection

    def _opened(self, library: ModuleType, deadline: float) -> Connection:
        """A hanging daemon takes a connection and says nothing; once it does, that connection is used."""
        patience = 0.0 if self._opening else max(deadline - time.monotonic(), 0.0)
        opening = self._opening = self._opening or _open_aside(library, self._uri)
        if not wait([opening], patience).done:
            raise self._silent(f"no word within {PATIENCE} s")
        self._opening = None
        return opening.result()

    def _silent(self, why: str) -> KernelRefusedError:
        said = f"libvirt's daemon hangs at {self._where} ({why}): systemctl restart libvirtd"
        return KernelRefusedError(DRIVER, said)

    @property
    def _where(self) -> str:
        return self._socket or " or ".join(_SOCKETS)


def _open_aside(library: ModuleType, uri: str) -> Future[Connection]:
    """In a thread of its own, which is left behind if it never comes back."""
    _give_libvirt_its_loop(library)
    opening: Future[Connection] = Future()

    def run() -> None:
        try:
            opening.set_result(library.open(uri))
        except library.libvirtError as error:
            opening.set_exception(error)

    Thread(target=run, name="libvirt-open", daemon=True).start()
    return opening


@cache
def _give_libvirt_its_loop(library: ModuleType) -> None:
    """Signs of life are asked for in libvirt's own event loop: one a process, there before any connection."""
    library.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            library.virEventRunDefaultImpl()

    Thread(target=run, name="libvirt-events", daemon=True).start()


def _library() -> ModuleType:
    """Raises KernelRefusedError where the extra `libvirt` is not installed."""
    try:
        library = importlib.import_module("libvirt")
    except ImportError as error:
        said = "the firewall engine nwfilter needs libvirt's Python binding: pip install 'netwright[libvirt]'"
        raise KernelRefusedError(DRIVER, said) from error
    # libvirt prints every error to stderr unless someone takes it.
    library.registerErrorHandler(lambda *_: None, None)
    return library
