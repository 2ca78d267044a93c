"""Network namespaces that have only a path, given a name under /run/netns.

An agent finds a guest's namespace by its name there. A container's may have none (`/proc/<pid>/ns/net`): it
is then bound to a name of ours, as `ip netns attach` does, which keeps it for as long as the name stands.

Ours: names that begin with `nwcni-`. They go with the boot, as all of /run does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from pathlib import Path
from typing import Final

from netwright.kernel import netns
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import NamespaceName

OURS: Final = "nwcni-"
_NS_GET_NSTYPE: Final = 0xB703
_NEWNET: Final = 0x40000000
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def name(path: Path, pin: NamespaceName) -> NamespaceName:
    """The name under /run/netns of the namespace at the path: one that it has, else `pin`, made here.

    Raises KernelRefusedError where there is no network namespace, or it is the calling thread's own.
    """
    opened = _opened(path)
    try:
        state = os.fstat(opened)
        if state.st_ino == Path("/proc/thread-self/ns/net").stat().st_ino:
            raise KernelRefusedError("netns", f"{path} is the host's own network namespace")
        if given := _given_name(path, state.st_ino):
            return given
        if not _is(pin, state.st_ino):
            netns.delete(pin)
            netns.bind(Path(f"/proc/self/fd/{opened}"), pin)
        return pin
    finally:
        os.close(opened)


def existing(path: Path, pin: NamespaceName) -> NamespaceName | None:
    """What `name` gave, if that is still there; nothing is made."""
    try:
        inode = path.stat().st_ino
    except OSError:
        return None
    if given := _given_name(path, inode):
        return given
    return pin if _is(pin, inode) else None


def every(scope: str) -> list[NamespaceName]:
    """Our names that begin so, after the prefix."""
    return [NamespaceName(found.name) for found in netns.DIRECTORY.glob(f"{OURS}{scope}*")]


def _opened(path: Path) -> int:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelRefusedError("netns", f"{path}: {error.strerror}") from error
    try:
        kind = fcntl.ioctl(opened, _NS_GET_NSTYPE)
    except OSError as error:
        os.close(opened)
        if error.errno == errno.ENOTTY:
            raise KernelRefusedError("netns", f"{path} is no namespace") from error
        raise KernelRefusedError("netns", f"{path}: {error.strerror}") from error
    if kind != _NEWNET:
        os.close(opened)
        raise KernelRefusedError("netns", f"{path} is a namespace of another kind")
    return opened


def _given_name(path: Path, inode: int) -> NamespaceName | None:
    """Its name where the path is one under /run/netns, that we could have been given."""
    place = path.resolve()
    named = _NAME.fullmatch(place.name) and not place.name.startswith((netns.OURS, OURS))
    if place.parent != netns.DIRECTORY.resolve() or not named:
        return None
    found = NamespaceName(place.name)
    return found if _is(found, inode) else None


def _is(namespace: NamespaceName, inode: int) -> bool:
    path = netns.path_of(namespace)
    return netns.is_namespace(path) and path.stat().st_ino == inode
