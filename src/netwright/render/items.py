"""An item of the plan as everything that a host's kernel and helpers have because of it.

Desired state is the union over a plan's items. Two items may bring the same key (ports that share
groups share their chains); they then bring the same value.
"""

from __future__ import annotations

from typing import assert_never

from netwright.model.host import Stage, SysctlKey, Traits
from netwright.model.ids import HOST_NAMESPACE
from netwright.model.plan import (
    AddressGroupItem,
    FloatingIpItem,
    ForwardsItem,
    GroupItem,
    HostItem,
    Item,
    MemberItem,
    NetworkItem,
    PortItem,
    PortQosItem,
    ServedItem,
    VpnItem,
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
from netwright.render.qos import floating_ip_qos, port_qos, port_shapers
from netwright.render.stages import ByStage, untyped
from netwright.render.vpns import vpn_links, vpn_routes


def render(item: Item, traits: Traits, engine: Engine = nftables) -> ByStage:
    """The item's part of every stage; stages to which it brings nothing are left out."""
    stages = {**_render(item, traits), **engine(item, traits)}
    return {stage: part for stage, part in stages.items() if part}


def _render(item: Item, traits: Traits) -> ByStage:
    match item:
        case HostItem():
            return {Stage.SYSCTLS: {SysctlKey(HOST_NAMESPACE, "net/ipv4/ip_forward"): "1"}}
        case NetworkItem():
            return _network(item, traits)
        case GroupItem() | AddressGroupItem() | MemberItem():
            return {}
        case PortItem():
            return {Stage.PORTS: untyped(port_links(item)), Stage.DHCP_FILES: untyped(port_dhcp(item))}
        case ServedItem():
            return {Stage.DHCP_FILES: untyped(port_dhcp(item.port))}
        case FloatingIpItem() | ForwardsItem() | VpnItem() | PortQosItem():
            return _added(item)
        case _:
            assert_never(item)


def _added(item: FloatingIpItem | ForwardsItem | VpnItem | PortQosItem) -> ByStage:
    """What a network or a port has beside itself."""
    if isinstance(item, PortQosItem):
        return {Stage.QOS: untyped(port_qos(item)), Stage.SHAPERS: untyped(port_shapers(item))}
    if isinstance(item, ForwardsItem):
        return {Stage.ADDRESSES: untyped(floating_ip_addresses(item))}
    if isinstance(item, FloatingIpItem):
        return {
            Stage.ADDRESSES: untyped(floating_ip_addresses(item)),
            Stage.QOS: untyped(floating_ip_qos(item)),
        }
    return {Stage.WIREGUARD: untyped(vpn_links(item)), Stage.ROUTES: untyped(vpn_routes(item))}


def _network(network: NetworkItem, traits: Traits) -> ByStage:
    links = network_links(network, traits)
    bridge = (HOST_NAMESPACE, network.bridge)
    return {
        Stage.NAMESPACES: untyped(network_namespaces(network)),
        Stage.BRIDGES: {key: link for key, link in links.items() if key == bridge},
        Stage.PORTS: {key: link for key, link in links.items() if key != bridge},
        Stage.SYSCTLS: untyped(network_sysctls(network)),
        Stage.ADDRESSES: untyped(network_addresses(network)),
        Stage.ROUTES: untyped(network_routes(network)),
        Stage.DNSMASQ: untyped(network_dhcp(network, traits)),
        Stage.METADATA: untyped(network_listeners(network)),
        Stage.VLANS: untyped(network_vlans(network)),
        Stage.UPLINKS: untyped(network_uplinks(network)),
    }
