"""Which TCP ports are listened on, link by link, whoever does it (sock_diag(7))."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from netwright.kernel.netlink import Netlink
from netwright.model.ids import NamespaceName

_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST: Final = struct.Struct("=BBBBI48x")
_TCP: Final = 6
_LISTEN: Final = 1 << 10
_FAMILIES: Final = (2, 10)
_SOCKET: Final = struct.Struct(">4xH34x")
_INTERFACE: Final = struct.Struct("=40xI")


class Listening(NamedTuple):
    """`link` is the index of the link that it is bound to; 0 for any."""

    port: int
    link: int


def listening(namespace: NamespaceName) -> set[Listening]:
    """Every listening TCP socket of the namespace. Raises KernelRefusedError."""
    netlink = Netlink(_SOCK_DIAG, namespace)
    try:
        return {
            Listening(_SOCKET.unpack_from(message.body)[0], _INTERFACE.unpack_from(message.body)[0])
            for family in _FAMILIES
            for message in netlink.dump(_BY_FAMILY, _REQUEST.pack(family, _TCP, 0, 0, _LISTEN))
        }
    finally:
        netlink.close()
