"""Networks and floating IPs in FreeBSD's pf: an anchor for each, and what the main ruleset must hold.

pf translates before it filters: groups see guests' own addresses, as on Linux. Nothing is
translated where a guest reaches a guest of its own host but by a floating IP, whose caller then seems to be
the bridge (else the answer would go past the translation).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from netwright.model.ids import LinkName, bridge_name
from netwright.model.intent import GatewayPlace
from netwright.model.pf import PREFIX
from netwright.model.plan import FloatingIpItem, NetworkItem
from netwright.render.pf import (
    HOST_ANCHOR,
    INTERFACE_GROUP,
    Pf,
    anchor,
    floating_anchor,
    network_anchor,
    translation_anchor,
)

METADATA: Final = IPv4Address("169.254.169.254")
BRIDGE_GROUP: Final = f"{INTERFACE_GROUP}_br"
"""Networks' bridges are in it."""
_HAIRPIN: Final = "nw-hairpin"
_NOT_ASKED: Final = "match all"
"""The main ruleset asks these anchors for translation only: this rule is there for its label."""
_LISTENERS: Final = "{ 130, 131, 132, 143 }"
"""Multicast listener messages, which pf refuses for their router alert (RFC 2710 3) unless told otherwise."""

ETHER_RULE: Final = f"ether block in quick on {INTERFACE_GROUP}"
"""A frame to the MAC of a guest's interface itself would reach the host without having been on the bridge."""
MAIN_RULES: Final = f"""\
set reassemble yes
{ETHER_RULE}
binat-anchor "{PREFIX}/floating/*"
nat-anchor "{PREFIX}/floating/*"
nat-anchor "{PREFIX}/nat/*"
rdr-anchor "{PREFIX}/floating/*"
rdr-anchor "{PREFIX}/nat/*"
anchor "{PREFIX}/ports/*"
anchor "{PREFIX}/networks/*"
anchor "{PREFIX}/host"
"""
"""What /etc/pf.conf must hold, in this order and before any `quick` rule: all else is below these anchors."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where packets leave the host and as whose, but not to the exempt; where the metadata service is."""

    interface: LinkName
    source: IPv4Address
    metadata: IPv4Address
    metadata_port: int
    exempt: tuple[IPv4Network, ...] = ()


def host_pf() -> Pf:
    """Guests' interfaces whose own anchor is not in yet pass nothing, either way."""
    ways = (f"block drop {way} quick on {INTERFACE_GROUP}" for way in ("in", "out"))
    return anchor(HOST_ANCHOR, list(ways))


def network_pf(network: NetworkItem) -> Pf:
    """What no port's anchor has judged passes on the bridge: the wire's, the host's own, free ports'.

    Nothing for a router network: FreeBSD has none.
    """
    if network.place is not GatewayPlace.HOST:
        return {}
    bridge = bridge_name(network.id)
    listening = f"inet6 proto icmp6 from any to any icmp6-type {_LISTENERS} allow-opts no state"
    ways = (f"pass {way} quick on {bridge} keep state (if-bound)" for way in ("in", "out"))
    return anchor(network_anchor(network.id), [f"pass quick on {bridge} {listening}", *ways])


def translation_pf(network: NetworkItem, bridge: LinkName, outside: Outside) -> Pf:
    """What leaves the network, and its way to the metadata service; nothing for a router network.

    Where a floating IP says otherwise, its anchor comes before.
    """
    if network.place is not GatewayPlace.HOST:
        return {}
    cidrs = [subnet.cidr for subnet in network.subnets if isinstance(subnet.cidr, IPv4Network)]
    lines = [
        *(line for cidr in cidrs if network.nat for line in _leaving(cidr, outside)),
        *(_metadata(cidr, bridge, outside) for cidr in cidrs),
    ]
    return anchor(translation_anchor(network.id), [*lines, _NOT_ASKED]) if lines else {}


def floating_pf(floating: FloatingIpItem, bridge: LinkName, external: LinkName) -> Pf:
    """Both directions of one floating IP, on its uplink or else on `external`, and its guests' way to it.

    binat knows one interface only. On guests' own interfaces nothing may be translated: there pf sees what
    they send each other.
    """
    address, fixed = floating.address, floating.fixed_address
    lines = [
        f"binat on {floating.uplink or external} inet from {fixed} to any -> {address}",
        f"nat on {bridge} inet from any to {fixed} tagged {_HAIRPIN} -> ({bridge}:0)",
        f"rdr on {BRIDGE_GROUP} inet from any to {address} tag {_HAIRPIN} -> {fixed}",
        _NOT_ASKED,
    ]
    return anchor(floating_anchor(floating.id), lines)


def _leaving(cidr: IPv4Network, outside: Outside) -> Iterator[str]:
    for exempt in outside.exempt:
        yield f"no nat on {outside.interface} inet from {cidr} to {exempt}"
    yield f"nat on {outside.interface} inet from {cidr} to any -> {outside.source}"


def _metadata(cidr: IPv4Network, bridge: LinkName, outside: Outside) -> str:
    target = f"{outside.metadata} port {outside.metadata_port}"
    return f"rdr on {bridge} inet proto tcp from {cidr} to {METADATA} port 80 -> {target}"
