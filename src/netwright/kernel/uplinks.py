"""Physical links on our bridges, without taking the host off the network.

Ours: the place on the bridge, of links whose alias starts with `netwright:uplink:` (an alias that was there
before is kept behind it). The host's addresses and routes move to the bridge with the link, and back.
netwright.nova uses the same driver with a mark of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from netwright.kernel import rtnetlink
from netwright.kernel.addresses import announce_hosts_own
from netwright.kernel.attempts import attempt_all
from netwright.kernel.moves import Move
from netwright.kernel.rtnetlink import LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Uplink
from netwright.model.ids import LinkName

MARK: Final = "netwright:uplink:"


class Uplinks:
    """Driver of the links that join a bridge to the world outside."""

    def __init__(self, mark: str = MARK) -> None:
        self._mark = mark
        self._reader = rtnetlink.open_reader()

    def observe(self, keys: Collection[LinkName] | None = None) -> Mapping[LinkName, Uplink]:
        if keys is None:
            states: list[LinkState] = rtnetlink.links(self._reader)
        else:
            found = (rtnetlink.link(self._reader, name=key) for key in keys)
            states = [state for state in found if state]
        return {state.name: self._value(state) for state in states if state.alias.startswith(self._mark)}

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
            if not link.alias.startswith(self._mark):
                raise KernelRefusedError("uplinks", f"{name} is on another bridge; take it off there first")
            self._remove(name)
        before = link.alias.partition(" ")[2] if link.alias.startswith(self._mark) else link.alias
        with rtnetlink.writer() as route:
            move = Move(route)
            move.enslave(link, target.index, f"{self._mark}{bridge} {before}".rstrip())
            move.everything(link.index, target.index)
        announce_hosts_own(self._reader, bridge, target.index)

    def _remove(self, name: LinkName) -> None:
        link = rtnetlink.link(self._reader, name=name)
        if link is None or not link.alias.startswith(self._mark):
            return
        with rtnetlink.writer() as route:
            if link.master:
                Move(route).everything(link.master, link.index)
            route.link("set", index=link.index, master=0, ifalias=link.alias.partition(" ")[2])
        announce_hosts_own(self._reader, name, link.index)

    def _link(self, name: LinkName) -> LinkState:
        state = rtnetlink.link(self._reader, name=name)
        if state is None:
            raise KernelRefusedError("uplinks", f"{name}: no such link")
        return state
