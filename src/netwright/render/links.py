"""Networks as bridges, ports as links on them."""

from __future__ import annotations

from typing import Final, assert_never

from netwright.model.host import (
    BridgeLink,
    Link,
    LinkKey,
    SysctlKey,
    TapLink,
    Traits,
    Uplink,
    VethLink,
    VlanLink,
)
from netwright.model.ids import (
    HOST_NAMESPACE,
    LinkName,
    NamespaceName,
    dhcp_link_name,
    dhcp_namespace,
    dhcp_peer_name,
    port_link_name,
)
from netwright.model.intent import GatewayPlace, HostTap, InNamespace, Unplugged, VmmTap
from netwright.model.plan import NetworkItem, PortItem
from netwright.render.firewall_uplinks import mac_of
from netwright.render.firewalls import bridges_call_netfilter

Links = dict[LinkKey, Link]
Sysctls = dict[SysctlKey, str]

OWNER: Final = "netwright"


def network_links(network: NetworkItem, traits: Traits) -> Links:
    """The bridge, and on a router network the pair into its DHCP namespace."""
    bridge = network.bridge
    alias = f"{OWNER}:network:{network.id}"
    links: Links = {
        LinkKey(HOST_NAMESPACE, bridge): BridgeLink(
            mac=mac_of(network),
            mtu=network.mtu,
            alias=alias,
            netfilter_calls=bridges_call_netfilter(traits),
            up=network.admin_up,
        )
    }
    if network.dhcp_mac:
        links[LinkKey(HOST_NAMESPACE, dhcp_link_name(network.id))] = VethLink(
            master=bridge,
            mtu=network.mtu,
            alias=alias,
            peer_namespace=dhcp_namespace(network.id),
            peer_name=dhcp_peer_name(network.id),
            peer_mac=network.dhcp_mac,
            up=network.admin_up,
        )
    return links


def network_uplinks(network: NetworkItem) -> dict[LinkName, Uplink]:
    """The physical link that is on the bridge."""
    return {network.uplink: Uplink(network.bridge)} if network.uplink and not network.vlan else {}


def network_vlans(network: NetworkItem) -> dict[LinkKey, VlanLink]:
    """The device for the network's VLAN."""
    if not (network.uplink and network.vlan):
        return {}
    made = VlanLink(
        parent=network.vlan.parent,
        id=network.vlan.id,
        master=network.bridge,
        mtu=network.mtu,
        alias=f"{OWNER}:network:{network.id}",
        up=network.admin_up,
    )
    return {LinkKey(HOST_NAMESPACE, network.uplink): made}


def network_namespaces(network: NetworkItem) -> dict[NamespaceName, bool]:
    """The DHCP namespace of a router network that has a DHCP port."""
    return {dhcp_namespace(network.id): True} if network.dhcp_mac else {}


def network_sysctls(network: NetworkItem) -> Sysctls:
    """No stranger's router advertisement moves a bridge; guests see no host that is not their gateway."""
    place = f"net/ipv6/conf/{network.bridge}"
    # A physical link may have brought the host's own addresses along.
    hosts_own = network.place is GatewayPlace.HOST and network.uplink and not network.vlan
    off = "0" if network.serves or hosts_own else "1"
    sysctls: Sysctls = {
        SysctlKey(HOST_NAMESPACE, f"{place}/accept_ra"): "0",
        SysctlKey(HOST_NAMESPACE, f"{place}/disable_ipv6"): off,
    }
    if network.serves and any(subnet.cidr.version == 6 for subnet in network.subnets):
        sysctls[SysctlKey(HOST_NAMESPACE, "net/ipv6/conf/all/forwarding")] = "1"
    return sysctls


def port_links(port: PortItem) -> Links:
    """The port's end on the bridge."""
    key = LinkKey(HOST_NAMESPACE, port_link_name(port.id))
    bridge, alias = port.bridge, f"{OWNER}:port:{port.id}"
    match port.attachment:
        case Unplugged():
            return {}
        case InNamespace(namespace, name):
            return {key: VethLink(bridge, port.mtu, alias, namespace, name, port.mac, up=port.admin_up)}
        case HostTap(owner, group):
            tap = TapLink(bridge, port.mtu, alias, ours=True, up=port.admin_up, owner=owner, group=group)
            return {key: tap}
        case VmmTap():
            return {key: TapLink(bridge, port.mtu, alias, ours=False, up=port.admin_up)}
        case _:
            assert_never(port.attachment)
