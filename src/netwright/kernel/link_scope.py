"""Addresses that a host answers to on a link without ever speaking from them of its own accord: metadata's.

Ours: addresses whose protocol is 204.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import rtnetlink
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName

PROTOCOL: Final = 204
"""IFA_PROTO; kernels before Linux 5.18 leave it out."""
_SCOPE_LINK: Final = 253
_NODAD: Final = 0x02


def hold(link: LinkName, interface: IPv4Interface | IPv6Interface) -> bool:
    """Whether it was not there: one that is stays as it is. Raises KernelRefusedError."""
    try:
        index = socket.if_nametoindex(link)
    except OSError as error:
        raise KernelRefusedError("addresses", f"{link}: no such link") from error
    more = {"scope": _SCOPE_LINK} if interface.version == 4 else {"flags": _NODAD}
    name = {"address": str(interface.ip), "prefixlen": interface.network.prefixlen}
    with rtnetlink.writer() as route:
        try:
            route.addr("add", index=index, **name, IFA_PROTO=PROTOCOL, **more)
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise
            return False
    return True
