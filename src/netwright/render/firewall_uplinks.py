"""What of a network stays on this host though its wire goes on, and what of a wire goes through this host.

Several hosts may hold one gateway's address for their own guests: nobody beyond the uplink hears of it.
A guest with a floating IP may have somebody else's router on the wire for its gateway: what it sends
off the network is taken to the host's bridge, as ebtables' redirect does, and so meets the translation.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from netwright.model.ids import LinkName, Mac, NetworkId, bridge_mac, port_link_name
from netwright.model.plan import FloatingIpItem, NetworkItem
from netwright.render.addresses import METADATA_IPV6
from netwright.render.nft import BRIDGE, Nft, chain, mapping, named_map

_FORCED: Final = "forced"
_FORCE: Final = "force"
FORCING: Final = frozenset({_FORCED, _FORCE})
"""What is there because of floating IPs: the map by port and address, and the hook."""
_WAYS: Final = ("iifname", "oifname")
_HOOKS: Final = ("filter prerouting -300", "filter postrouting 0")
_UNICAST: Final = "ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00"
_NEIGHBOURS: Final = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"


def mac_of(network: NetworkItem) -> Mac:
    """The bridge's."""
    return network.mac or bridge_mac(network.id)


def shared4(network: NetworkItem) -> tuple[IPv4Address, ...]:
    """Addresses that other hosts on the wire hold, too."""
    return _held4(network) if network.shared_gateway else ()


def _held4(network: NetworkItem) -> tuple[IPv4Address, ...]:
    held = (subnet.held for subnet in network.subnets)
    return tuple(address for address in held if isinstance(address, IPv4Address))


def shared6(network: NetworkItem) -> tuple[IPv6Address, ...]:
    """The same of IPv6: where a subnet has a gateway, and everywhere the metadata service's."""
    held = (subnet.held for subnet in network.subnets if network.shared_gateway)
    return (*(address for address in held if isinstance(address, IPv6Address)), METADATA_IPV6.ip)


def inside4(network: NetworkItem) -> tuple[IPv4Network, ...]:
    return tuple(subnet.cidr for subnet in network.subnets if isinstance(subnet.cidr, IPv4Network))


def leases4(network: NetworkItem) -> bool:
    """Whether DHCP over IPv4 is our business there."""
    return bool(_held4(network))


def announces6(network: NetworkItem) -> bool:
    """Whether DHCPv6 and router advertisements are our business there."""
    return any(isinstance(subnet.held, IPv6Address) for subnet in network.subnets)


def network_uplink(network: NetworkItem) -> Nft:
    """Nothing for a network without an uplink, or whose gateway is not on the host."""
    if not network.serves or network.uplink is None:
        return {}
    parts = chain(BRIDGE, forced_chain(network.id), _forced(network))
    if network.apart:
        for name, way, hook in zip(apart_chains(network.id), _WAYS, _HOOKS, strict=True):
            parts |= chain(BRIDGE, name, _apart(network, network.uplink, way), hook)
    return parts


def apart_chains(network: NetworkId) -> tuple[str, str]:
    """For what comes in from the uplink, and for what goes out there."""
    return f"apart-in-{network}", f"apart-out-{network}"


def floating_ip_uplink(floating: FloatingIpItem) -> Nft:
    """One element; the hook is there while any floating IP needs it."""
    if not floating.on_wire:
        return {}
    key = f"{port_link_name(floating.port_id)} . {floating.fixed_address}"
    return (
        named_map(BRIDGE, _FORCED, "type ifname . ipv4_addr : verdict")
        # After anti-spoofing; before connections are tracked and addresses translated.
        | chain(
            BRIDGE,
            _FORCE,
            (f"ether type ip {_UNICAST} iifname . ip saddr vmap @{_FORCED}",),
            "filter prerouting -250",
        )
        | mapping(BRIDGE, _FORCED, key, f"goto {forced_chain(floating.network_id)}")
    )


def forced_chain(network: NetworkId) -> str:
    return f"{_FORCED}-{network}"


def _forced(network: NetworkItem) -> tuple[str, ...]:
    """The bridge takes a frame in only at its own MAC, and the host only what came for it."""
    stays = (f"ip daddr {_set(inside4(network))} accept",) if inside4(network) else ()
    return (*stays, f"meta pkttype set host ether daddr set {mac_of(network)}")


def _apart(network: NetworkItem, uplink: LinkName, way: str) -> tuple[str, ...]:
    """`way`: iifname or oifname."""
    rules = [f'{way} != "{uplink}" accept']
    if held := shared4(network):
        rules += [
            f"arp saddr ip {_set(held)} counter drop",
            f"arp daddr ip {_set(held)} counter drop",
        ]
    if leases4(network):
        rules.append("ether type ip udp dport { 67, 68 } counter drop")
    if announces6(network):
        rules += [
            "ether type ip6 udp dport { 546, 547 } counter drop",
            "icmpv6 type nd-router-advert counter drop",
        ]
    held6 = shared6(network)
    return (
        *rules,
        f"{_NEIGHBOURS} ip6 saddr {_set(held6)} counter drop",
        f"{_NEIGHBOURS} @th,64,128 {_set(hex(int(address)) for address in held6)} counter drop",
    )


def _set(values: Iterable[object]) -> str:
    return f"{{ {', '.join(map(str, values))} }}"
