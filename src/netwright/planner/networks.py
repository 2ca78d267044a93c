"""Networks as items."""

from __future__ import annotations

from netwright.model.ids import HostName, host_bridge_mac
from netwright.model.intent import GatewayPlace, Network, Port, Subnet
from netwright.model.plan import NetworkItem, VlanPlan
from netwright.planner import subnets as subnet_plans
from netwright.planner.names import domain_of


def item(
    network: Network, subnets: tuple[Subnet, ...], dhcp: Port | None, host: HostName, *, used: bool
) -> NetworkItem | None:
    """The network on a host; `used`: a port with a link there is on it.

    A host network is on every host as soon as it has a subnet, any other only where it is used.
    """
    on_host = network.gateway_place is GatewayPlace.HOST
    if not used and (network.external or not on_host or not subnets):
        return None
    return NetworkItem(
        id=network.id,
        zone=network.zone,
        mtu=network.mtu,
        place=network.gateway_place,
        admin_up=network.admin_state_up,
        uplink=network.vlan.link if network.vlan else network.uplink,
        nat=network.nat,
        host_access=network.host_access,
        dns_domain=domain_of(network.dns_domain),
        subnets=tuple(subnet_plans.plan(subnet, network, dhcp) for subnet in subnets),
        dhcp_mac=None if on_host or dhcp is None else dhcp.mac,
        shared_gateway=network.shared_gateway,
        mac=host_bridge_mac(network.id, host) if network.shared_gateway else None,
        bridge_called=network.bridge,
        vlan=VlanPlan(network.uplink, network.vlan.id) if network.vlan and network.uplink else None,
    )
