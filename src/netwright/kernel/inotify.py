"""Tells that files of a directory were written, without looking at them all the time (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Final

from netwright.model.errors import KernelRefusedError

_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_BUFFER: Final = 65536
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """Follows a directory that is there. Raises KernelRefusedError."""

    def __init__(self, directory: Path) -> None:
        self._events = _call(directory, _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            flags = _CLOSE_WRITE | _MOVED_TO
            _call(directory, _LIBC.inotify_add_watch(self._events, os.fsencode(directory), flags))
        except KernelRefusedError:
            self.close()
            raise

    def wait(self, seconds: float) -> None:
        """Returns when a file was written since the last time, when woken, or after that time."""
        poll = select.poll()
        for file in (self._events, self._woken):
            poll.register(file, select.POLLIN)
        poll.poll(seconds * 1000)
        for file in (self._events, self._woken):
            with suppress(BlockingIOError):
                os.read(file, _BUFFER)

    def wake(self) -> None:
        """Ends a wait, or the next one; from any thread."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        os.close(self._events)
        os.close(self._woken)


def _call(directory: Path, result: int) -> int:
    if result < 0:
        raise KernelRefusedError("inotify", f"{directory}: {os.strerror(ctypes.get_errno())}")
    return result
