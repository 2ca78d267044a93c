"""Persistent taps (Documentation/networking/tuntap.rst)."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from netwright.kernel import rtnetlink
from netwright.model.ids import LinkName

_TUNSETIFF: Final = 0x400454CA
_TUNSETPERSIST: Final = 0x400454CB
_TUNSETOWNER: Final = 0x400454CC
_TUNSETGROUP: Final = 0x400454CE
_TAP_FLAGS: Final = 0x0002 | 0x1000 | 0x4000
"""IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, as QEMU, Firecracker and Cloud Hypervisor open it."""
_IFREQ: Final = struct.Struct("16sH22x")


def make_tap(name: LinkName, owner: int | None = None, group: int | None = None) -> None:
    """One that is there, and that nobody has open, gets what is given of owners. Raises KernelRefusedError.

    While it is open here nobody else can open it: it is never there without its owner.
    """
    with _open(name) as device:
        for request, who in ((_TUNSETOWNER, owner), (_TUNSETGROUP, group)):
            if who is not None:
                fcntl.ioctl(device, request, _signed(who))
        fcntl.ioctl(device, _TUNSETPERSIST, 1)


def _signed(number: int) -> int:
    """As Python takes 32 bits for a system call."""
    return number - (1 << 32) if number >> 31 else number


def unmake_tap(name: LinkName) -> None:
    """A persistent one that nobody has open goes. Raises KernelRefusedError."""
    with _open(name) as device:
        fcntl.ioctl(device, _TUNSETPERSIST, 0)


@contextmanager
def _open(name: LinkName) -> Iterator[int]:
    with rtnetlink.refusals("links"):
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, _TUNSETIFF, _IFREQ.pack(name.encode(), _TAP_FLAGS))
            yield device
        finally:
            os.close(device)
