"""Project VPNs as items."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from netwright.model.intent import VPN_PRIVATE_PORT, UdpForward, Vpn, VpnPeer, WireGuard
from netwright.model.plan import ForwardPlan, NetworkItem, PeerPlan, VpnItem, VpnWay, WireGuardPlan

_OVERHEAD: Final = 60
"""Bytes that WireGuard needs of a packet over IPv4: 20 IP, 8 UDP, 16 head, 16 authentication."""
_LEAST_MTU: Final = 576


def item(vpn: Vpn, peers: Iterable[VpnPeer], network: NetworkItem) -> VpnItem | None:
    """The VPN on a host that has the network.

    None where the network's gateway is elsewhere, and for a forward to an address that is not the network's
    (any more): it may be another project's by now.
    """
    own = prefixes(network)
    if not network.serves or not (isinstance(vpn.way, WireGuard) or _is_within(vpn.way.private_address, own)):
        return None
    return VpnItem(
        id=vpn.id,
        network_id=network.id,
        bridge=network.bridge,
        prefixes=own,
        public_port=vpn.public_port,
        public_address=vpn.public_address,
        way=_way(vpn.way, peers, network.mtu),
    )


def _is_within(address: IPv4Address, among: Iterable[IPv4Network]) -> bool:
    return any(address in prefix for prefix in among)


def prefixes(network: NetworkItem) -> tuple[IPv4Network, ...]:
    """The network's own, of IPv4."""
    return tuple(one.cidr for one in network.subnets if isinstance(one.cidr, IPv4Network))


def inner_mtu(mtu: int) -> int:
    """What a packet of a peer may have, if the way between is as wide as the network."""
    return max(mtu - _OVERHEAD, _LEAST_MTU)


def _way(way: UdpForward | WireGuard, peers: Iterable[VpnPeer], mtu: int) -> VpnWay:
    match way:
        case UdpForward(address):
            return ForwardPlan(address, VPN_PRIVATE_PORT)
        case WireGuard(private_key, among):
            named = tuple(PeerPlan(peer.public_key, peer.address) for peer in peers)
            return WireGuardPlan(private_key, inner_mtu(mtu), among, named)
