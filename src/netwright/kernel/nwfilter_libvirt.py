"""The connection to libvirt's daemon: opened when first needed, and again after the daemon restarted."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from netwright.model.errors import KernelRefusedError
from netwright.model.nwfilter import OURS

DRIVER: Final = "nwfilter"
_FILTERS: Final = Path("/etc/libvirt/nwfilter")
"""Where the host's own daemon keeps its filters: a file each."""
_SOCKETS: Final = ("/run/libvirt/virtnwfilterd-sock", "/run/libvirt/libvirt-sock")

Connection = Any  # libvirt's bindings have no types


class Libvirt:
    """One daemon by its URI, used by one thread."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._socket = "".join(parse_qs(urlsplit(uri).query).get("socket", ()))
        self._connection: Connection | None = None

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
        try:
            yield self._open(library)
        except library.libvirtError as error:
            raise KernelRefusedError(DRIVER, f"libvirt: {error}") from error

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._connection is not None:
            with suppress(_library().libvirtError):
                self._connection.close()
            self._connection = None

    def _open(self, library: ModuleType) -> Connection:
        if self._connection is not None:
            try:
                self._connection.getLibVersion()  # a daemon that restarted has forgotten us
            except library.libvirtError:
                self.close()
            else:
                return self._connection
        try:
            self._connection = library.open(self._uri)
        except library.libvirtError as error:
            where = self._socket or " or ".join(_SOCKETS)
            said = f"libvirt's daemon does not answer at {where} ({error}): systemctl start libvirtd"
            raise KernelRefusedError(DRIVER, said) from error
        return self._connection


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
