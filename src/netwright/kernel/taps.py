"""Persistent taps (Documentation/networking/tuntap.rst)."""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Final

from netwright.kernel import rtnetlink
from netwright.model.ids import LinkName

_TUNSETIFF: Final = 0x400454CA
_TUNSETPERSIST: Final = 0x400454CB
_TAP_FLAGS: Final = 0x0002 | 0x1000 | 0x4000
"""IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, as QEMU, Firecracker and Cloud Hypervisor open it."""
_IFREQ: Final = struct.Struct("16sH22x")


def make_tap(name: LinkName) -> None:
    """One that is there, and that nobody has open, is left as it is. Raises KernelRefusedError."""
    with rtnetlink.refusals("links"):
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, _TUNSETIFF, _IFREQ.pack(name.encode(), _TAP_FLAGS))
            fcntl.ioctl(device, _TUNSETPERSIST, 1)
        finally:
            os.close(device)
