"""Networks as items."""

from __future__ import annotations

from typing import Final

from netwright.model.ids import HostName, host_bridge_mac
from netwright.model.intent import GatewayPlace, Port
from netwright.model.plan import NetworkItem
from netwright.model.plan_parts import Gateway, VlanPlan
from netwright.planner import subnets as subnet_plans
from netwright.planner.gateways import Place
from netwright.planner.names import domain_of

_OF_ITS_OWN: Final = frozenset({Gateway.OWN, Gateway.ELSEWHERE})
"""Where the bridge is not the one that guests of all hosts look for: it has a MAC of its own."""


def item(place: Place, dhcp: Port | None, host: HostName, *, used: bool) -> NetworkItem | None:
    """The network on a host; `used`: a port with a link there is on it.

    A host network is where its gateway is as soon as it has a subnet; all else only where it is used.
    A DHCP port that is off serves nobody.
    """
    network, subnets, gateway = place.network, place.at(host), place.gateway(host)
    on_host = network.gateway_place is GatewayPlace.HOST
    if not used and (network.external or not on_host or not subnets or gateway in _OF_ITS_OWN):
        return None
    serving = dhcp if dhcp is not None and dhcp.admin_state_up else None
    own_mac = network.shared_gateway or gateway in _OF_ITS_OWN
    return NetworkItem(
        id=network.id,
        zone=network.zone,
        mtu=network.link_mtu,
        place=network.gateway_place,
        admin_up=network.admin_state_up,
        uplink=network.vlan.link if network.vlan else network.uplink,
        nat=network.nat,
        host_access=network.host_access,
        dns_domain=domain_of(network.dns_domain),
        subnets=tuple(subnet_plans.plan(subnet, network, serving, gateway) for subnet in subnets),
        dhcp_mac=None if on_host or serving is None else serving.mac,
        shared_gateway=network.shared_gateway,
        mac=host_bridge_mac(network.id, host) if own_mac else None,
        bridge_called=network.bridge,
        vlan=VlanPlan(network.uplink, network.vlan.id) if network.vlan and network.uplink else None,
        gateway=gateway,
    )
