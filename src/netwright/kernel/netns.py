"""Network namespaces under /run/netns: made, listed, entered.

Ours to make and remove: those whose name starts with `qdhcp-` and that have a mark in our run directory. A
guest's namespace is its owner's.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from netwright.model.errors import KernelRefusedError
from netwright.model.ids import HOST_NAMESPACE, LinkName, NamespaceName

DIRECTORY: Final = Path("/run/netns")
OURS: Final = "qdhcp-"
_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 4096
_MS_REC: Final = 16384
_MS_SHARED: Final = 1 << 20
_MNT_DETACH: Final = 2
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFREQ: Final = struct.Struct("16sH22x")
_UP: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def path_of(namespace: NamespaceName) -> Path:
    """The file that holds the namespace; the calling thread's own for HOST_NAMESPACE."""
    return DIRECTORY / namespace if namespace else Path("/proc/thread-self/ns/net")


class inside:  # noqa: N801 - reads as a phrase: with inside(namespace)
    """The calling thread is in the namespace for as long as the block runs.

    Sockets that it opens stay in that namespace; other threads are not moved (setns(2)). Not a generator:
    one that was abandoned would, when collected, move whatever thread collects it.
    """

    def __init__(self, namespace: NamespaceName) -> None:
        self._namespace = namespace
        self._home = -1

    def __enter__(self) -> None:
        if self._namespace == HOST_NAMESPACE:
            return
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(self._namespace)
        except KernelRefusedError:
            os.close(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        if self._namespace == HOST_NAMESPACE:
            return
        try:
            _call("setns", _LIBC.setns(self._home, _CLONE_NEWNET), "back")
        finally:
            os.close(self._home)


def enter(namespace: NamespaceName) -> None:
    """Moves the calling thread into the namespace for good. Raises KernelRefusedError."""
    path = path_of(namespace)
    try:
        target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelRefusedError("netns", f"{path.name}: {error.strerror}") from error
    try:
        _call("setns", _LIBC.setns(target, _CLONE_NEWNET), path.name)
    finally:
        os.close(target)


def create(namespace: NamespaceName) -> None:
    """Makes a namespace as `ip netns add` does; one that is there already is left as it is."""
    if is_namespace(path_of(namespace)):
        return
    failed: list[KernelRefusedError] = []

    def make() -> None:
        # unshare(2) moves only the calling thread, so the thread dies with its namespace pinned by the mount.
        try:
            _call("unshare", _LIBC.unshare(_CLONE_NEWNET), namespace)
            bring_up(LinkName("lo"))
            bind(Path("/proc/thread-self/ns/net"), namespace)
        except KernelRefusedError as error:
            failed.append(error)

    thread = threading.Thread(target=make, name="netns-make")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def bind(source: Path, namespace: NamespaceName) -> None:
    """Gives the namespace at `source` a name, as `ip netns attach` does. Raises KernelRefusedError."""
    path = path_of(namespace)
    try:
        _share_directory()
        path.touch(mode=0o000)
    except OSError as error:
        raise KernelRefusedError("netns", f"{path}: {error.strerror}") from error
    try:
        _call(
            "mount", _LIBC.mount(os.fsencode(source), os.fsencode(path), b"none", _MS_BIND, None), namespace
        )
    except KernelRefusedError:
        path.unlink(missing_ok=True)
        raise


def bring_up(name: LinkName) -> None:
    """Sets IFF_UP in the calling thread's namespace: far cheaper than a netlink library's socket there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = fcntl.ioctl(control, _SIOCGIFFLAGS, _IFREQ.pack(name.encode(), 0))
        _, flags = _IFREQ.unpack(asked)
        fcntl.ioctl(control, _SIOCSIFFLAGS, _IFREQ.pack(name.encode(), flags | _UP))


def delete(namespace: NamespaceName) -> None:
    """Takes the name away; the namespace goes with its last process. No error where there is none."""
    path = path_of(namespace)
    if path.exists():
        _LIBC.umount2(os.fsencode(path), _MNT_DETACH)
        path.unlink(missing_ok=True)


def is_namespace(path: Path) -> bool:
    """Whether a namespace is mounted there: a bare file is what a killed `create` leaves."""
    try:
        return path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except OSError:
        return False


class Namespaces:
    """Driver of the namespaces that netwright makes.

    Several hosts may share one /run/netns (as in a lab): each keeps a mark for its own in its run
    directory, which like /run/netns itself does not outlive the machine's boot.
    """

    def __init__(self, directory: Path) -> None:
        self._marks = directory / "netns"

    def observe(self, keys: Collection[NamespaceName] | None = None) -> Mapping[NamespaceName, bool]:
        if keys is None:
            found = self._marks.glob(f"{OURS}*") if self._marks.is_dir() else iter(())
            keys = [NamespaceName(path.name) for path in found]
        return {key: True for key in keys if is_namespace(path_of(key))}

    def put(self, items: Mapping[NamespaceName, bool]) -> None:
        self._marks.mkdir(parents=True, exist_ok=True)
        for namespace in items:
            (self._marks / namespace).touch()
            create(namespace)

    def remove(self, keys: Collection[NamespaceName]) -> None:
        for namespace in keys:
            delete(namespace)
            (self._marks / namespace).unlink(missing_ok=True)


def _share_directory() -> None:
    """/run/netns is a shared mount, as iproute2 makes it, so that names are seen everywhere."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    here = os.fsencode(DIRECTORY)
    if _LIBC.mount(b"", here, b"none", _MS_SHARED | _MS_REC, None) != 0:
        _call("mount", _LIBC.mount(here, here, b"none", _MS_BIND | _MS_REC, None), "/run/netns")
        _call("mount", _LIBC.mount(b"", here, b"none", _MS_SHARED | _MS_REC, None), "/run/netns")


def _call(name: str, result: int, subject: str) -> None:
    if result != 0:
        raise KernelRefusedError("netns", f"{name} {subject}: {os.strerror(ctypes.get_errno())}")
