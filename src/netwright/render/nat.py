"""Networks and floating IPs as elements of the inet table's sets and maps, and what their uplinks need."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from itertools import product
from typing import Final

from netwright.model.host import Traits
from netwright.model.intent import GatewayPlace, Prefix
from netwright.model.plan import FloatingIpItem, NetworkItem
from netwright.render.firewall_uplinks import floating_ip_uplink, inside4, network_uplink
from netwright.render.nft import BRIDGE, INET, Nft, element, mapping

_UNIQUE_LOCAL: Final = IPv6Network("fc00::/7")


def network_nat(network: NetworkItem, traits: Traits) -> Nft:
    """Which sets a network's bridge and prefixes are in; they decide what the base chains do with it."""
    bridge = network.bridge
    zoned = network.place is GatewayPlace.ROUTER
    parts: Nft = element(INET, "bridges", bridge)
    parts |= mapping(INET, "from_bridges", bridge, f"goto {'routed' if zoned else 'hosted'}_bridge")
    if not (zoned or network.serves):
        # What its guests say to the gateway passes this host, and is not for it nor its to translate.
        return parts | element(INET, "routed", bridge)
    if network.place is GatewayPlace.ROUTER:
        # A zone of its own: another project's connections may have the very same addresses.
        parts |= element(INET, "routed", bridge) | mapping(INET, "zones", bridge, str(network.zone))
        if traits.bridge_conntrack:
            parts |= mapping(BRIDGE, "zones", bridge, str(network.zone))
        return parts
    parts |= element(INET, "hosted", bridge)
    if not network.host_access:
        parts |= element(INET, "guarded", bridge)
    if network.inside:
        parts |= network_uplink(network)
        return parts | element(INET, "inside", bridge) | _prefixes(network)
    for source, target in product(inside4(network), repeat=2):
        parts |= element(INET, "near4", str(source), str(target))
    return parts | network_uplink(network)


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


def floating_ip_nat(floating: FloatingIpItem) -> Nft:
    """Both directions of one floating IP."""
    address, fixed = str(floating.address), str(floating.fixed_address)
    return (
        mapping(INET, "fip_dnat", address, fixed)
        | mapping(INET, "fip_snat", fixed, address)
        | floating_ip_uplink(floating)
    )
