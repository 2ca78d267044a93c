"""The two messages that a port's link costs, without a library: it takes longer over them than the kernel."""

from __future__ import annotations

import os
import struct
from typing import Final

from netwright.kernel import netns
from netwright.kernel.netlink import Netlink, attribute, nested, text_attribute
from netwright.kernel.rtnetlink import IFINFO
from netwright.model.host import TapLink, VethLink
from netwright.model.ids import LinkName

_NEW_LINK, _SET_LINK = 16, 19
_CREATE_EXCLUSIVELY: Final = 0x400 | 0x200
_UP: Final = 1
# Attribute numbers of linux/if_link.h and linux/veth.h.
_ADDRESS, _IFNAME, _MTU, _MASTER, _LINKINFO, _IFALIAS, _NET_NS_FD = 1, 3, 4, 10, 18, 20, 28
_INFO_KIND, _INFO_DATA, _VETH_INFO_PEER = 1, 2, 1


def make(netlink: Netlink, name: LinkName, value: VethLink) -> None:
    """Our end here, the far end in its namespace. Raises OSError.

    The far end is made where it belongs: moving it afterwards costs an RCU grace period (17 ms).
    """
    target = os.open(netns.path_of(value.peer_namespace), os.O_RDONLY | os.O_CLOEXEC)
    try:
        far = (
            IFINFO.pack(0, 0, 0, 0, 0)
            + text_attribute(_IFNAME, value.peer_name)
            + attribute(_ADDRESS, bytes.fromhex(value.peer_mac.replace(":", "")))
            + _number(_MTU, value.mtu)
            + _number(_NET_NS_FD, target)
        )
        pair = attribute(_INFO_KIND, b"veth") + nested(_INFO_DATA, attribute(_VETH_INFO_PEER, far))
        near = text_attribute(_IFNAME, name) + _number(_MTU, value.mtu) + nested(_LINKINFO, pair)
        netlink.ask(_NEW_LINK, _CREATE_EXCLUSIVELY, IFINFO.pack(0, 0, 0, 0, 0) + near)
    finally:
        os.close(target)


def join(netlink: Netlink, index: int, master: int, value: VethLink | TapLink, alias: str) -> None:
    """The link onto the bridge, with its mark, and up if it is to be. Raises OSError."""
    wanted = _number(_MTU, value.mtu) + attribute(_IFALIAS, alias.encode()) + _number(_MASTER, master)
    head = IFINFO.pack(0, 0, index, _UP if value.up else 0, _UP)
    netlink.ask(_SET_LINK, 0, head + wanted)


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))
