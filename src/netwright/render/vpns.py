"""Project VPNs as elements of the inet table, and WireGuard's as links and routes."""

from __future__ import annotations

from typing import Final

from netwright.model.host import LinkKey, Route, RouteKey, WireGuardLink
from netwright.model.ids import HOST_NAMESPACE, vpn_link_name
from netwright.model.plan import VpnItem, whole
from netwright.model.vpn_plans import ForwardPlan, WireGuardPlan
from netwright.render.nft import INET, Nft, chain, element, mapping

_FORWARD: Final = ("iifname @vpns goto from_vpn", "oifname @vpns goto to_vpn")
_FROM_VPN: Final = ("iifname . oifname . ip daddr @vpn_ways accept", "counter drop")
_TO_VPN: Final = ("oifname . iifname . ip saddr @vpn_ways accept", "counter drop")


def vpn_nat(vpn: VpnItem) -> Nft:
    """The translation to a guest, or who may speak to WireGuard's peers."""
    match vpn.way:
        case ForwardPlan(address, port):
            return _forward(vpn, f"meta l4proto udp dnat ip to {address}:{port}")
        case WireGuardPlan():
            return _fence(vpn, vpn.way)


def _forward(vpn: VpnItem, translation: str) -> Nft:
    name = f"vpn-{vpn.id}"
    parts = chain(INET, name, (translation,))
    if vpn.public_address is None:
        return parts | mapping(INET, "vpn_in_own", str(vpn.public_port), f"goto {name}")
    return parts | mapping(INET, "vpn_in", f"{vpn.public_address} . {vpn.public_port}", f"goto {name}")


def _fence(vpn: VpnItem, way: WireGuardPlan) -> Nft:
    """Peers and guests of the one network meet; nobody else reaches peers, nor they anybody else."""
    link = vpn_link_name(vpn.id)
    parts = (
        element(INET, "vpns", link)
        # Nobody outside may pretend to be a peer: groups may name peers by their addresses.
        | element(INET, "inside4", str(way.range))
        | mapping(INET, "from_bridges", link, "goto hosted_bridge")
        | chain(INET, "from_vpn", _FROM_VPN)
        | chain(INET, "to_vpn", _TO_VPN)
        | chain(INET, "vpn_forward", _FORWARD, "filter forward 0")
    )
    for prefix in vpn.prefixes:
        parts |= element(INET, "vpn_ways", link, vpn.bridge, str(prefix))
    return parts


def vpn_links(vpn: VpnItem) -> dict[LinkKey, WireGuardLink]:
    """The host's end of WireGuard."""
    if isinstance(vpn.way, ForwardPlan):
        return {}
    made = WireGuardLink(
        private_key=vpn.way.private_key,
        port=vpn.public_port,
        mtu=vpn.way.mtu,
        alias=f"netwright:vpn:{vpn.id}",
        peers=frozenset((peer.public_key, whole(peer.address)) for peer in vpn.way.peers),
    )
    return {LinkKey(HOST_NAMESPACE, vpn_link_name(vpn.id)): made}


def vpn_routes(vpn: VpnItem) -> dict[RouteKey, Route]:
    """The way to all peers: WireGuard knows which one has an address."""
    if isinstance(vpn.way, ForwardPlan):
        return {}
    return {RouteKey(HOST_NAMESPACE, vpn.way.range): Route(vpn_link_name(vpn.id))}
