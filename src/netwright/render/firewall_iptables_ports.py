"""One port in iptables' words: its own anti-spoofing chains, and a leaf in each dispatch tree.

Trees part by the first characters of the port's id, so that a packet meets some 16 rules on each of two
levels and not one for each port: only link names can be matched by prefix, and sets of links do not
match bridge ports (xt_set: physdev names of hash:net,iface).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv6Network
from typing import Final

from netwright.model.eui64 import link_local
from netwright.model.host import Traits
from netwright.model.ids import LinkName, Mac, port_link_name
from netwright.model.intent import Direction, EtherType, GatewayPlace, Prefix, ethertype_of
from netwright.model.plan import MemberItem, PortItem, whole
from netwright.render.address_groups import collapsed
from netwright.render.bpf import neighbour_target
from netwright.render.firewall_iptables_groups import (
    TABLES,
    members_set,
    members_sets,
    ports_chain,
    ports_chains,
)
from netwright.render.firewall_ports import bound_prefixes
from netwright.render.nft import prefix_text
from netwright.render.tags import digest_of
from netwright.render.xt import (
    DROP,
    RETURN,
    Table,
    Xt,
    bridge_table,
    element,
    go_to,
    in_set,
    jump_to,
    named_set,
    tables,
)

_DEPTH: Final = 2
_TAP: Final = "tap"
# Root, nodes' first letter, match.
_FROM: Final = ("from", "f", "-m physdev --physdev-in {}")
_SEND: Final = ("send", "s", "-m physdev --physdev-in {}")
_RECV: Final = ("recv", "r", "-m physdev --physdev-out {} --physdev-is-bridged")
_CLAIM: Final = "-p ARP --arp-htype 1 --arp-ptype 0x800"
_RECEIVERS: Final = "hash:net,iface"
_ND: Final = "-p ipv6-icmp -m icmp6 --icmpv6-type"


def port_firewall(port: PortItem, traits: Traits) -> Xt:
    """Everything for a port; only its membership, and its addresses' freedom, if it is not secured."""
    parts = membership(port)
    if not port.secured:
        return parts | _free(port)
    return (
        parts
        | ports_chains(port.groups, port.logs, traits)
        | _spoof(port, traits)
        | _dispatch(port, traits)
        | _by_address(port, traits)
        | _frames(port)
    )


def membership(member: PortItem | MemberItem) -> Xt:
    """A port's addresses in the sets of its groups' members, wherever the port is."""
    parts: Xt = {}
    for group in member.groups:
        parts |= members_sets(group)
        for prefix in member.prefixes:
            if prefix.prefixlen == prefix.max_prefixlen:
                name = members_set(ethertype_of(prefix), group)
                parts |= element(name, prefix_text(prefix))
    return parts


def spoof_chain(link: LinkName) -> str:
    return f"o{link[3:]}"


def target_chain(link: LinkName) -> str:
    return f"t{link[3:]}"


def mac_chain(link: LinkName) -> str:
    return f"m{link[3:]}"


def _spoof(port: PortItem, traits: Traits) -> Xt:
    """What the port may send from, and which neighbours it may speak for."""
    link, bound = port_link_name(port.id), bound_prefixes(port)
    parts: Xt = {}
    for ethertype, table in tables(traits, "raw"):
        own = [
            f"{_mac(mac, bound)}-s {prefix} {RETURN}"
            for mac, prefixes in bound.items()
            for prefix in prefixes
            if ethertype_of(prefix) is ethertype
        ]
        if ethertype is EtherType.IPV6:
            parts |= _targets(table, link, bound)
            own = _with_neighbours(own, jump_to(target_chain(link)))
        parts |= table.chain(spoof_chain(link), (jump_to("never"), *own, go_to("nobody")))
        parts |= _tree(table, _FROM, link, jump_to(spoof_chain(link)))
    return parts


def _mac(mac: Mac, bound: Mapping[Mac, object]) -> str:
    """ebtables has seen to it that the MAC is one of the port's."""
    return f"-m mac --mac-source {mac} " if len(bound) > 1 else ""


def _with_neighbours(own: Sequence[str], target: str) -> list[str]:
    """Advertisements, and solicitations by who has no address yet (RFC 4862), for its own addresses only."""
    detection = f"-s ::/128 {_ND} 135"
    return [f"{_ND} 136 {target}", *own, f"{detection} {target}", f"{detection} {RETURN}"]


def _targets(table: Table, link: LinkName, bound: Mapping[Mac, Iterable[Prefix]]) -> Xt:
    prefixes = collapsed({prefix for some in bound.values() for prefix in some})
    programs = [neighbour_target(prefix) for prefix in prefixes if isinstance(prefix, IPv6Network)]
    rules = [f'-m bpf --bytecode "{program}" {RETURN}' for program in programs]
    return table.chain(target_chain(link), (*rules, DROP))


def _dispatch(port: PortItem, traits: Traits) -> Xt:
    """To the chains that the port shares with its like, for each direction."""
    link = port_link_name(port.id)
    parts: Xt = {}
    for direction, tree in ((Direction.EGRESS, _SEND), (Direction.INGRESS, _RECV)):
        for _, table in tables(traits, TABLES[direction]):
            parts |= _tree(table, tree, link, go_to(ports_chain(direction, port.groups, port.logs)))
    return parts


def _by_address(port: PortItem, traits: Traits) -> Xt:
    """From the host itself, and routed by it, a packet's receiver is known by address and bridge."""
    if port.place is not GatewayPlace.HOST:
        return {}
    chain = ports_chain(Direction.INGRESS, port.groups, port.logs)
    held = [whole(link_local(port.mac)), *(whole(one.address) for one in port.addresses)]
    paired = [whole(link_local(pair.mac)) for pair in port.pairs] + [pair.prefix for pair in port.pairs]
    parts: Xt = {}
    for ethertype, table in tables(traits, TABLES[Direction.INGRESS]):
        for letter, listing, prefixes in (("a", "by-address", held), ("p", "by-pair", paired)):
            some = [prefix for prefix in prefixes if ethertype_of(prefix) is ethertype]
            if some:
                name = f"{letter}{some[0].version}-{digest_of([*port.groups, *port.logs])}"
                parts |= named_set(name, _RECEIVERS, some[0].version)
                parts |= table.rule(listing, f"{in_set(name, 'dst,dst')} {go_to(chain)}")
                parts |= _on_bridge(name, port, some)
    return parts


def _free(port: PortItem) -> Xt:
    """The addresses of a port without security, whose bridge others' pairs may be on."""
    if port.place is not GatewayPlace.HOST:
        return {}
    parts: Xt = {}
    for prefix in (whole(link_local(port.mac)), *(whole(one.address) for one in port.addresses)):
        parts |= _on_bridge(f"free{prefix.version}", port, [prefix])
    return parts


def _on_bridge(name: str, port: PortItem, prefixes: Iterable[Prefix]) -> Xt:
    parts: Xt = {}
    for prefix in prefixes:
        parts |= element(name, prefix_text(prefix), port.bridge)
    return parts


def _frames(port: PortItem) -> Xt:
    """What only ebtables sees: MACs, ARP, other EtherTypes, and what this host sends to everyone."""
    link, bound = port_link_name(port.id), bound_prefixes(port)
    nat, filter_ = bridge_table("nat"), bridge_table("filter")
    claims = [
        f"{_CLAIM} --arp-ip-src {prefix_text(prefix)} --arp-mac-src {mac} {RETURN}"
        for mac, prefixes in bound.items()
        for prefix in prefixes
        if prefix.version == 4
    ]
    # RFC 5227 probes: nobody's address, our own hardware's.
    probes = [f"-p ARP --arp-op Request --arp-ip-src 0.0.0.0 --arp-mac-src {mac} {RETURN}" for mac in bound]
    rules = [f"-p IPv4 {RETURN}", f"-p IPv6 {RETURN}", *claims, *probes, DROP]
    if len(bound) == 1:
        parts = nat.chain(spoof_chain(link), (f"-s ! {port.mac} {DROP}", *rules))
    else:
        macs = [f"-s {mac} {RETURN}" for mac in bound]
        parts = nat.chain(mac_chain(link), (*macs, DROP))
        parts |= nat.chain(spoof_chain(link), (jump_to(mac_chain(link)), *rules))
    return (
        parts
        | _tree(nat, ("from", "f", "-i {}"), link, jump_to(spoof_chain(link)))
        | _tree(filter_, ("recv", "r", "-o {}"), link, jump_to("carried"))
        | _tree(filter_, ("cast", "c", "-o {}"), link, DROP)
    )


def _tree(table: Table, tree: tuple[str, str, str], link: LinkName, leaf: str) -> Xt:
    """The path from the root to the port's own rule; ports with like names share all but that."""
    parts, node = branch(table, tree, link)
    return parts | table.rule(node, f"{tree[2].format(link)} {leaf}")


def branch(table: Table, tree: tuple[str, str, str], link: LinkName) -> tuple[Xt, str]:
    """What ports with like names share of a tree, and the chain where their own rules are."""
    root, letter, match = tree
    parts: Xt = {}
    above, tail = root, link[len(_TAP) :]
    for depth in range(1, _DEPTH + 1):
        node = letter + tail[:depth]
        parts |= table.listing(node)
        parts |= table.rule(above, f"{match.format(_TAP + tail[:depth] + '+')} {jump_to(node)}")
        above = node
    return parts, above
