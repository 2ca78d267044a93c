"""Packets that rules hand over to be logged (NFLOG), read raw from nfnetlink.

Ours: the group that the reader is made for, bound in the namespace of the thread that makes it. One
socket has a group at a time: where another program has it, the kernel refuses.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netwright.kernel.netlink import NETFILTER, attribute, attributes, messages, string
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName

_PACKET: Final = 4 << 8
_CONFIG: Final = (4 << 8) | 1
_ERROR: Final = 2
_REQUEST_ACK: Final = 5
_HEADER: Final = 4
# Attribute numbers of linux/netfilter/nfnetlink_log.h.
_COMMAND, _MODE, _TIMEOUT, _THRESHOLD = 1, 2, 4, 5
_BIND: Final = b"\1"
_COPY_PACKET: Final = 2
_IN, _OUT, _BRIDGED_IN, _BRIDGED_OUT, _PAYLOAD, _PREFIX, _MAC_HEADER = 4, 5, 6, 7, 9, 10, 21
_HARDWARE_HEADER: Final = 16
"""The same, from rules that are not the bridge family's."""
_PACKET_HEADER: Final = 1
_BUFFER: Final = 1 << 20
"""Octets that wait in the kernel; what comes while they are full is lost, and counted."""
_RECEIVE: Final = 1 << 17
_SO_RCVBUFFORCE: Final = 33


@dataclass(frozen=True, slots=True)
class LoggedPacket:
    """What a rule handed over. `ethertype` is the packet's, whatever tags it bears."""

    prefix: str
    ethertype: int
    link_in: LinkName
    link_out: LinkName
    """The bridge port's link, on the side where the rule saw it; empty on the other."""
    mac_header: bytes
    payload: bytes
    """From the network header on, cut at what the rule allows."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The reader was too slow: the kernel dropped packets to be logged, it does not say how many."""


class NflogReader:
    """Bound to the namespace of the thread that makes it. Raises KernelRefusedError."""

    def __init__(self, group: int, octets: int) -> None:
        self._group = group
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.bind((0, 0))
        self._read, self._write = os.pipe()
        mode = struct.pack(">IBB", octets, _COPY_PACKET, 0)
        self._ask(attribute(_COMMAND, _BIND))
        # A line is at most a tenth of a second late, and a burst comes as few datagrams.
        self._ask(
            attribute(_MODE, mode)
            + attribute(_TIMEOUT, struct.pack(">I", 10))
            + attribute(_THRESHOLD, struct.pack(">I", 32))
        )

    def packets(self) -> Iterator[LoggedPacket | Lost]:
        """As they come, until `stop`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._read, selectors.EVENT_READ)
            while True:
                if any(key.fileobj == self._read for key, _ in selector.select()):
                    return
                try:
                    data = self._socket.recv(_RECEIVE)
                except OSError:
                    yield Lost()
                    continue
                for kind, _, _, body in messages(data):
                    if kind == _PACKET:
                        yield _packet(attributes(body, _HEADER))

    def stop(self) -> None:
        """Ends `packets`, from any thread."""
        os.write(self._write, b".")

    def close(self) -> None:
        """Once `packets` has ended."""
        self._socket.close()
        os.close(self._read)
        os.close(self._write)

    def _ask(self, body: bytes) -> None:
        head = struct.pack(">BBH", 0, 0, self._group)
        size = 16 + len(head) + len(body)
        self._socket.send(struct.pack("=IHHII", size, _CONFIG, _REQUEST_ACK, 1, 0) + head + body)
        for kind, _, _, answer in messages(self._socket.recv(_RECEIVE)):
            if kind == _ERROR and (number := struct.unpack_from("=i", answer)[0]):
                self.close()
                raise KernelRefusedError("nflog", f"group {self._group}: {os.strerror(-number)}")


def _packet(found: dict[int, bytes]) -> LoggedPacket:
    return LoggedPacket(
        prefix=string(found.get(_PREFIX, b"")),
        ethertype=int.from_bytes(found.get(_PACKET_HEADER, b"")[:2], "big"),
        link_in=_name(found.get(_BRIDGED_IN) or found.get(_IN)),
        link_out=_name(found.get(_BRIDGED_OUT) or found.get(_OUT)),
        mac_header=found.get(_MAC_HEADER) or found.get(_HARDWARE_HEADER, b""),
        payload=found.get(_PAYLOAD, b""),
    )


def _name(index: bytes | None) -> LinkName:
    """Empty for a link that is gone meanwhile."""
    try:
        return LinkName(socket.if_indextoname(int.from_bytes(index, "big")) if index else "")
    except OSError:
        return LinkName("")
