"""Tells when processes end that are not our children, through pidfds and one thread."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

K = TypeVar("K")


class Exits(Generic[K]):
    """`gone` is called with a process's key, in a thread of ours, when it ends."""

    def __init__(self, gone: Callable[[K], None]) -> None:
        self._gone = gone
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[K, int]] = {}
        self._epoll = select.epoll()
        self._end = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._end, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="exits", daemon=True)
        self._thread.start()

    def follow(self, key: K, pid: int) -> None:
        """From now on `gone(key)` tells when this process ends, at once if it already has."""
        with self._lock:
            if (key, pid) in self._watched.values():
                return
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                handle = -1
            else:
                self._watched[handle] = (key, pid)
                self._epoll.register(handle, select.EPOLLIN)
        if handle == -1:
            self._gone(key)

    def forget(self, key: K) -> None:
        """What ends now under this key is no news."""
        with self._lock:
            for handle in [handle for handle, (held, _) in self._watched.items() if held == key]:
                self._drop(handle)

    def close(self) -> None:
        """Ends the thread; the processes run on."""
        os.eventfd_write(self._end, 1)
        self._thread.join()
        with self._lock:
            for handle in list(self._watched):
                self._drop(handle)
        self._epoll.close()
        os.close(self._end)

    def _run(self) -> None:
        while True:
            for handle, _ in self._epoll.poll():
                if handle == self._end:
                    return
                self._tell(handle)

    def _tell(self, handle: int) -> None:
        with self._lock:
            # The number may meanwhile stand for another process, which has not ended.
            ended = handle in self._watched and bool(_is_readable(handle))
            key = self._watched[handle][0] if ended else None
            if ended:
                self._drop(handle)
        if key is not None:
            self._gone(key)

    def _drop(self, handle: int) -> None:
        with suppress(OSError):
            self._epoll.unregister(handle)
        del self._watched[handle]
        os.close(handle)


def _is_readable(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
