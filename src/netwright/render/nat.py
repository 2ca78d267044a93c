"""Networks and floating IPs as elements of the inet table's sets and maps, and what their uplinks need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from itertools import product
from typing import Final

from netwright.model.host import Traits
from netwright.model.intent import GatewayPlace, Prefix
from netwright.model.plan import FloatingIpItem, ForwardsItem, NetworkItem, VpnItem
from netwright.render.firewall_uplinks import floating_ip_uplink, inside4, network_uplink
from netwright.render.forwards import forwards_nat
from netwright.render.nft import BRIDGE, INET, Nft, element, mapping, prefix_text
from netwright.render.vpns import vpn_nat

_UNIQUE_LOCAL: Final = IPv6Network("fc00::/7")
_TO_ALL: Final[Mapping[int, tuple[Prefix, ...]]] = {
    4: (IPv4Network("224.0.0.0/4"), IPv4Network("255.255.255.255/32")),
    6: (IPv6Network("fe80::/10"), IPv6Network("ff00::/8")),
}
"""Multicast, broadcast, link-local: never translated."""


def network_nat(network: NetworkItem, traits: Traits) -> Nft:
    """Which sets a network's bridge and prefixes are in; they decide what the base chains do with it."""
    bridge = network.bridge
    zoned = network.place is GatewayPlace.ROUTER
    parts: Nft = element(INET, "bridges", bridge)
    parts |= mapping(INET, "from_bridges", bridge, f"goto {'routed' if zoned else 'hosted'}_bridge")
    if network.place is GatewayPlace.ROUTER:
        # A zone of its own: another project's connections may have the very same addresses.
        parts |= element(INET, "routed", bridge) | mapping(INET, "zones", bridge, str(network.zone))
        if traits.bridge_conntrack:
            parts |= mapping(BRIDGE, "zones", bridge, str(network.zone))
        return parts
    parts |= element(INET, "hosted" if network.serves else "elsewhere", bridge)
    if not network.host_access:
        parts |= element(INET, "guarded", bridge)
    if network.serves and network.inside:
        parts |= _prefixes(network)
    if network.uplink is None:
        return parts | element(INET, "inside", bridge)
    for source, target in near(network) if network.serves else ():
        parts |= element(INET, f"near{source.version}", str(source), prefix_text(target))
    return parts | network_uplink(network)


def near(network: NetworkItem) -> Iterator[tuple[Prefix, Prefix]]:
    """From where to where addresses stay as they are, on a network with an uplink.

    br_netfilter shows to translation what guests and their neighbours on the wire send each other, or to all.
    """
    if not network.inside:
        yield from product(inside4(network), repeat=2)
        return
    for subnet in network.subnets:
        same = (other.cidr for other in network.subnets if other.cidr.version == subnet.cidr.version)
        yield from ((subnet.cidr, target) for target in (*same, *_TO_ALL[subnet.cidr.version]))


def _prefixes(network: NetworkItem) -> Nft:
    parts: Nft = {}
    for subnet in network.subnets:
        match subnet.cidr:
            case IPv4Network():
                parts |= element(INET, "inside4", str(subnet.cidr))
                if network.nat:
                    parts |= element(INET, "nat4", str(subnet.cidr))
            case IPv6Network():
                parts |= element(INET, "inside6", str(subnet.cidr))
                if network.nat and is_translated(subnet.cidr):
                    parts |= element(INET, "nat6", str(subnet.cidr))
    return parts


def is_translated(cidr: Prefix) -> bool:
    """Global IPv6 addresses are routed, not translated (RFC 4864); only local ones need help."""
    return isinstance(cidr, IPv4Network) or cidr.subnet_of(_UNIQUE_LOCAL)


def outside_nat(item: FloatingIpItem | ForwardsItem | VpnItem) -> Nft:
    """What outside stands for something inside."""
    match item:
        case FloatingIpItem():
            return floating_ip_nat(item)
        case ForwardsItem():
            return forwards_nat(item)
        case VpnItem():
            return vpn_nat(item)


def floating_ip_nat(floating: FloatingIpItem) -> Nft:
    """Both directions of one floating IP."""
    address, fixed = str(floating.address), str(floating.fixed_address)
    return (
        mapping(INET, "fip_dnat", address, fixed)
        | mapping(INET, "fip_snat", fixed, address)
        | floating_ip_uplink(floating)
    )
