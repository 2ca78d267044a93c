"""An item of the plan as everything that a host's kernel and helpers have because of it.

Desired state is the union over a plan's items. Two items may bring the same key (ports that share
groups share their chains); they then bring the same value.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar, assert_never

from netwright.model.host import Stage, SysctlKey, Traits
from netwright.model.ids import HOST_NAMESPACE
from netwright.model.plan import (
    FloatingIpItem,
    GroupItem,
    HostItem,
    Item,
    MemberItem,
    NetworkItem,
    PortItem,
    ServedItem,
)
from netwright.render.addresses import (
    floating_ip_addresses,
    network_addresses,
    network_listeners,
    network_routes,
)
from netwright.render.dhcp import network_dhcp, port_dhcp
from netwright.render.firewalls import Engine, nftables
from netwright.render.links import (
    network_links,
    network_namespaces,
    network_sysctls,
    network_uplinks,
    network_vlans,
    port_links,
)

Rendered = Mapping[Stage, Mapping[Hashable, object]]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def render(item: Item, traits: Traits, engine: Engine = nftables) -> Rendered:
    """The item's part of every stage; stages to which it brings nothing are left out."""
    stages = {**_render(item, traits), **engine(item, traits)}
    return {stage: part for stage, part in stages.items() if part}


def _render(item: Item, traits: Traits) -> Rendered:
    match item:
        case HostItem():
            return {Stage.SYSCTLS: {SysctlKey(HOST_NAMESPACE, "net/ipv4/ip_forward"): "1"}}
        case NetworkItem():
            return _network(item, traits)
        case GroupItem() | MemberItem():
            return {}
        case PortItem():
            return {Stage.PORTS: _part(port_links(item)), Stage.DHCP_FILES: _part(port_dhcp(item))}
        case ServedItem():
            return {Stage.DHCP_FILES: _part(port_dhcp(item.port))}
        case FloatingIpItem():
            return {Stage.ADDRESSES: _part(floating_ip_addresses(item))}
        case _:
            assert_never(item)


def _network(network: NetworkItem, traits: Traits) -> Rendered:
    links = network_links(network, traits)
    bridge = (HOST_NAMESPACE, network.bridge)
    return {
        Stage.NAMESPACES: _part(network_namespaces(network)),
        Stage.BRIDGES: {key: link for key, link in links.items() if key == bridge},
        Stage.PORTS: {key: link for key, link in links.items() if key != bridge},
        Stage.SYSCTLS: _part(network_sysctls(network)),
        Stage.ADDRESSES: _part(network_addresses(network)),
        Stage.ROUTES: _part(network_routes(network)),
        Stage.DNSMASQ: _part(network_dhcp(network, traits)),
        Stage.METADATA: _part(network_listeners(network)),
        Stage.VLANS: _part(network_vlans(network)),
        Stage.UPLINKS: _part(network_uplinks(network)),
    }


def _part(typed: Mapping[K, V]) -> Mapping[Hashable, object]:
    """A stage's keys and values without their types: stages are handled alike from here on."""
    return dict[Hashable, object](typed.items())
