"""What the kernel says has changed, as keys to look at again.

Our own writes come back here too; looking again at a key that is right costs a tenth of a millisecond.
nftables tells from which socket, so there only strangers count, and of them only who touched our tables:
neither our own sockets nor those of the iptables programs that we run.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from ipaddress import ip_interface
from typing import Final, Protocol

from netwright.kernel import rtnetlink
from netwright.kernel.netlink import NETFILTER, ROUTE, is_own, messages
from netwright.kernel.nft_events import OWN, QOS, SHARED, may_concern, tables_changed
from netwright.kernel.qdisc_messages import TC_EVENTS, link_of
from netwright.kernel.rtnetlink import LinkState
from netwright.kernel.shapers import port_of
from netwright.kernel.tools import is_of_own_tool
from netwright.kernel.uplinks import MARK as UPLINK_MARK
from netwright.model.host import AddressKey, LinkKey, ShaperKey, Stage
from netwright.model.ids import BRIDGE_PREFIX, HOST_NAMESPACE, LinkName
from netwright.model.intent import Direction

_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_GROUPS: Final = {ROUTE: (1, 4, 5, 7, 9, 11), NETFILTER: (7,)}
"""RTNLGRP_LINK, _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE; NFNLGRP_NFTABLES."""
_NEW_LINK, _DEL_LINK, _NEW_ADDRESS, _DEL_ADDRESS, _NEW_ROUTE, _DEL_ROUTE = 16, 17, 20, 21, 24, 25
_PORT_LINK: Final = re.compile(r"tap[0-9a-f]{8}-[0-9a-f]{2}")
_OURS: Final = re.compile(r"(brq|tap|dhp)[0-9a-f]{8}-[0-9a-f]{2}")
_OF_KIND: Final = {"bridge": Stage.BRIDGES, "vlan": Stage.VLANS, "wireguard": Stage.WIREGUARD}
_MAIN_TABLE: Final = 254


class Listener(Protocol):
    """Who is told; the agent's inbox."""

    def suspect(self, stage: Stage, keys: list[Hashable] | None = None) -> None:
        """The stage, or some of its keys, may have changed."""

    def vmm_link(self, name: LinkName, *, present: bool) -> None:
        """A tap under a port's name, not made by us, came or went."""

    def facts_changed(self) -> None:
        """A route or link that is not ours changed."""


class Monitor:
    """Listens in the namespace of the thread that makes it.

    `filters`: whether libvirt's filters guard ports here: rules that others change in the tables of iptables
    or ebtables may be theirs. `shared` is called when somebody writes to one of those, of the nft back end.
    """

    def __init__(
        self, listener: Listener, shared: Callable[[], None] | None = None, *, filters: bool = False
    ) -> None:
        self._listener = listener
        self._shared = shared
        self._filters = filters
        self._heeded = OWN | QOS | SHARED if shared or filters else OWN | QOS
        self._reader = rtnetlink.open_reader()
        self._names: dict[int, LinkName] = {}
        self._own_ports: set[tuple[int, int]] = set()
        self._sockets = {_subscribe(protocol): protocol for protocol in _GROUPS}
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="kernel-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        os.write(self._write, b".")
        self._thread.join()
        for opened in self._sockets:
            opened.close()
        self._reader.close()
        os.close(self._read)
        os.close(self._write)

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._read, selectors.EVENT_READ)
            for opened in self._sockets:
                selector.register(opened, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == self._read:
                        return
                    if isinstance(key.fileobj, socket.socket):
                        self._receive(key.fileobj)

    def _receive(self, opened: socket.socket) -> None:
        try:
            data = opened.recv(1 << 17)
        except OSError:
            # ENOBUFS: the kernel dropped events, so anything may have changed.
            for stage in (*_OF_KIND.values(), Stage.PORTS, Stage.SHAPERS, Stage.ADDRESSES, Stage.ROUTES):
                self._listener.suspect(stage)
            self._tell_strangers(self._heeded)
            return
        if self._sockets[opened] == ROUTE:
            for kind, _, port, body in messages(data):
                if kind not in TC_EVENTS:
                    self._tell_route(kind, body)
                elif not self._is_own(ROUTE, port):
                    self._tell_shapers(self._name(link_of(body)))
        elif may_concern(data, self._heeded):
            changed = tables_changed(data)
            self._tell_strangers({table for table, port in changed if self._is_strange(table, port)})

    def _is_strange(self, table: tuple[str, str], port: int) -> bool:
        return table in self._heeded and not is_of_own_tool(port) and not self._is_own(NETFILTER, port)

    def _tell_strangers(self, changed: AbstractSet[tuple[str, str]]) -> None:
        """Of tables that a stranger has written to."""
        if changed & OWN:
            self._listener.suspect(Stage.FIREWALL)
        if changed & QOS:
            self._listener.suspect(Stage.QOS)
        if self._filters and changed:
            self._listener.suspect(Stage.NWFILTER_BINDINGS)
        if self._shared and changed & SHARED:
            self._shared()

    def _is_own(self, protocol: int, port: int) -> bool:
        """Whether one of our sockets wrote.

        The process id that nftables also tells will not do: it is the writing thread's, and the machine's
        own even where we run in a PID namespace.
        """
        if (protocol, port) not in self._own_ports and is_own(protocol, port):
            self._own_ports.add((protocol, port))
        return (protocol, port) in self._own_ports

    def _tell_route(self, kind: int, body: bytes) -> None:
        tells: dict[int, Callable[[bool, bytes], None]] = {
            _NEW_LINK: self._tell_link,
            _DEL_LINK: self._tell_link,
            _NEW_ADDRESS: self._tell_address,
            _DEL_ADDRESS: self._tell_address,
            _NEW_ROUTE: self._tell_network,
            _DEL_ROUTE: self._tell_network,
        }
        if kind in tells:
            tells[kind](kind in {_DEL_LINK, _DEL_ADDRESS, _DEL_ROUTE}, body)

    def _tell_link(self, gone: bool, body: bytes) -> None:  # noqa: FBT001 - called from a table
        if body[0] != socket.AF_UNSPEC:
            return  # a bridge's own message about a port (AF_BRIDGE)
        state = rtnetlink.parse_link(body)
        new = self._names.get(state.index) != state.name
        self._names[state.index] = state.name
        self._tell_shapers(state.name if gone or new else None)
        if not _OURS.fullmatch(state.name):
            if state.alias.startswith(UPLINK_MARK):
                self._listener.suspect(Stage.UPLINKS, [state.name])
            if stage := _OF_KIND.get(state.kind):
                # Perhaps a network's under a name of its own, and somebody took its mark away.
                self._listener.suspect(stage, [LinkKey(HOST_NAMESPACE, state.name)])
            if gone or new:
                self._listener.facts_changed()
            return
        stage = Stage.BRIDGES if state.name.startswith(BRIDGE_PREFIX) else Stage.PORTS
        self._listener.suspect(stage, [LinkKey(HOST_NAMESPACE, state.name)])
        if self._filters and stage is Stage.PORTS:
            self._listener.suspect(Stage.NWFILTER_BINDINGS, [state.name])
        if is_vmm_link(state) or (gone and state.alias.endswith(" vmm")):
            self._listener.vmm_link(state.name, present=not gone)

    def _tell_shapers(self, name: LinkName | None) -> None:
        """A port's link, or the one where what its guest sends waits, is another, or its queues are."""
        if name and (port := port_of(name)):
            self._listener.suspect(Stage.SHAPERS, [ShaperKey(port, way) for way in Direction])

    def _tell_address(self, gone: bool, body: bytes) -> None:  # noqa: FBT001 - called from a table
        state = rtnetlink.parse_address(body)
        name = self._name(state.index)
        if name and (state.ours or gone):
            key = AddressKey(HOST_NAMESPACE, name, ip_interface((state.address, state.length)))
            self._listener.suspect(Stage.ADDRESSES, [key])

    def _tell_network(self, gone: bool, body: bytes) -> None:  # noqa: FBT001 - called from a table
        if rtnetlink.is_unicast_main(body):
            state = rtnetlink.parse_route(body)
            if state.protocol == rtnetlink.PROTOCOL:
                if gone:
                    self._listener.suspect(Stage.ROUTES)
            else:
                self._listener.facts_changed()

    def _name(self, index: int) -> LinkName | None:
        if index not in self._names and (state := rtnetlink.link(self._reader, index=index)):
            self._names[index] = state.name
        return self._names.get(index)


def is_vmm_link(state: LinkState) -> bool:
    """A tap under a port's name that we did not make."""
    foreign = not state.alias or state.alias.endswith(" vmm")
    return state.kind == "tun" and foreign and _PORT_LINK.fullmatch(state.name) is not None


def _subscribe(protocol: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.bind((0, 0))
    for group in _GROUPS[protocol]:
        opened.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, struct.pack("=I", group))
    return opened
