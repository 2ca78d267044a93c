"""The skeleton in iptables' words: every jump, and every chain that does not depend on what there is.

raw judges what a bridge port may say, before tracking; mangle asks the sender's groups, before any
translation; filter the receiver's. An accept in one never skips another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from netwright.model.host import CUT_MARK, Traits
from netwright.model.ids import BRIDGE_PREFIX
from netwright.model.intent import EtherType
from netwright.model.xtables import PREFIX
from netwright.render.firewall_base import METADATA_PORT
from netwright.render.xt import (
    ACCEPT,
    DROP,
    RETURN,
    Table,
    Xt,
    bridge_table,
    go_to,
    in_set,
    jump_to,
    named_set,
    tables,
)

BRIDGED: Final = "-m physdev --physdev-is-bridged"
ANY_BRIDGE: Final = f"{BRIDGE_PREFIX}+"
FROM_PORT: Final = "-m physdev --physdev-in tap+"
KNOWN: Final = "-m conntrack --ctstate RELATED,ESTABLISHED"
_DHCP: Final = "-p udp -m udp --sport {} --dport {}"
_CUT: Final = f"-m connmark --mark {CUT_MARK:#x}/{CUT_MARK:#x} {DROP}"
"""What belongs to a connection that was cut goes nowhere (docs/decisions/0011)."""
_ICMP6: Final = "-p ipv6-icmp -m icmp6 --icmpv6-type {}"
_NEIGHBOURS: Final = (135, 136)
_LISTENERS: Final = (131, 132, 143)

_ALWAYS_OUT: Final = {
    EtherType.IPV4: (_DHCP.format(68, 67),),
    EtherType.IPV6: (
        _DHCP.format(546, 547),
        *(_ICMP6.format(kind) for kind in (133, *_NEIGHBOURS, *_LISTENERS)),
    ),
}
_ALWAYS_IN: Final = {
    EtherType.IPV4: (_DHCP.format(67, 68),),
    EtherType.IPV6: (_DHCP.format(547, 546), *(_ICMP6.format(kind) for kind in (130, 134, *_NEIGHBOURS))),
}
_NEVER: Final = {
    EtherType.IPV4: (_DHCP.format(67, 68),),
    EtherType.IPV6: (_DHCP.format(547, 546), *(_ICMP6.format(kind) for kind in (130, 134, 137, 138))),
}
_NOBODY: Final = {
    EtherType.IPV4: (f"-s 0.0.0.0/32 -d 255.255.255.255/32 {_DHCP.format(68, 67)}",),
    EtherType.IPV6: tuple(f"-s ::/128 {_ICMP6.format(kind)}" for kind in (133, *_LISTENERS)),
}
_SERVED: Final = (
    *(f"-p udp -m udp --dport {port}" for port in (53, 67, 547)),
    *(f"-p tcp -m tcp --dport {port}" for port in (53, METADATA_PORT)),
)
_HOST_SERVES: Final = {
    EtherType.IPV4: (*_SERVED, "-p icmp"),
    EtherType.IPV6: (*_SERVED, "-p ipv6-icmp"),
}
# What guests need from the host by multicast or broadcast; ebtables knows no sets.
_CAST: Final = (
    "-p ARP -j RETURN",
    "-p IPv4 --ip-proto udp --ip-sport 67 --ip-dport 68 -j RETURN",
    "-p IPv6 --ip6-proto udp --ip6-sport 547 --ip6-dport 546 -j RETURN",
    *(
        f"-p IPv6 --ip6-proto ipv6-icmp --ip6-icmp-type {kind} -j RETURN"
        for kind in ("130/0:255", "router-advertisement", "neighbour-solicitation", "neighbour-advertisement")
    ),
)
CARRIED: Final = ("-p IPv4 -j RETURN", "-p IPv6 -j RETURN", "-p ARP -j RETURN", DROP)
"""What reaches a secured port, if its groups allow it: ARP always does."""


def firewall_base(traits: Traits) -> Xt:
    """What every host has, with no network on it."""
    parts = _bridge()
    cut = (_CUT,) if traits.flow_marks else ()
    mangle, filter_ = partial(_mangle, cut=cut), partial(_filter, cut=cut)
    for make, name in ((_raw, "raw"), (mangle, "mangle"), (filter_, "filter"), (_nat, "nat")):
        for ethertype, table in tables(traits, name):
            parts |= make(table, ethertype)
    return parts


def _raw(table: Table, kind: EtherType) -> Xt:
    version = kind.version
    six = kind is EtherType.IPV6
    return (
        named_set(f"inside{version}", "hash:net", version)
        | table.jump("PREROUTING", f"{PREFIX}PREROUTING")
        | (table.listing("from-wire") if six else {})
        | table.chain(
            "PREROUTING",
            (
                *((jump_to("from-wire"),) if six else ()),
                f"{FROM_PORT} {jump_to('from')}",
                # Nobody outside may pretend to be a guest: groups name guests by their addresses.
                f"{in_set(f'inside{version}', 'src')} {jump_to('outside')}",
                jump_to("zones"),
            ),
        )
        | table.listing("from")
        | table.listing("outside", (f"-i lo {RETURN}", DROP))
        | table.listing("zones")
        | table.chain("never", (*(f"{match} {DROP}" for match in _NEVER[kind]), RETURN))
        | table.chain("nobody", (*(f"{match} {RETURN}" for match in _NOBODY[kind]), DROP))
    )


def _mangle(table: Table, kind: EtherType, cut: Sequence[str]) -> Xt:
    return (
        table.jump("PREROUTING", f"{PREFIX}PREROUTING")
        | table.chain("PREROUTING", (*cut, f"{FROM_PORT} {jump_to('send')}"))
        | table.listing("send")
        | table.chain("always", tuple(f"{match} {ACCEPT}" for match in _ALWAYS_OUT[kind]))
    )


def _filter(table: Table, kind: EtherType, cut: Sequence[str]) -> Xt:
    version = kind.version
    known = f"{KNOWN} {RETURN}"
    six = kind is EtherType.IPV6
    return (
        named_set(f"free{version}", "hash:net,iface", version)
        | table.jump("INPUT", f"{PREFIX}INPUT")
        | table.jump("FORWARD", f"{PREFIX}FORWARD")
        | table.jump("OUTPUT", f"{PREFIX}filter-top")
        | table.listing("INPUT")
        | table.chain("to-host", (known, *(f"{match} {RETURN}" for match in _HOST_SERVES[kind]), DROP))
        # Over the bridge the receiver is known by its link; from this host, by its address.
        | (table.listing("to-wire") if six else {})
        | table.chain(
            "FORWARD",
            (
                *((jump_to("to-wire"),) if six else ()),
                f"{BRIDGED} {go_to('recv')}",
                jump_to("vpns"),
                jump_to("filter-top"),
            ),
        )
        | table.listing("vpns")
        | table.chain("filter-top", (*cut, f"-o {ANY_BRIDGE} {jump_to('local')}", jump_to("called")))
        # Bridges that somebody gave a name.
        | table.listing("called")
        | table.chain(
            "local",
            (
                f"{in_set(f'free{version}', 'dst,dst')} {RETURN}",
                # A port's own addresses first: another port's allowed pair must not speak for them.
                jump_to("by-address"),
                jump_to("by-pair"),
            ),
        )
        | table.listing("by-address")
        | table.listing("by-pair")
        | table.listing("recv")
        | table.chain("always", tuple(f"{match} {ACCEPT}" for match in _ALWAYS_IN[kind]))
    )


def _nat(table: Table, kind: EtherType) -> Xt:
    outside = (jump_to("float-dnat"), jump_to("vpn-dnat")) if kind is EtherType.IPV4 else ()
    dnat = (jump_to("metadata"), *outside)
    parts = (
        table.jump("PREROUTING", f"{PREFIX}PREROUTING")
        | table.jump("POSTROUTING", f"{PREFIX}postrouting-bottom", last=True)
        | table.listing("PREROUTING", dnat)
        | table.listing("metadata")
        | table.listing("snat")
    )
    if kind is EtherType.IPV6:
        return (
            parts
            | table.listing("postrouting-bottom", (jump_to("snat"),))
            | table.chain("hairpin", (RETURN,))
        )
    hairpin = f"-m conntrack --ctstate DNAT {in_set('inside4', 'src')}"
    return (
        parts
        | table.jump("OUTPUT", f"{PREFIX}OUTPUT")
        | table.chain("OUTPUT", outside)
        | table.listing("float-dnat")
        | table.listing("vpn-dnat")
        | table.listing("float-snat")
        # Hairpin: without it the answer would go from guest to guest and miss the translation back.
        | table.chain("hairpin", (f"{hairpin} {jump_to('float-snat')}", f"{hairpin} -j MASQUERADE"))
        | table.listing("postrouting-bottom", (jump_to("float-snat"), jump_to("snat")))
    )


def _bridge() -> Xt:
    nat, filter_ = bridge_table("nat"), bridge_table("filter")
    return (
        nat.jump("PREROUTING", f"{PREFIX}PREROUTING")
        # What is forced through the host has been judged: a redirect is an accept.
        | nat.chain("PREROUTING", (jump_to("from-wire"), jump_to("from"), jump_to("forced")))
        | nat.listing("from-wire")
        | nat.listing("from")
        | nat.listing("forced")
        | nat.jump("POSTROUTING", f"{PREFIX}to-wire")
        | nat.listing("to-wire")
        | filter_.jump("FORWARD", f"{PREFIX}recv")
        | filter_.jump("OUTPUT", f"{PREFIX}OUTPUT")
        | filter_.chain("OUTPUT", (f"-d Multicast {jump_to('multicast')}", jump_to("recv")))
        | filter_.chain("multicast", (*_CAST, jump_to("cast")))
        | filter_.listing("recv")
        | filter_.listing("cast")
        | filter_.chain("carried", CARRIED)
    )
