"""Tells when iptables' tables may have changed, for the agent to look at its chains in them again.

The legacy back end sends no events, so the shape of each table (its rules' number, size and offsets) is
asked for twice a second: a system call a table, that lists no rule. So are the sizes of our sets, which only
others make other than we know them. A change that leaves shape or size as it was, one rule or element for
another, waits for the look at everything. What the nft back end does comes as an event (kernel/events.py) and
is told at the next beat, so that a storm of them is one look.
"""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from netwright.kernel.ipsets import SetSizes
from netwright.kernel.xt_presence import legacy_tables
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import BRIDGE

_PERIOD: Final = 0.5
"""Seconds."""
_SETS_SHARE: Final = 0.002
"""Of a processor: the kernel takes some 18 µs to tell one set's size."""
_NAME: Final = 32
_IP_INFO: Final = 84
"""struct ipt_getinfo and ip6t_getinfo: name, valid hooks, five entries, five underflows, number, size."""
_EBT_INFO: Final = 120
"""struct ebt_replace of a 64-bit kernel: name, hooks, number of entries, their size, pointers."""
_EBT_SHAPE: Final = 44
"""Up to its first pointer."""
_IPT_GET_INFO: Final = 64
_EBT_GET_INFO: Final = 128

Shape = Mapping[tuple[str, str], bytes]
"""Family and table to what the kernel tells of it."""


class XtablesWatch:
    """Looks from the namespace of the thread that makes and starts it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._shapes = TableShapes()
        self._sets = SetSizes()
        self._sets_next = 0.0
        self._stopping = threading.Event()
        self._told = threading.Event()
        self._thread = threading.Thread(target=self._run, name="xtables-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def tell(self) -> None:
        """A table of the nft back end was changed by somebody; from any thread."""
        self._told.set()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._shapes.close()

    def _run(self) -> None:
        known = self._shapes.read()
        self._sets_changed()
        while not self._stopping.wait(_PERIOD):
            found = self._shapes.read()
            if self._sets_changed() or found != known or self._told.is_set():
                self._told.clear()
                known = found
                self._changed()

    def _sets_changed(self) -> bool:
        """Not where the kernel has no sets. Asked so rarely that it takes a small share of a processor."""
        if time.monotonic() < self._sets_next:
            return False
        begun = time.thread_time()
        try:
            return self._sets.changed()
        except (KernelRefusedError, OSError):
            return False
        finally:
            self._sets_next = time.monotonic() + (time.thread_time() - begun) / _SETS_SHARE


class TableShapes:
    """Reads the shapes of those legacy tables that there are; asking for another would make it."""

    def __init__(self) -> None:
        self._sockets = {
            "ip": _raw(socket.AF_INET, socket.SOL_IP),
            "ip6": _raw(socket.AF_INET6, socket.IPPROTO_IPV6),
        }
        self._library = ctypes.CDLL(None, use_errno=True)

    def read(self) -> Shape:
        found = {(family, table): self._info(family, table) for family, table in _tables()}
        return {key: shape for key, shape in found.items() if shape is not None}

    def close(self) -> None:
        for opened, _ in self._sockets.values():
            if opened:
                opened.close()

    def _info(self, family: str, table: str) -> bytes | None:
        """None where the table has gone meanwhile."""
        bridge = family == "bridge"
        opened, level = self._sockets["ip" if bridge else family]
        if opened is None:
            return None
        room = ctypes.create_string_buffer(table.encode()[: _NAME - 1], _EBT_INFO if bridge else _IP_INFO)
        size = ctypes.c_uint32(len(room))
        option = _EBT_GET_INFO if bridge else _IPT_GET_INFO
        failed = self._library.getsockopt(opened.fileno(), level, option, room, ctypes.byref(size))
        if failed:
            return None
        return room.raw[: _EBT_SHAPE if bridge else _IP_INFO]


def _tables() -> Iterator[tuple[str, str]]:
    for family in ("ip", "ip6", BRIDGE):
        yield from ((family, name) for name in legacy_tables(family))


def _raw(family: socket.AddressFamily, level: int) -> tuple[socket.socket | None, int]:
    """Raw, as iptables opens it; None where the kernel does not speak that family."""
    try:
        return socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW), level
    except OSError:
        return None, level
