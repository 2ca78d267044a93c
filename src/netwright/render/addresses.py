"""The addresses that netwright itself holds, and the routes to its networks."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final

from netwright.model.host import AddressKey, AddressUse, Listener, ListenerKey, Route, RouteKey
from netwright.model.ids import (
    HOST_NAMESPACE,
    LinkName,
    NamespaceName,
    dhcp_namespace,
    dhcp_peer_name,
)
from netwright.model.intent import Address, GatewayPlace
from netwright.model.plan import FloatingIpItem, ForwardsItem, NetworkItem
from netwright.model.plan_parts import Gateway

Addresses = dict[AddressKey, AddressUse]
Routes = dict[RouteKey, Route]

METADATA_IPV4: Final = IPv4Interface("169.254.169.254/32")
METADATA_IPV6: Final = IPv6Interface("fe80::a9fe:a9fe/64")


def network_addresses(network: NetworkItem) -> Addresses:
    """Gateways on the bridge, or the DHCP port's addresses in its namespace; and the metadata service's."""
    where = _place_of(network)
    if where is None:
        return {}
    held = [_interface(subnet.held, subnet.cidr.prefixlen) for subnet in network.subnets if subnet.held]
    # Who takes a gateway over tells where it is now.
    taken = AddressUse(announce=network.gateway is Gateway.ONLY)
    addresses = {AddressKey(*where, interface): taken for interface in held}
    addresses[AddressKey(*where, METADATA_IPV6)] = taken
    if network.place is GatewayPlace.ROUTER:
        addresses[AddressKey(*where, METADATA_IPV4)] = AddressUse()
    return addresses


def network_routes(network: NetworkItem) -> Routes:
    """One connected route for each subnet that we hold an address of."""
    where = _place_of(network)
    if where is None or not network.admin_up:
        return {}
    namespace, link = where
    return {
        RouteKey(namespace, subnet.cidr): Route(link, source=subnet.held)
        for subnet in network.subnets
        if subnet.held
    }


def network_listeners(network: NetworkItem) -> dict[ListenerKey, Listener]:
    """Where guests of the network find the metadata service."""
    where = _place_of(network)
    return {ListenerKey(*where): Listener(network.id, network.place.value)} if where else {}


def floating_ip_addresses(floating: FloatingIpItem | ForwardsItem) -> Addresses:
    """The address on its uplink, announced there; none where it is routed to the host."""
    if floating.uplink is None:
        return {}
    interface = IPv4Interface((floating.address, 32))
    return {AddressKey(HOST_NAMESPACE, floating.uplink, interface): AddressUse(announce=True)}


def _place_of(network: NetworkItem) -> tuple[NamespaceName, LinkName] | None:
    if network.place is GatewayPlace.HOST:
        return (HOST_NAMESPACE, network.bridge) if network.serves else None
    if network.dhcp_mac:
        return dhcp_namespace(network.id), dhcp_peer_name(network.id)
    return None


def _interface(address: Address, length: int) -> IPv4Interface | IPv6Interface:
    return ip_interface((address, length))
