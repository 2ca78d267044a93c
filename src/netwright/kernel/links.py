"""Bridges, veth pairs and taps.

Ours: links whose alias starts with `netwright:network:` or `netwright:port:`. The alias also holds what
the kernel does not tell of a link (where its far end was made, and whether a VMM made it), so that a fresh
agent can compare.
A tap that a VMM made is enslaved and let go, never made or deleted.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, assert_never

from pyroute2 import IPRoute

from netwright.kernel import netns, pairs, rtnetlink
from netwright.kernel.addresses import announce_hosts_own
from netwright.kernel.attempts import attempt_all
from netwright.kernel.rtnetlink import LinkState
from netwright.kernel.taps import make_tap, unmake_tap
from netwright.kernel.vmm import tap_holder
from netwright.model.errors import KernelRefusedError
from netwright.model.host import BridgeLink, Link, LinkKey, TapLink, VethLink
from netwright.model.ids import BRIDGE_PREFIX, HOST_NAMESPACE, LinkName, Mac, NamespaceName

OURS: Final = ("netwright:network:", "netwright:port:")
_DOOMED_GROUP: Final = 20100


class Links:
    """Driver of the bridges, or of the ports on them, in the host's namespace."""

    def __init__(self, *, bridges: bool) -> None:
        self._bridges = bridges
        self._reader = rtnetlink.open_reader()
        self._names: dict[int, LinkName] = {}

    def observe(self, keys: Collection[LinkKey] | None = None) -> Mapping[LinkKey, Link]:
        if keys is None:
            listed = rtnetlink.links(self._reader, "bridge" if self._bridges else "")
            self._names = {state.index: state.name for state in listed}
            if not self._bridges:
                listed = [state for state in listed if state.kind not in {"bridge", "vlan"}]
            states = [state for state in listed if state.alias.startswith(OURS)]
        else:
            found = (rtnetlink.link(self._reader, name=key.name) for key in keys)
            states = [state for state in found if state and state.alias.startswith(OURS)]
        return {LinkKey(HOST_NAMESPACE, state.name): self._value(state) for state in states}

    def put(self, items: Mapping[LinkKey, Link]) -> None:
        attempt_all("links", items, lambda key: self._put(key.name, items[key]))

    def remove(self, keys: Collection[LinkKey]) -> None:
        states = [state for key in keys if (state := rtnetlink.link(self._reader, name=key.name))]
        with rtnetlink.writer() as route:
            for state in states:
                if state.alias.endswith(" vmm"):
                    _let_go(route, state)
        _delete([state for state in states if not state.alias.endswith(" vmm")])

    def close(self) -> None:
        self._reader.close()

    def _value(self, state: LinkState) -> Link:
        if state.kind == "bridge":
            plain = state.alias if state.plain_bridge else f"{state.alias} altered"
            return BridgeLink(state.mac, state.mtu, plain, state.netfilter_calls, state.up)
        master = self._name_of(state.master)
        alias, _, made = state.alias.partition(" ")
        match made.split(" "):
            case ["veth", mac, namespace, name, inode]:
                # A namespace made anew under the old name is another place.
                here = inode == _inode_of(NamespaceName(namespace), inode)
                peer = NamespaceName(namespace if here else f"{namespace} of old"), LinkName(name), Mac(mac)
                return VethLink(master, state.mtu, alias, *peer, up=state.up)
            case ["vmm"]:
                return TapLink(master, state.mtu, alias, ours=False, up=state.up)
            case words:
                owner, group = state.tap_users
                whose = alias if len(words) == 1 else state.alias
                return TapLink(master, state.mtu, whose, ours=True, up=state.up, owner=owner, group=group)

    def _name_of(self, index: int) -> LinkName:
        if index and index not in self._names and (state := rtnetlink.link(self._reader, index=index)):
            self._names[index] = state.name
        return self._names.get(index, LinkName(""))

    def _index_of(self, name: LinkName) -> int:
        state = rtnetlink.link(self._reader, name=name)
        if state is None:
            raise KernelRefusedError("links", f"{name}: no such link")
        self._names[state.index] = name
        return state.index

    def _put(self, name: LinkName, value: Link) -> None:
        state = rtnetlink.link(self._reader, name=name)
        if state and not _is_ours(state, value):
            raise KernelRefusedError("links", f"{name} exists and is not netwright's; rename or delete it")
        match value:
            case BridgeLink():
                _put_bridge(name, value, state)
                if state and state.mac != value.mac and value.up:
                    announce_hosts_own(self._reader, name, state.index)
            case VethLink():
                self._put_veth(name, value, state)
            case TapLink():
                self._put_tap(name, value, state)
            case _:
                assert_never(value)

    def _put_veth(self, name: LinkName, value: VethLink, state: LinkState | None) -> None:
        inode = _inode_of(value.peer_namespace, "")
        stamp = f"{value.alias} veth {value.peer_mac} {value.peer_namespace} {value.peer_name} {inode}"
        if state and state.alias != stamp:
            # Another place or MAC: a guest's end cannot be moved in its back, so the pair is made anew.
            _delete([state])
            state = None
        if state is None:
            self._make_pair(name, value)
        self._join(name, value, stamp)
        if state is None:
            with netns.inside(value.peer_namespace):
                netns.bring_up(value.peer_name)

    def _put_tap(self, name: LinkName, value: TapLink, state: LinkState | None) -> None:
        if state and state.kind != "tun":
            # A namespace's pair, whose guest moves into a virtual machine.
            _delete([state])
            state = None
        if state and value.ours and state.tap_users != (value.owner, value.group):
            # An owner cannot be taken away; and nobody's connection is, for whoever has it open keeps it.
            _unmake(name)
            state = None
        if state is None:
            if not value.ours:
                return
            make_tap(name, value.owner, value.group)
        stamp = f"{value.alias} {'tap' if value.ours else 'vmm'}"
        self._join(name, value, stamp)

    def _make_pair(self, name: LinkName, value: VethLink) -> None:
        try:
            pairs.make(self._reader, name, value)
        except FileNotFoundError as error:
            said = f"namespace {value.peer_namespace}: {error.strerror}"
            raise KernelRefusedError("links", said) from error
        except FileExistsError as error:
            taken = f"namespace {value.peer_namespace} already has a link called {value.peer_name}"
            raise KernelRefusedError("links", f"{name}: {taken}") from error

    def _join(self, name: LinkName, value: VethLink | TapLink, stamp: str) -> None:
        """Quiet, onto the bridge, and up."""
        silence(name)
        pairs.join(self._reader, self._index_of(name), self._index_of(value.master), value, stamp)


def _is_ours(state: LinkState, value: Link) -> bool:
    """The kernel takes an alias only in a second message: a link without one may be half made, by us.

    A bridge that somebody named may have anybody's name: then its MAC, too, must be the one that we gave it.
    """
    if state.alias:
        return state.alias.startswith(OURS)
    if not isinstance(value, BridgeLink) or state.name.startswith(BRIDGE_PREFIX):
        return True
    return state.kind == "bridge" and state.mac == value.mac


def _unmake(name: LinkName) -> None:
    try:
        unmake_tap(name)
    except KernelRefusedError as refused:
        holder = tap_holder(name)
        whose = f"{holder.program}, pid {holder.pid}, has it open" if holder else refused.said
        raise KernelRefusedError("links", f"{name} cannot get another owner yet: {whose}") from refused


def _inode_of(namespace: NamespaceName, missing: str) -> str:
    try:
        return str(netns.path_of(namespace).stat().st_ino)
    except OSError:
        return missing


def silence(name: LinkName) -> None:
    """A bridge's port has no addresses of its own: without this it would solicit and report to the guest."""
    switch = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    if switch.exists():
        switch.write_text("1")


def _put_bridge(name: LinkName, value: BridgeLink, state: LinkState | None) -> None:
    calls = int(value.netfilter_calls)
    wanted = {
        "address": value.mac,
        "mtu": value.mtu,
        "ifalias": value.alias,
        "state": "up" if value.up else "down",
    }
    options = {
        "kind": "bridge",
        "br_stp_state": 0,
        "br_forward_delay": 0,
        "br_mcast_snooping": 0,
        "br_nf_call_iptables": calls,
        "br_nf_call_ip6tables": calls,
    }
    with rtnetlink.writer() as route:
        if state is None:
            route.link("add", ifname=name, address=value.mac, **options)
            index = socket.if_nametoindex(name)
        else:
            index = state.index
            # While STP is on, the kernel refuses to be without forward delay (ERANGE).
            route.link("set", index=index, kind="bridge", br_stp_state=0)
            route.link("set", index=index, **options)
        route.link("set", index=index, **wanted)


def _let_go(route: IPRoute, state: LinkState) -> None:
    route.link("set", index=state.index, master=0, state="down", ifalias="")


def _delete(states: Collection[LinkState]) -> None:
    """One by one a delete waits for a grace period each (17 ms); a group goes in one."""
    with rtnetlink.writer() as route:
        if len(states) < 2:
            for state in states:
                rtnetlink.delete_link(route, state.index)
            return
        for state in states:
            route.link("set", index=state.index, group=_DOOMED_GROUP)
        route.link("del", group=_DOOMED_GROUP)
