"""VLAN devices on our bridges.

Ours: links of kind vlan whose alias starts with `netwright:network:`. The link that they are made on is
brought up when one is made there, and else left as it is: with its addresses, and on no bridge for our sake.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.links import silence
from netwright.kernel.marked_links import MarkedLinks
from netwright.kernel.rtnetlink import LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import LinkKey, VlanLink
from netwright.model.ids import HOST_NAMESPACE, LinkName

MARK: Final = "netwright:network:"
_KIND: Final = "vlan"


class Vlans:
    """Driver of the VLAN devices in the host's namespace."""

    def __init__(self) -> None:
        self._links = MarkedLinks("vlans", _KIND, MARK)

    def observe(self, keys: Collection[LinkKey] | None = None) -> Mapping[LinkKey, VlanLink]:
        return {LinkKey(HOST_NAMESPACE, state.name): self._value(state) for state in self._links.look(keys)}

    def put(self, items: Mapping[LinkKey, VlanLink]) -> None:
        attempt_all("vlans", items, lambda key: self._put(key.name, items[key]))

    def remove(self, keys: Collection[LinkKey]) -> None:
        self._links.remove(keys)

    def close(self) -> None:
        self._links.close()

    def _value(self, state: LinkState) -> VlanLink:
        parent, master = self._name_of(state.parent), self._name_of(state.master)
        return VlanLink(parent, state.vlan, master, state.mtu, state.alias, up=state.up)

    def _name_of(self, index: int) -> LinkName:
        state = rtnetlink.link(self._links.reader, index=index) if index else None
        return state.name if state else LinkName("")

    def _put(self, name: LinkName, value: VlanLink) -> None:
        parent, master = self._links.require(value.parent), self._links.require(value.master)
        if value.mtu > parent.mtu:
            said = f"{name}: an MTU of {value.mtu} is more than the {parent.mtu} of {value.parent}"
            raise KernelRefusedError("vlans", said)
        state = self._links.find(name)
        if state and not self._links.are_ours(state) and not _is_half_made(state, parent, value):
            raise KernelRefusedError("vlans", f"{name} exists and is not netwright's; rename or delete it")
        if state and (state.parent, state.vlan) != (parent.index, value.id):
            self._links.delete(name)
            state = None
        with rtnetlink.writer() as route:
            if state is None:
                _make(route, name, parent, value)
            silence(name)
            wanted = {"mtu": value.mtu, "ifalias": value.alias, "master": master.index}
            index = self._links.require(name).index
            route.link("set", index=index, state="up" if value.up else "down", **wanted)


def _is_half_made(state: LinkState, parent: LinkState, value: VlanLink) -> bool:
    """The kernel takes an alias only in a second message."""
    made = (state.kind, state.parent, state.vlan) == (_KIND, parent.index, value.id)
    return made and not state.alias and not state.master


def _make(route: IPRoute, name: LinkName, parent: LinkState, value: VlanLink) -> None:
    # A VLAN device cannot be brought up, and says ENETDOWN, while the link below it is down.
    if not parent.up:
        route.link("set", index=parent.index, state="up")
    with _told(name, value):
        route.link("add", ifname=name, kind=_KIND, link=parent.index, vlan_id=value.id)


@contextmanager
def _told(name: LinkName, value: VlanLink) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code == errno.EOPNOTSUPP:
            said = f"{name}: this kernel makes no VLAN devices (CONFIG_VLAN_8021Q): modprobe 8021q"
            raise KernelRefusedError("vlans", said) from error
        if error.code == errno.EEXIST:
            said = f"{name}: {value.parent} has a device for VLAN {value.id} already that is not netwright's"
            raise KernelRefusedError("vlans", said) from error
        raise
