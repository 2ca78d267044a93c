"""A file of lines that never grows beyond its size: full, it is put aside, and the oldest goes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

NAME = "packets.log"


class LogFile:
    """`size` in octets of one file; `kept` full ones stay, `packets.log.1` being the newest of them.

    Opened when the first line comes. One thread at a time.
    """

    def __init__(self, directory: Path, size: int, kept: int) -> None:
        self._path, self._size, self._kept = directory / NAME, size, kept
        self._file: int | None = None
        self._written = 0

    def write(self, lines: bytes) -> None:
        """Whole lines. Raises OSError where they cannot be kept; the next call tries anew."""
        file = self._opened()
        if self._written and self._written + len(lines) > self._size:
            self._put_aside()
            file = self._opened()
        taken = os.write(file, lines)
        if taken < len(lines):
            os.ftruncate(file, self._written)  # the disk is full: no half a line stays
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._written += taken

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            self._written = os.fstat(self._file).st_size
        return self._file

    def _put_aside(self) -> None:
        self.close()
        for number in range(self._kept, 0, -1):
            older = self._aside(number - 1) if number > 1 else self._path
            if older.exists():
                older.replace(self._aside(number))

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{NAME}.{number}")
