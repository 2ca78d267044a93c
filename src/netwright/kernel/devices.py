"""Links that netwright.nova's callers ask for by name, one at a time: bridges, VLANs, taps, pairs.

Ours: links whose alias starts with `netwright:nova:`. One without an alias that is down is a link that
somebody was killed over, for the kernel takes an alias only in a second message: it is finished. Those of
the agent are never touched here, and anybody else's only where a caller names it.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import links, rtnetlink
from netwright.kernel.netlink import Netlink
from netwright.kernel.rtnetlink import LinkState
from netwright.kernel.taps import make_tap
from netwright.kernel.uplinks import Uplinks
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName, Mac

MARK: Final = "netwright:nova:"
UPLINK_MARK: Final = f"{MARK}uplink:"
_DRIVER: Final = "devices"
_PROMISCUOUS: Final = 0x100


@dataclass(frozen=True, slots=True)
class Vlan:
    """`parent` is the index of the link that carries it."""

    number: int
    parent: int


def exists(name: str) -> bool:
    """Whether the calling thread's namespace has the link; /sys/class/net may show another."""
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def find(name: LinkName) -> LinkState | None:
    """None where there is none. Raises KernelRefusedError."""
    with _reader() as reader:
        return rtnetlink.link(reader, name=name)


def require(name: LinkName) -> LinkState:
    """Raises KernelRefusedError where there is none."""
    state = find(name)
    if state is None:
        raise KernelRefusedError(_DRIVER, f"{name}: no such link")
    return state


def is_ours(state: LinkState) -> bool:
    """Whether netwright.nova made it, or half of it. (An uplink's mark is about its place only.)"""
    own = state.alias.partition(" ")[2] if state.alias.startswith(UPLINK_MARK) else state.alias
    return own.startswith(MARK) or _is_half_made(state)


def ports_of(bridge: LinkState) -> list[LinkState]:
    """Raises KernelRefusedError."""
    with _reader() as reader:
        return [state for state in rtnetlink.links(reader) if state.master == bridge.index]


def ensure_bridge(name: LinkName, mac: Mac | None = None) -> LinkState:
    """A bridge that forwards at once, and up; one that is somebody else's is left as it is.

    Its MAC, a random one if none is asked for, does not follow its ports'. Raises KernelRefusedError, also
    where something else has that name.
    """
    own = mac or (b"\xfe" + os.urandom(5)).hex(":")
    state = _made(name, kind="bridge", br_stp_state=0, br_forward_delay=0, address=own)
    if state.kind != "bridge":
        raise KernelRefusedError(_DRIVER, f"{name} is there and is no bridge")
    return _finished(state, "bridge")


def ensure_vlan(name: LinkName, number: int, parent: LinkName, mac: Mac | None = None) -> LinkState:
    """The VLAN's link on its parent, both up. One that is there keeps its MAC.

    Raises KernelRefusedError, also where that name stands for anything else than this VLAN of this parent.
    """
    # The kernel lets no VLAN up whose parent is down.
    wanted = Vlan(number, set_up(parent).index)
    state = _made(name, kind="vlan", vlan_id=number, link=wanted.parent, address=mac)
    if _vlan_of(state) != wanted:
        raise KernelRefusedError(_DRIVER, f"{name} is there and is not VLAN {number} of {parent}")
    return _finished(state, "vlan")


def ensure_tap(name: LinkName, mac: Mac | None = None) -> LinkState:
    """A persistent tap, up; somebody else's is left as it is. Raises KernelRefusedError."""
    if find(name) is None:
        make_tap(name)
    state = require(name)
    return _finished(state, "tap", mac) if state.kind == "tun" else state


def make_pair(name: LinkName, peer: LinkName, mtu: int | None = None) -> None:
    """A veth pair, both ends up and promiscuous. Raises KernelRefusedError."""
    size = {"mtu": mtu} if mtu else {}
    with rtnetlink.writer() as route:
        route.link("add", ifname=name, kind="veth", peer={"ifname": peer, **size}, **size)
        for end in (name, peer):
            index = socket.if_nametoindex(end)
            route.link("set", index=index, ifalias=f"{MARK}veth", flags=_PROMISCUOUS, change=_PROMISCUOUS)
            route.link("set", index=index, state="up")


def set_mac(state: LinkState, mac: Mac) -> None:
    """Raises KernelRefusedError."""
    if state.mac != mac:
        with rtnetlink.writer() as route:
            route.link("set", index=state.index, address=mac)


def set_mtu(name: LinkName, mtu: int) -> None:
    """Raises KernelRefusedError."""
    state = require(name)
    if state.mtu != mtu:
        with rtnetlink.writer() as route:
            route.link("set", index=state.index, mtu=mtu)


def set_up(name: LinkName, *, up: bool = True) -> LinkState:
    """Raises KernelRefusedError."""
    state = require(name)
    if state.up != up:
        with rtnetlink.writer() as route:
            route.link("set", index=state.index, state="up" if up else "down")
    return state


def release_uplinks(bridge: LinkState) -> None:
    """Gives uplinks that netwright.nova put on it back what the bridge took. Raises KernelRefusedError."""
    marked = [port.name for port in ports_of(bridge) if port.alias.startswith(UPLINK_MARK)]
    Uplinks(UPLINK_MARK).remove(marked)


def join(port: LinkState, bridge: LinkState) -> None:
    """Raises KernelRefusedError where it is on another bridge."""
    if port.master not in {0, bridge.index}:
        raise KernelRefusedError(_DRIVER, f"{port.name} is on another bridge; take it off there first")
    if not port.master:
        with rtnetlink.writer() as route:
            route.link("set", index=port.index, master=bridge.index)


def delete(name: LinkName) -> bool:
    """Whether there was one. Raises KernelRefusedError; the agent's is refused."""
    state = find(name)
    if state is None:
        return False
    if state.alias.startswith(links.OURS):
        raise KernelRefusedError(_DRIVER, f"{name} is the agent's ({state.alias})")
    with rtnetlink.writer() as route:
        rtnetlink.delete_link(route, state.index)
    return True


def _made(name: LinkName, **options: object) -> LinkState:
    """What has that name, made where there was nothing, by us or by another process meanwhile."""
    state = find(name)
    if state is not None:
        return state
    with rtnetlink.writer() as route:
        try:
            route.link(
                "add", ifname=name, **{key: value for key, value in options.items() if value is not None}
            )
        except NetlinkError as error:
            if error.code == errno.EOPNOTSUPP:
                raise KernelRefusedError(
                    _DRIVER, f"{name}: this kernel has no {options['kind']} links"
                ) from error
            if error.code != errno.EEXIST:
                raise
    return require(name)


def _finished(state: LinkState, what: str, mac: Mac | None = None) -> LinkState:
    """Marked and up, if it is ours or nobody got so far as to say whose it is."""
    if is_ours(state) and not state.up:
        with rtnetlink.writer() as route:
            _finish(route, state, what, mac)
    return require(state.name)


def _is_half_made(state: LinkState) -> bool:
    return not state.alias and not state.up and bool(state.kind)


def _finish(route: IPRoute, state: LinkState, what: str, mac: Mac | None) -> None:
    address = {"address": mac} if mac else {}
    route.link("set", index=state.index, ifalias=f"{MARK}{what}", **address)
    route.link("set", index=state.index, state="up")


def _vlan_of(state: LinkState) -> Vlan | None:
    if state.kind != "vlan":
        return None
    return Vlan(state.vlan, state.parent)


@contextmanager
def _reader() -> Iterator[Netlink]:
    reader = rtnetlink.open_reader()
    try:
        with rtnetlink.refusals(_DRIVER):
            yield reader
    finally:
        reader.close()
