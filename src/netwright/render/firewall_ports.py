"""One port in the firewall: a handful of set and map elements, and the chains it shares with its like."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Network

from netwright.model.eui64 import link_local
from netwright.model.host import Traits
from netwright.model.ids import LinkName, Mac, port_link_name
from netwright.model.intent import Direction, Prefix, ethertype_of
from netwright.model.plan import MemberItem, PortItem, whole
from netwright.render.address_groups import collapsed
from netwright.render.firewall_groups import (
    asking,
    members_set,
    members_sets,
    ports_chain,
    ports_chains,
)
from netwright.render.nft import BRIDGE, Nft, element, mapping, prefix_text


def port_firewall(port: PortItem, traits: Traits) -> Nft:
    """Everything both tables hold for a port: nothing but its membership if it is not secured."""
    if not port.secured:
        return membership(port)
    return port_groups(port, traits) | _bindings(port, port_link_name(port.id))


def port_groups(port: PortItem, traits: Traits) -> Nft:
    """A secured port, its membership, and the way of its packets to its groups' chains."""
    link = port_link_name(port.id)
    ingress, egress = (ports_chain(way, port.groups, port.logs) for way in Direction)
    return (
        membership(port)
        | ({} if port.groups else asking())
        | ports_chains(port.groups, port.logs, traits)
        | element(BRIDGE, "secured", link)
        | mapping(BRIDGE, "ports_out", link, f"goto {egress}")
        | mapping(BRIDGE, "ports_in", link, f"goto {ingress}")
    )


def membership(member: PortItem | MemberItem) -> Nft:
    """A port's addresses in the sets of its groups' members, wherever the port is."""
    parts: Nft = {}
    for group in member.groups:
        parts |= members_sets(group)
        for prefix in member.prefixes:
            if prefix.prefixlen == prefix.max_prefixlen:
                name = members_set(ethertype_of(prefix), group)
                parts |= element(BRIDGE, name, prefix_text(prefix))
    return parts


def bound_prefixes(port: PortItem) -> dict[Mac, list[Prefix]]:
    """What the port may send from with each MAC, its own first; no two of one MAC's prefixes overlap."""
    bound: dict[Mac, set[Prefix]] = {}
    for mac in (port.mac, *(pair.mac for pair in port.pairs)):
        bound.setdefault(mac, {whole(link_local(mac))})
    bound[port.mac] |= {whole(held.address) for held in port.addresses}
    for pair in port.pairs:
        bound[pair.mac].add(pair.prefix)
    return {mac: collapsed(prefixes) for mac, prefixes in bound.items()}


def neighbour_targets(port: PortItem) -> Nft:
    """What the port's guest may advertise itself as, whichever of its MACs it does so from."""
    every = {prefix for some in bound_prefixes(port).values() for prefix in some}
    return _targets(port_link_name(port.id), collapsed(every))


def _bindings(port: PortItem, link: LinkName) -> Nft:
    """Which MAC, address and neighbour target may be seen together on the link."""
    parts: Nft = {}
    for mac, prefixes in bound_prefixes(port).items():
        parts |= element(BRIDGE, "bind_mac", link, mac)
        for prefix in prefixes:
            parts |= _bind(link, mac, prefix)
    return parts | neighbour_targets(port)


def _bind(link: LinkName, mac: Mac, prefix: Prefix) -> Nft:
    kind = "bind_ip" if prefix.prefixlen == prefix.max_prefixlen else "bind_net"
    return element(BRIDGE, f"{kind}{prefix.version}", link, mac, prefix_text(prefix))


def _targets(link: LinkName, prefixes: Iterable[Prefix]) -> Nft:
    parts: Nft = {}
    for prefix in prefixes:
        if isinstance(prefix, IPv6Network):
            first, last = hex(int(prefix[0])), hex(int(prefix[-1]))
            if first == last:
                parts |= element(BRIDGE, "nd_target", link, first)
            else:
                parts |= element(BRIDGE, "nd_prefix", link, f"{first}-{last}")
    return parts
