"""Files of DNS names: changed by one writer at a time, whole or not at all, and there after a power cut."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netwright.model.errors import KernelRefusedError


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Among all threads and processes that name this file, which is made, with its directory, if need be.

    What the system refuses meanwhile is a KernelRefusedError.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise KernelRefusedError("dns-files", str(error)) from error


def make_readable(directory: Path) -> None:
    """Makes it, and what is missing above it, so that dnsmasq, which reads as a user of its own, may look in.

    Raises KernelRefusedError.
    """
    try:
        for path in (*reversed(directory.parents), directory):
            if not path.is_dir():
                path.mkdir(exist_ok=True)
                path.chmod(0o755)
    except OSError as error:
        raise KernelRefusedError("dns-files", str(error)) from error


def read(path: Path) -> str | None:
    """None where there is no such file. Octets that are not UTF-8 survive a `replace`.

    Raises KernelRefusedError.
    """
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KernelRefusedError("dns-files", str(error)) from error


def replace(path: Path, text: str, new: Path) -> None:
    """By way of `new`, in the same directory. Readable for all: dnsmasq reads as a user of its own."""
    with new.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    new.replace(path)
    settle(path.parent)


def settle(directory: Path) -> None:
    """What was renamed or removed there stays so."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
