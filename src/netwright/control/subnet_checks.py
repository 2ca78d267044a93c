"""What a subnet may be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final, TypeVar

from netwright.control.fixed_ips import is_usable
from netwright.control.refusals import NamedConflictError, invalid
from netwright.model.intent import Address, GatewayPlace, Ipv6Mode, Network, Pool, Prefix, Subnet

MOST_NAMESERVERS: Final = 5
MOST_ROUTES: Final = 20
MOST_POOLS: Final = 32
_LEAST_MTU: Final = {4: 68, 6: 1280}
V = TypeVar("V")


def usable_cidr(cidr: Prefix) -> Prefix:
    """Raises InvalidError for prefixes whose addresses no guest can have."""
    first = cidr.network_address
    if cidr.prefixlen == 0 or first.is_multicast or first.is_loopback or first.is_unspecified:
        raise invalid("cidr", f"{cidr} is not a prefix that a subnet can have.")
    return cidr


def default_gateway(cidr: Prefix) -> Address | None:
    """The first address; none in a prefix of one or two."""
    if cidr.prefixlen >= cidr.max_prefixlen - 1:
        return None
    return cidr.network_address + 1


def default_pools(cidr: Prefix, gateway: Address | None) -> tuple[Pool, ...]:
    """All usable addresses but the gateway."""
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.prefixlen < cidr.max_prefixlen - 1:
        first += 1
        last -= 1 if cidr.version == 4 else 0
    kind = type(cidr.network_address)
    if gateway is None or not first <= int(gateway) <= last:
        return (Pool(kind(first), kind(last)),)
    around = ((first, int(gateway) - 1), (int(gateway) + 1, last))
    return tuple(Pool(kind(low), kind(high)) for low, high in around if low <= high)


def check(subnet: Subnet, network: Network) -> None:
    """Raises InvalidError, or ConflictError for a gateway inside a pool."""
    _check_gateway(subnet, network)
    _check_pools(subnet)
    _check_dhcp(subnet, network)
    _check_modes(subnet, network)
    _check_options(subnet)


def _check_gateway(subnet: Subnet, network: Network) -> None:
    gateway = subnet.gateway_ip
    if gateway is None:
        return
    on_router = network.gateway_place is GatewayPlace.ROUTER
    elsewhere = on_router and subnet.cidr.version == 6 and gateway.is_link_local
    if gateway.version != subnet.cidr.version or not (elsewhere or is_usable(subnet.cidr, gateway)):
        raise invalid("gateway_ip", f"{gateway} is not a usable address of subnet {subnet.cidr}.")
    for pool in subnet.pools:
        if gateway.version == pool.start.version and int(pool.start) <= int(gateway) <= int(pool.end):
            message = f"Gateway ip {gateway} conflicts with allocation pool {pool.start}-{pool.end}."
            raise NamedConflictError("GatewayConflictWithAllocationPools", message, "gateway_ip")


def _check_pools(subnet: Subnet) -> None:
    _check_list("allocation_pools", subnet.pools, MOST_POOLS)
    for pool in subnet.pools:
        named = f"{pool.start}-{pool.end}"
        if not (is_usable(subnet.cidr, pool.start) and is_usable(subnet.cidr, pool.end)):
            why = f"{named} is not within the usable addresses of {subnet.cidr}."
            raise invalid("allocation_pools", why)
        if int(pool.start) > int(pool.end):
            raise invalid("allocation_pools", f"{named} ends before it starts.")
    for one, other in pairwise(subnet.pools):
        if int(other.start) <= int(one.end):
            why = f"{one.start}-{one.end} overlaps {other.start}-{other.end}."
            raise invalid("allocation_pools", why)


def _check_dhcp(subnet: Subnet, network: Network) -> None:
    if not subnet.enable_dhcp:
        return
    if subnet.cidr.prefixlen > subnet.cidr.max_prefixlen - 2:
        raise invalid("enable_dhcp", f"{subnet.cidr} has a prefix length that is incompatible with DHCP.")
    if network.gateway_place is GatewayPlace.HOST and subnet.gateway_ip is None:
        why = "a subnet with DHCP on a host network needs one; or give enable_dhcp false."
        raise invalid("gateway_ip", why)


def _check_modes(subnet: Subnet, network: Network) -> None:
    modes = {mode for mode in (subnet.ipv6_ra_mode, subnet.ipv6_address_mode) if mode is not None}
    refuse_small_mtu(subnet.cidr, network)
    if not modes:
        return
    for wrong, why in _mode_faults(subnet, modes):
        if wrong:
            raise invalid("ipv6_address_mode", f"(and ipv6_ra_mode) {why}.")


def refuse_small_mtu(cidr: Prefix, network: Network) -> None:
    """What every link must carry: RFC 791, RFC 8200. Raises ConflictError."""
    least = _LEAST_MTU[cidr.version]
    if network.mtu < least:
        message = f"mtu: a subnet of IPv{cidr.version} needs {least}, network {network.id} has {network.mtu}."
        raise NamedConflictError("NetworkMTUSubnetConflict", message, "mtu")


def _mode_faults(subnet: Subnet, modes: set[Ipv6Mode]) -> Iterator[tuple[bool, str]]:
    yield subnet.cidr.version == 4, "not valid with ip_version 4"
    yield not subnet.enable_dhcp, "cannot be set when enable_dhcp is false"
    yield len(modes) > 1, "must be the same where both are set"
    self_made = modes != {Ipv6Mode.DHCPV6_STATEFUL}
    yield self_made and subnet.cidr.prefixlen != 64, "guests make their own addresses only on a /64"


def _check_options(subnet: Subnet) -> None:
    version = subnet.cidr.version
    _check_list("dns_nameservers", subnet.dns_nameservers, MOST_NAMESERVERS)
    _check_list("host_routes", subnet.host_routes, MOST_ROUTES)
    for server in subnet.dns_nameservers:
        if server.version != version or server.is_multicast or server.is_unspecified:
            raise invalid("dns_nameservers", f"{server} is not an IPv{version} server's address.")
    for route in subnet.host_routes:
        if {route.destination.version, route.nexthop.version} != {version}:
            raise invalid("host_routes", f"{route.destination} via {route.nexthop} is not IPv{version}.")


def _check_list(field: str, listed: Collection[object], most: int) -> None:
    if len(listed) > most:
        raise invalid(field, f"at most {most}.")
    if len(set(listed)) != len(listed):
        raise invalid(field, "one is there twice.")
