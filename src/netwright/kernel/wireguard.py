"""WireGuard devices: the hosts' ends of project VPNs.

Ours: links of kind wireguard whose alias starts with `netwright:vpn:`. The kernel tells of no change of keys
and peers: what a stranger does to them is mended by the look at everything.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Final

from pyroute2 import WireGuard
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.links import silence
from netwright.kernel.marked_links import MarkedLinks
from netwright.kernel.rtnetlink import LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import LinkKey, WireGuardLink
from netwright.model.ids import HOST_NAMESPACE, LinkName
from netwright.model.intent import Prefix

MARK: Final = "netwright:vpn:"
_KIND: Final = "wireguard"
_STAGE: Final = "wireguard"
_Peers = Mapping[str, frozenset[Prefix]]


class WireGuards:
    """Driver of the WireGuard devices in the host's namespace."""

    def __init__(self) -> None:
        self._links = MarkedLinks(_STAGE, _KIND, MARK)

    def observe(self, keys: Collection[LinkKey] | None = None) -> Mapping[LinkKey, WireGuardLink]:
        return {LinkKey(HOST_NAMESPACE, state.name): _value(state) for state in self._links.look(keys)}

    def put(self, items: Mapping[LinkKey, WireGuardLink]) -> None:
        attempt_all(_STAGE, items, lambda key: self._put(key.name, items[key]))

    def remove(self, keys: Collection[LinkKey]) -> None:
        self._links.remove(keys)

    def close(self) -> None:
        self._links.close()

    def _put(self, name: LinkName, value: WireGuardLink) -> None:
        state = self._links.find(name)
        if state and not self._links.are_ours(state) and (state.kind != _KIND or state.alias):
            raise KernelRefusedError(_STAGE, f"{name} exists and is not netwright's; rename or delete it")
        with rtnetlink.writer() as route, _told(name):
            if state is None:
                route.link("add", ifname=name, kind=_KIND)
            # Its peers have no addresses of IPv6.
            silence(name)
            index = self._links.require(name).index
            route.link("set", index=index, mtu=value.mtu, ifalias=value.alias)
            try:
                _configure(name, value)
            except NetlinkError:
                # The kernel keeps a port that it could not have, and would show it as if it listened there.
                route.link("set", index=index, state="down")
                raise
            route.link("set", index=index, state="up" if value.up else "down")


def _configure(name: LinkName, value: WireGuardLink) -> None:
    """Peers that stay are not touched: their sessions go on."""
    wanted = _by_key(value.peers)
    with _opened() as socket:
        private_key, port, there = _read(socket, name)
        if (private_key, port) != (value.private_key, value.port):
            socket.set(name, private_key=value.private_key, listen_port=value.port)
        for public_key in there.keys() - wanted.keys():
            socket.set(name, peer={"public_key": public_key, "remove": True})
        # An address that goes from one peer to another must be free before it is the other's.
        changed = {key: allowed for key, allowed in wanted.items() if there.get(key) != allowed}
        for public_key, allowed in changed.items():
            prefixes = sorted(map(str, allowed))
            peer = {"public_key": public_key, "replace_allowed_ips": True, "allowed_ips": prefixes}
            socket.set(name, peer=peer)


def _by_key(peers: Collection[tuple[str, Prefix]]) -> _Peers:
    found: dict[str, set[Prefix]] = {}
    for public_key, prefix in peers:
        found.setdefault(public_key, set()).add(prefix)
    return {key: frozenset(prefixes) for key, prefixes in found.items()}


def _value(state: LinkState) -> WireGuardLink:
    with _told(state.name), _opened() as socket:
        private_key, port, peers = _read(socket, state.name)
    pairs = frozenset((key, prefix) for key, prefixes in peers.items() for prefix in prefixes)
    return WireGuardLink(private_key, port, state.mtu, state.alias, pairs, up=state.up)


def _read(socket: WireGuard, name: LinkName) -> tuple[str, int, _Peers]:
    """Key, port and peers. Many peers come in several messages, one with many prefixes in two of them."""
    private_key, port = "", 0
    peers: dict[str, frozenset[Prefix]] = {}
    for message in socket.info(name):
        private_key = _text(message.get("private_key")) or private_key
        port = message.get("listen_port") or port
        for peer in message.get("peers") or ():
            public_key = _text(peer.get("public_key"))
            allowed = frozenset(ip_network(one["addr"]) for one in peer.get("allowedips") or ())
            peers[public_key] = peers.get(public_key, frozenset()) | allowed
    return private_key, port, peers


def _text(key: object) -> str:
    return key.decode() if isinstance(key, bytes) else ""


@contextmanager
def _opened() -> Iterator[WireGuard]:
    socket = WireGuard()
    try:
        yield socket
    finally:
        socket.close()


@contextmanager
def _told(name: LinkName) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code == errno.EOPNOTSUPP:
            said = f"{name}: this kernel has no WireGuard (CONFIG_WIREGUARD): modprobe wireguard"
            raise KernelRefusedError(_STAGE, said) from error
        if error.code == errno.EADDRINUSE:
            raise KernelRefusedError(_STAGE, f"{name}: its UDP port is in use on this host") from error
        raise KernelRefusedError(_STAGE, f"{name}: {error}") from error
