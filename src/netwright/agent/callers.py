"""Who a packet is from: a network and a source address -> the port, kept item by item."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address

from netwright.model.eui64 import link_local
from netwright.model.ids import LinkName, NetworkId, PortId, port_link_name
from netwright.model.intent import Address
from netwright.model.plan import PortItem


class Callers:
    """An index of a host's ports; reads may come from another thread than the writes."""

    def __init__(self) -> None:
        self._ports: dict[tuple[NetworkId, Address], PortItem] = {}
        self._links: dict[LinkName, PortItem] = {}
        self._keys: dict[PortId, tuple[tuple[NetworkId, Address], ...]] = {}

    def put(self, port: PortItem) -> None:
        """The port is found under its addresses, and under no earlier ones."""
        keys = tuple((port.network_id, address) for address in _sources(port))
        before = self._keys.get(port.id, ())
        self._keys[port.id] = keys
        self._links[port_link_name(port.id)] = port
        self._ports.update(dict.fromkeys(keys, port))
        self._drop(port.id, set(before) - set(keys))

    def remove(self, port: PortId) -> None:
        """No error where there is no such port."""
        self._drop(port, self._keys.pop(port, ()))
        self._links.pop(port_link_name(port), None)

    def find(self, network: NetworkId, source: Address) -> PortItem | None:
        """The port on that network with that fixed or link-local address; a zone (`%eth0`) is passed over."""
        if isinstance(source, IPv6Address) and source.scope_id:
            source = IPv6Address(source.packed)
        return self._ports.get((network, source))

    def on_link(self, link: LinkName) -> PortItem | None:
        """The port whose packets pass that link of the host."""
        return self._links.get(link)

    def _drop(self, port: PortId, keys: Iterable[tuple[NetworkId, Address]]) -> None:
        # An address that another port was given meanwhile is that port's.
        for key in keys:
            held = self._ports.get(key)
            if held is not None and held.id == port:
                del self._ports[key]


def _sources(port: PortItem) -> tuple[Address, ...]:
    return (*(fixed.address for fixed in port.addresses), link_local(port.mac))
