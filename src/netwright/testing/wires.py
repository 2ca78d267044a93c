"""Guests that are nothing but a wire: frames put on it and seen on it, whatever a guest's kernel thinks."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import count

from netwright.kernel import netns
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.model.intent import InNamespace
from netwright.model.plan import PortItem
from netwright.testing.frames import End, arp
from netwright.testing.namespaces import namespace, run

_ALL = 3
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_SO_RCVBUFFORCE = 33
_AUXDATA = struct.Struct("=IIIHHHH")
_VLAN_VALID = 1 << 4
_LINK = "eth0"
_PATIENCE = 5.0
"""Seconds for a frame that is certain to come."""
_MARKS = IPv4Address("198.18.0.0")
_NUMBERS = count(1)


class Wire:
    """A link of a namespace: what is sent there leaves as it is, what arrives there is kept."""

    def __init__(self, where: NamespaceName, link: str = _LINK) -> None:
        with netns.inside(where):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            self._socket.bind((link, _ALL))

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def until(self, last: bytes) -> list[bytes]:
        """What arrived before `last`. Raises AssertionError if that does not come."""
        found: list[bytes] = []
        deadline = time.monotonic() + _PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame = self._receive()
            except TimeoutError:
                break
            if frame is None:
                continue
            if frame == last:
                return found
            found.append(frame)
        raise AssertionError(f"no sentinel in {_PATIENCE:.0f} s, but {len(found)} other frames")

    def waiting(self) -> list[bytes]:
        """What has arrived up to now."""
        found = []
        self._socket.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                found.append(self._receive())
        return [frame for frame in found if frame is not None]

    def _receive(self) -> bytes | None:
        """The next frame as it was on the wire; None if it went the other way.

        The kernel takes a VLAN's tag out of the frame and hands it over beside it (packet(7)).
        """
        frame, beside, _, (_, _, way, *_) = self._socket.recvmsg(1 << 16, 64)
        if way == socket.PACKET_OUTGOING:
            return None
        for level, kind, data in beside:
            if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
                status, *_, tag, protocol = _AUXDATA.unpack(data)
                if status & _VLAN_VALID:
                    return frame[:12] + struct.pack(">HH", protocol, tag) + frame[12:]
        return frame

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Wired:
    """Ports plugged into silent guests, each with its wire, in the ports' order."""

    ports: tuple[PortItem, ...]
    wires: tuple[Wire, ...]

    def end(self, guest: int, version: int = 4) -> End:
        """The guest's own MAC and first address of that IP version."""
        port = self.ports[guest]
        return End(port.mac, next(held.address for held in port.addresses if held.address.version == version))

    def exchange(self, sent: Sequence[tuple[int, bytes]]) -> Mapping[int, list[bytes]]:
        """Sends each frame from its guest, and tells what each guest got from that.

        A last ARP request to everyone, which no group can forbid, says when all has been seen.
        """
        with one_cpu():
            for guest, frame in sent:
                self.wires[guest].send(frame)
            marks = {guest: self._mark(guest) for guest in range(len(self.wires))}
        return {guest: self.wires[guest].until(mark) for guest, mark in marks.items()}

    def arrives(self, sender: int, receiver: int, frame: bytes) -> bool:
        """Whether a frame that one guest sends reaches another, as it was sent."""
        return frame in self.exchange([(sender, frame)])[receiver]

    def _mark(self, guest: int) -> bytes:
        other = (guest + 1) % len(self.wires)
        sender = self.end(other)
        mark = arp(sender.mac, 2, sender, End(self.ports[guest].mac, _MARKS + next(_NUMBERS)))
        self.wires[other].send(mark)
        return mark


@contextmanager
def one_cpu() -> Iterator[None]:
    """Keeps the calling thread on one processor: frames it sends are then handled in their order.

    A veth pair hands frames over through a queue for each processor.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def silent_guests(*ports: PortItem) -> Iterator[tuple[PortItem, ...]]:
    """The ports attached to fresh namespaces whose kernels say nothing by themselves."""
    with ExitStack() as stack:
        yield tuple(attached(port, stack.enter_context(silent_namespace())) for port in ports)


@contextmanager
def silent_namespace() -> Iterator[NamespaceName]:
    with namespace("guest") as made:
        run(made, ["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"])
        yield made


def attached(port: PortItem, where: NamespaceName) -> PortItem:
    """The port with its far end as that namespace's eth0."""
    return replace(port, attachment=InNamespace(where, LinkName(_LINK)))


@contextmanager
def wired(*ports: PortItem) -> Iterator[Wired]:
    """Wires of ports that are plugged already."""
    with ExitStack() as stack:
        wires = []
        for port in ports:
            assert isinstance(port.attachment, InNamespace)
            wire = Wire(port.attachment.namespace, port.attachment.link)
            stack.callback(wire.close)
            wires.append(wire)
        yield Wired(ports, tuple(wires))


def stranger(number: int) -> Mac:
    """A MAC that no sample port has."""
    return Mac(f"fa:16:3e:ff:00:{number:02x}")
