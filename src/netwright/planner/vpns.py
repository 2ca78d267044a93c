"""Project VPNs as items."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Final

from netwright.model.intent import VPN_PRIVATE_PORT, UdpForward, Vpn, VpnPeer, WireGuard
from netwright.model.plan import NetworkItem, VpnItem
from netwright.model.vpn_plans import ForwardPlan, PeerPlan, VpnWay, WireGuardPlan

_OVERHEAD: Final = 60
"""Bytes that WireGuard needs of a packet over IPv4: 20 IP, 8 UDP, 16 head, 16 authentication."""
_LEAST_MTU: Final = 576


def item(vpn: Vpn, peers: Iterable[VpnPeer], network: NetworkItem) -> VpnItem | None:
    """The VPN on a host that has the network.

    None where the network's gateway is elsewhere, and for a forward to what is no guest's of the network (any
    more): it may be another project's by now, or the host's own.
    """
    if not network.serves or not (isinstance(vpn.way, WireGuard) or _is_guests(vpn.way, network)):
        return None
    return VpnItem(
        id=vpn.id,
        network_id=network.id,
        bridge=network.bridge,
        prefixes=prefixes(network),
        public_port=vpn.public_port,
        public_address=vpn.public_address,
        way=_way(vpn.way, peers, network.mtu),
    )


def _is_guests(way: UdpForward, network: NetworkItem) -> bool:
    address = way.private_address
    return any(address in one.cidr and address != one.held for one in network.subnets)


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
