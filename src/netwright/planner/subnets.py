"""Subnets as parts of a network's item, and what a port must know of them."""

from __future__ import annotations

from typing import Final

from netwright.model.intent import Address, FixedIp, GatewayPlace, Ipv6Mode, Network, Port, Subnet
from netwright.model.plan import PortAddress, Serving, SubnetPlan
from netwright.model.plan_parts import Gateway

_BY_MODE: Final = {
    None: Serving.STATIC,
    Ipv6Mode.SLAAC: Serving.SLAAC,
    Ipv6Mode.DHCPV6_STATEFUL: Serving.DHCPV6_STATEFUL,
    Ipv6Mode.DHCPV6_STATELESS: Serving.DHCPV6_STATELESS,
}


def plan(subnet: Subnet, network: Network, dhcp: Port | None, gateway: Gateway = Gateway.EVERY) -> SubnetPlan:
    """`dhcp` is the network's DHCP port, which only a router network has."""
    on_host = network.gateway_place is GatewayPlace.HOST
    here = on_host and gateway is not Gateway.ELSEWHERE
    return SubnetPlan(
        id=subnet.id,
        cidr=subnet.cidr,
        gateway_ip=subnet.gateway_ip,
        held=(subnet.gateway_ip if here else None) if on_host else _dhcp_address(subnet, dhcp),
        serving=serving(subnet),
        announced=here and subnet.ipv6_ra_mode is not None,
        dns_nameservers=subnet.dns_nameservers,
        host_routes=subnet.host_routes,
        pools=subnet.pools,
    )


def serving(subnet: Subnet) -> Serving:
    if not subnet.enable_dhcp:
        return Serving.STATIC
    return Serving.DHCPV4 if subnet.cidr.version == 4 else _BY_MODE[subnet.ipv6_address_mode]


def port_address(fixed: FixedIp, subnet: Subnet) -> PortAddress:
    return PortAddress(
        subnet_id=subnet.id,
        address=fixed.address,
        prefix_length=subnet.cidr.prefixlen,
        serving=serving(subnet),
        gateway_ip=subnet.gateway_ip,
        dns_nameservers=subnet.dns_nameservers,
        host_routes=subnet.host_routes,
    )


def _dhcp_address(subnet: Subnet, dhcp: Port | None) -> Address | None:
    if dhcp is None or not subnet.enable_dhcp:
        return None
    return next((fixed.address for fixed in dhcp.fixed_ips if fixed.subnet_id == subnet.id), None)
