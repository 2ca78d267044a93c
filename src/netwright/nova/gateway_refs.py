"""A network's gateway on a host, from the network as nova's callers hand it over. Pure."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

from netwright.model.errors import InvalidError
from netwright.nova.network_refs import NetworkRef


def gateway_of(network: NetworkRef) -> IPv4Interface:
    """Its DHCP server's address, or else its gateway's. Raises InvalidError where it has neither."""
    address = network.dhcp_server or network.gateway
    if network.cidr is None or address is None:
        raise InvalidError("a gateway needs cidr and dhcp_server (or gateway)", "network.dhcp_server")
    return IPv4Interface(f"{address}/{network.cidr.prefixlen}")


def gateway6_of(network: NetworkRef) -> IPv6Interface | None:
    """The network's own, or its first address; a link-local gateway is the device's already."""
    if network.cidr_v6 is None:
        return None
    own = network.gateway_v6
    address = own if own is not None and own in network.cidr_v6 else network.cidr_v6.network_address + 1
    return IPv6Interface(f"{address}/{network.cidr_v6.prefixlen}")
