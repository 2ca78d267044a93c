"""Physical links on our bridges, without taking the host off the network.

Ours: the place on the bridge, of links whose alias starts with `netwright:uplink:` (an alias that was there
before is kept behind it). The host's addresses and routes move to the bridge with the link, and back.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_interface
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import rtnetlink
from netwright.kernel.addresses import announce
from netwright.kernel.attempts import attempt_all
from netwright.kernel.rtnetlink import LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import AddressKey, Uplink
from netwright.model.ids import HOST_NAMESPACE, LinkName

MARK: Final = "netwright:uplink:"
_NODAD: Final = 0x02
_KERNEL: Final = 2
_LOCAL_TABLE: Final = 255
_UNICAST: Final = 1
_LINK_SCOPE: Final = 253
_ADDRESS_KEPT: Final = ("IFA_FLAGS", "IFA_BROADCAST", "IFA_CACHEINFO", "IFA_PROTO")
_ROUTE_KEPT: Final = ("family", "dst_len", "tos", "scope", "proto", "type", "flags", "src_len")


class Uplinks:
    """Driver of the links that join a bridge to the world outside."""

    def __init__(self) -> None:
        self._reader = rtnetlink.open_reader()

    def observe(self, keys: Collection[LinkName] | None = None) -> Mapping[LinkName, Uplink]:
        if keys is None:
            states: list[LinkState] = rtnetlink.links(self._reader)
        else:
            found = (rtnetlink.link(self._reader, name=key) for key in keys)
            states = [state for state in found if state]
        return {state.name: self._value(state) for state in states if state.alias.startswith(MARK)}

    def put(self, items: Mapping[LinkName, Uplink]) -> None:
        attempt_all("uplinks", items, lambda name: self._put(name, items[name].bridge))

    def remove(self, keys: Collection[LinkName]) -> None:
        attempt_all("uplinks", keys, self._remove)

    def _value(self, state: LinkState) -> Uplink:
        master = rtnetlink.link(self._reader, index=state.master) if state.master else None
        return Uplink(master.name if master else LinkName(""))

    def _put(self, name: LinkName, bridge: LinkName) -> None:
        link, target = self._link(name), self._link(bridge)
        if link.master not in {0, target.index}:
            if not link.alias.startswith(MARK):
                raise KernelRefusedError("uplinks", f"{name} is on another bridge; take it off there first")
            self._remove(name)
        before = link.alias.partition(" ")[2] if link.alias.startswith(MARK) else link.alias
        with rtnetlink.writer() as route:
            move = _Move(route)
            move.enslave(link, target.index)
            move.everything(link.index, target.index)
            route.link("set", index=link.index, ifalias=f"{MARK}{bridge} {before}".rstrip())
        self._announce(bridge, target.index)

    def _remove(self, name: LinkName) -> None:
        link = rtnetlink.link(self._reader, name=name)
        if link is None or not link.alias.startswith(MARK):
            return
        with rtnetlink.writer() as route:
            if link.master:
                _Move(route).everything(link.master, link.index)
            route.link("set", index=link.index, master=0, ifalias=link.alias.partition(" ")[2])
        self._announce(name, link.index)

    def _announce(self, name: LinkName, index: int) -> None:
        for state in rtnetlink.addresses(self._reader, index):
            if state.index == index and not state.ours and not state.address.is_link_local:
                interface = ip_interface((state.address, state.length))
                announce(AddressKey(HOST_NAMESPACE, name, interface))

    def _link(self, name: LinkName) -> LinkState:
        state = rtnetlink.link(self._reader, name=name)
        if state is None:
            raise KernelRefusedError("uplinks", f"{name}: no such link")
        return state


@dataclass(slots=True)
class _Move:
    """Steps that are taken back, the last first, if one of them fails."""

    route: IPRoute
    undo: list[Callable[[], object]] = field(default_factory=list)

    def enslave(self, link: LinkState, master: int) -> None:
        self._do(
            lambda: self.route.link("set", index=link.index, master=master, state="up"),
            lambda: self.route.link("set", index=link.index, master=link.master),
        )

    def everything(self, source: int, target: int) -> None:
        """The host's own addresses and routes; ours, and those the kernel makes by itself, stay."""
        addresses = [one for one in self.route.get_addr(index=source) if _is_hosts_address(one, source)]
        routes = [one for family in (socket.AF_INET, socket.AF_INET6) for one in self._routes(family, source)]
        # Both links have the address for a moment: a host without one would drop its connections.
        for one in addresses:
            self._do(
                partial(self._address, "replace", one, target),
                partial(self._address, "del", one, target),
            )
        for one in routes:
            self._do(
                partial(self._route, "replace", one, target),
                partial(self._route, "replace", one, source),
            )
        for one in addresses:
            self._do(
                partial(self._address, "del", one, source),
                partial(self._address, "replace", one, source),
            )

    def _routes(self, family: int, index: int) -> list[Mapping[str, object]]:
        listed = self.route.get_routes(family=family, oif=index)
        return [one for one in listed if _is_hosts_route(one)]

    def _do(self, step: Callable[[], object], back: Callable[[], object]) -> None:
        try:
            step()
        except NetlinkError:
            for earlier in reversed(self.undo):
                earlier()
            raise
        self.undo.append(back)

    def _address(self, verb: str, one: Mapping[str, object], index: int) -> None:
        attributes = dict(one["attrs"])  # type: ignore[call-overload]  # pyroute2's messages are untyped
        kept = {key: attributes[key] for key in _ADDRESS_KEPT if key in attributes and verb != "del"}
        if one["family"] == socket.AF_INET6 and verb != "del":
            # It is this host's already: a check for duplicates would silence it for a second.
            kept["IFA_FLAGS"] = int(str(kept.get("IFA_FLAGS", 0))) | _NODAD
        kept["address"] = attributes.get("IFA_LOCAL") or attributes["IFA_ADDRESS"]
        self.route.addr(verb, index=index, prefixlen=one["prefixlen"], family=one["family"], **kept)

    def _route(self, verb: str, one: Mapping[str, object], index: int) -> None:
        attributes = dict(one["attrs"])  # type: ignore[call-overload]  # pyroute2's messages are untyped
        attributes["RTA_OIF"] = index
        attributes.pop("RTA_CACHEINFO", None)
        header = {key: one[key] for key in _ROUTE_KEPT}
        self.route.route(verb, table=attributes.pop("RTA_TABLE"), **header, **attributes)


def _is_hosts_address(one: Mapping[str, object], index: int) -> bool:
    attributes = dict(one["attrs"])  # type: ignore[call-overload]  # pyroute2's messages are untyped
    ours = attributes.get("IFA_PROTO") == rtnetlink.PROTOCOL
    return one["index"] == index and one["scope"] != _LINK_SCOPE and not ours


def _is_hosts_route(one: Mapping[str, object]) -> bool:
    attributes = dict(one["attrs"])  # type: ignore[call-overload]  # pyroute2's messages are untyped
    kept = one["proto"] not in {_KERNEL, rtnetlink.PROTOCOL} and one["type"] == _UNICAST
    return kept and attributes.get("RTA_TABLE") != _LOCAL_TABLE
