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
_BLIND: Final = 1.0
"""Seconds."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """Follows a directory that is there. Raises KernelRefusedError.

    A user has 128 inotify instances unless told otherwise, and each dnsmasq is one of root's. Where there
    is none left, a wait is a second at most: whoever looks then sees it a little later.
    """

    def __init__(self, directory: Path) -> None:
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._files = [self._woken]
        events = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if events < 0:
            return
        self._files.append(events)
        flags = _CLOSE_WRITE | _MOVED_TO
        if _LIBC.inotify_add_watch(events, os.fsencode(directory), flags) < 0:
            said = os.strerror(ctypes.get_errno())
            self.close()
            raise KernelRefusedError("inotify", f"{directory}: {said}")

    def wait(self, seconds: float) -> None:
        """Returns when a file was written since the last time, when woken, or after that time."""
        poll = select.poll()
        for file in self._files:
            poll.register(file, select.POLLIN)
        poll.poll((seconds if len(self._files) > 1 else min(seconds, _BLIND)) * 1000)
        for file in self._files:
            with suppress(BlockingIOError):
                os.read(file, _BUFFER)

    def wake(self) -> None:
        """Ends a wait, or the next one; from any thread."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
