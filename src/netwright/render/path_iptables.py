"""The hops of a port's path that the firewall makes, in the words of the iptables engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from typing import Final

from netwright.model.host import Stage
from netwright.model.ids import port_link_name
from netwright.model.intent import Direction
from netwright.model.xtables import XtKey, XtKind
from netwright.render.firewall_iptables_groups import TABLES, group_chain, members_set, ports_chain
from netwright.render.firewall_iptables_ports import mac_chain, spoof_chain, target_chain
from netwright.render.firewall_iptables_uplinks import apart_chain, forced_chain
from netwright.render.firewall_ports import bound_prefixes
from netwright.render.nft import prefix_text
from netwright.render.path_view import Hop, Part, View, Wanted, with_
from netwright.render.xt import FAMILIES, PREFIX

_WAYS: Final = {Part.EGRESS: Direction.EGRESS, Part.INGRESS: Direction.INGRESS}
_SPOOF_TABLES: Final = (("ip", "raw"), ("ip6", "raw"), ("bridge", "nat"))
_TRANSLATION: Final = ("PREROUTING", "postrouting-bottom", "hairpin", "snat", "metadata")


def in_iptables(view: View, hop: Hop) -> Hop:
    """The hop with what iptables has for it in place of what nftables would have."""
    say = _SAID.get(hop.part)
    return say(view, hop) if say else hop


def _spoof(view: View, hop: Hop) -> Hop:
    link, bound = port_link_name(view.port.id), bound_prefixes(view.port)
    own = [PREFIX + chain(link) for chain in (spoof_chain, target_chain, mac_chain)]

    def is_wanted(key: Hashable) -> bool:
        if not isinstance(key, XtKey) or (key.family, key.table) not in _SPOOF_TABLES:
            return False
        return key.name in own or link in key.item.split()

    wanted = view.part(Stage.IPTABLES, is_wanted)
    addresses = sorted(prefix_text(prefix) for prefixes in bound.values() for prefix in prefixes)
    return replace(
        hop,
        name=f"iptables raw {own[0]}",
        note=f"{view.port.mac} with {', '.join(addresses)} and nothing else",
        command=(_program(view), "-t", "raw", "-v", "-S", own[0]),
        wanted=wanted,
        chains=_keys(wanted, spoof_chain(link), target_chain(link)),
    )


def _groups(view: View, hop: Hop) -> Hop:
    direction = _WAYS[hop.part]
    if not view.port.secured:
        return replace(hop, command=(_program(view), "-t", TABLES[direction], "-S"))
    port, table, link = view.port, TABLES[direction], port_link_name(view.port.id)
    own = ports_chain(direction, port.groups, port.logs)
    groups = [group_chain(direction, group) for group in port.groups]
    chains = _chains(view, table, [own, *groups, "always"])
    members = {PREFIX + members_set(kind, group) for kind in FAMILIES for group in port.groups}

    def is_wanted(key: Hashable) -> bool:
        return isinstance(key, XtKey) and (
            (key.table == table and link in key.item.split()) or key.name in members
        )

    return replace(
        hop,
        name=f"iptables {table} {PREFIX}{own}",
        command=(_program(view), "-t", table, "-v", "-S", PREFIX + own),
        wanted=with_(chains, view.part(Stage.IPTABLES, is_wanted)),
        chains=_keys(chains, own, *groups),
    )


def _bridge(view: View, hop: Hop) -> Hop:
    """Where the bridge has an uplink: what stays apart from it, and what is forced through the host."""
    link = view.network.uplink
    own = {PREFIX + apart_chain(view.network.id), PREFIX + forced_chain(view.network.id)}
    wire = {f"{PREFIX}from-wire", f"{PREFIX}to-wire"}

    def is_wanted(key: Hashable) -> bool:
        return isinstance(key, XtKey) and (key.name in own or (key.name in wire and link in key.item.split()))

    return replace(hop, wanted=with_(hop.wanted, view.part(Stage.IPTABLES, is_wanted)))


def _gateway(view: View, hop: Hop) -> Hop:
    chains = _chains(view, "filter", ["INPUT", "to-host"])
    wanted = with_(hop.wanted, chains, _about_bridge(view, "filter", "INPUT"))
    return replace(hop, wanted=wanted, chains=_keys(chains, "to-host") if view.guarded else ())


def _nat(view: View, hop: Hop) -> Hop:
    own = {str(subnet.cidr) for subnet in view.network.subnets}
    both = f"{PREFIX}snat", f"{PREFIX}postrouting-bottom"
    rules = view.part(
        Stage.IPTABLES,
        lambda key: isinstance(key, XtKey) and key.name in both and bool(own & set(key.item.split())),
    )
    translated = [
        key.item.split()[1]
        for key in rules.get(Stage.IPTABLES, {})
        if isinstance(key, XtKey) and key.kind is XtKind.RULE and key.name == both[0]
    ]
    note = (
        f"{', '.join(translated)} leave as the uplink's address"
        if translated
        else "addresses leave as they are"
    )
    bridged = [_about_bridge(view, "nat", chain) for chain in _TRANSLATION]
    return replace(
        hop,
        name=f"iptables nat {PREFIX}postrouting-bottom",
        note=note,
        command=(_program(view), "-t", "nat", "-v", "-S", f"{PREFIX}postrouting-bottom"),
        wanted=with_(_chains(view, "nat", _TRANSLATION), rules, *bridged),
    )


def _floating(view: View, hop: Hop) -> Hop:
    own = {f"{address}/32" for one in view.floating for address in (one.address, one.fixed_address)}
    both = (f"{PREFIX}float-dnat", f"{PREFIX}float-snat")
    rules = view.part(
        Stage.IPTABLES,
        lambda key: (
            isinstance(key, XtKey)
            and key.name in both
            and (not key.item or (key.item.split()[1] in own and hop.name.split(" ")[0] in key.item))
        ),
    )
    command = (_program(view), "-t", "nat", "-v", "-S", both[0])
    link = port_link_name(view.port.id)
    forced = view.part(
        Stage.IPTABLES,
        lambda key: (
            isinstance(key, XtKey)
            and key.item.endswith(f"{PREFIX}{forced_chain(view.network.id)}")
            and link in key.item.split()
        ),
    )
    return replace(hop, command=command, wanted=with_(rules, forced, hop.wanted))


def _connections(view: View, hop: Hop) -> Hop:
    wanted = with_(_chains(view, "raw", ["PREROUTING", "zones"]), _about_bridge(view, "raw", "zones"))
    return replace(hop, note="known connections pass, told by br_netfilter", wanted=wanted)


def _program(view: View) -> str:
    return f"iptables-{view.traits.xtables}"


def _chains(view: View, table: str, names: Collection[str]) -> Wanted:
    full = {PREFIX + name for name in names}
    return view.part(
        Stage.IPTABLES,
        lambda key: (
            isinstance(key, XtKey)
            and key.kind is XtKind.CHAIN
            and key.family != "bridge"
            and key.table == table
            and key.name in full
        ),
    )


def _about_bridge(view: View, table: str, chain: str) -> Wanted:
    """A listing's rules for the port's bridge."""
    link = view.network.bridge
    return view.part(
        Stage.IPTABLES,
        lambda key: (
            isinstance(key, XtKey)
            and (key.table, key.name) == (table, PREFIX + chain)
            and link in key.item.split()
        ),
    )


def _keys(wanted: Wanted, *names: str) -> tuple[XtKey, ...]:
    """The chains among them whose counters tell of the port's packets."""
    full = {PREFIX + name for name in names}
    return tuple(
        key
        for key in wanted.get(Stage.IPTABLES, {})
        if isinstance(key, XtKey) and key.kind is XtKind.CHAIN and key.family != "bridge" and key.name in full
    )


_SAID: Final[Mapping[Part, Callable[[View, Hop], Hop]]] = {
    Part.SPOOF: _spoof,
    Part.EGRESS: _groups,
    Part.INGRESS: _groups,
    Part.BRIDGE: _bridge,
    Part.GATEWAY: _gateway,
    Part.NAT: _nat,
    Part.FLOATING_IP: _floating,
    Part.CONNECTIONS: _connections,
}
