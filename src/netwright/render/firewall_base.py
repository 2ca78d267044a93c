"""The skeleton of both tables: every hook, every set, every chain that does not depend on what there is.

Two base chains guard a port, one for what it sends and one for what it gets, so that an accept in one
never skips the other, and a frame is seen wherever it comes from or goes to: another port, the
uplink, or the host itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.model.host import CUT_MARK, Traits
from netwright.render.forwards import FORWARD_MAPS, FORWARDING
from netwright.render.nft import BRIDGE, ESTABLISHED_MARK, INET, Nft, chain, named_map, named_set, table
from netwright.render.tags import digest_of

METADATA_PORT: Final = 8775

_BRIDGE_SETS: Final = {
    "secured": "type ifname",
    # Holds `ether`, the type of all links of bridges, while groups are asked about known connections, too.
    # The kernel keeps a set of two-byte keys as a bitmap: no question to put to every packet is cheaper.
    "asked": "type iface_type",
    "bind_mac": "type ifname . ether_addr",
    "bind_ip4": "type ifname . ether_addr . ipv4_addr",
    "bind_ip6": "type ifname . ether_addr . ipv6_addr",
    "bind_net4": "type ifname . ether_addr . ipv4_addr; flags interval",
    "bind_net6": "type ifname . ether_addr . ipv6_addr; flags interval",
    # A neighbour message's target, by offset: nft learned its name (icmpv6 taddr) only after 1.0.6.
    "nd_target": "typeof iifname . @th,64,128",
    "nd_prefix": "typeof iifname . @th,64,128; flags interval",
}
_BRIDGE_MAPS: Final = {"ports_out": "type ifname : verdict", "ports_in": "type ifname : verdict"}
_INET_SETS: Final = {
    "bridges": "type ifname",
    "hosted": "type ifname",
    "inside": "type ifname",
    "routed": "type ifname",
    "elsewhere": "type ifname",
    "guarded": "type ifname",
    "inside4": "type ipv4_addr; flags interval",
    "inside6": "type ipv6_addr; flags interval",
    "nat4": "type ipv4_addr; flags interval",
    "nat6": "type ipv6_addr; flags interval",
    "near4": "type ipv4_addr . ipv4_addr; flags interval",
    "near6": "type ipv6_addr . ipv6_addr; flags interval",
    "forwarded": "type ipv4_addr",
    "vpns": "type ifname",
    "vpn_ways": "type ifname . ifname . ipv4_addr; flags interval",
}
_INET_MAPS: Final = {
    "from_bridges": "type ifname : verdict",
    "zones": "typeof iifname : ct zone",
    "fip_dnat": "type ipv4_addr : ipv4_addr",
    "fip_snat": "type ipv4_addr : ipv4_addr",
    "vpn_in": "type ipv4_addr . inet_service : verdict",
    "vpn_in_own": "type inet_service : verdict",
    **FORWARD_MAPS,
}

_KNOWN: Final = "established,related"
_MARKED: Final = f"meta mark & {ESTABLISHED_MARK:#010x} == {ESTABLISHED_MARK:#010x}"

_ANTISPOOF: Final = (
    # Nearly every packet: a whole address that is its port's own, so that one look-up is enough.
    "ether type ip iifname . ether saddr . ip saddr @bind_ip4 goto own_ip4",
    "iifname @secured jump spoof",
)
_OWN_IP4: Final = ("udp sport 67 udp dport 68 counter drop",)
_SPOOF: Final = (
    "iifname . ether saddr != @bind_mac counter drop",
    "ether type arp goto spoof_arp",
    "ether type ip goto spoof_ip4",
    "ether type ip6 goto spoof_ip6",
    "counter drop",
)
_ARP: Final = "arp htype 1 arp ptype ip arp hlen 6 arp plen 4"
"""Else the addresses are not where they are looked for."""
_SPOOF_ARP: Final = (
    f"{_ARP} iifname . arp saddr ether . arp saddr ip @bind_ip4 accept",
    f"{_ARP} iifname . arp saddr ether . arp saddr ip @bind_net4 accept",
    # RFC 5227 probes: nobody's address, our own hardware's.
    f"{_ARP} arp operation request arp saddr ip 0.0.0.0 iifname . arp saddr ether @bind_mac accept",
    "counter drop",
)
_SPOOF_IP4: Final = (
    "udp sport 67 udp dport 68 counter drop",
    "iifname . ether saddr . ip saddr @bind_net4 accept",
    "ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept",
    "counter drop",
)
_SPOOF_ND: Final = (
    "iifname . ether saddr . ip6 saddr @bind_ip6 accept",
    "iifname . ether saddr . ip6 saddr @bind_net6 accept",
    "counter drop",
)
# RFC 7112: what a packet is must be told in its first fragment. The kernel reassembles those only that do
# so, and lets others by as they are (nf_ct_frag6_gather). The comparison fails only where nothing is there.
_FIRST_FRAGMENT: Final = ("@th,56,8 & 0x00 == 0x00 return", "counter drop")
_SPOOF_IP6: Final = (
    "frag frag-off 0 jump first_fragment",
    "udp sport 547 udp dport 546 counter drop",
    "icmpv6 type { 130, nd-router-advert, nd-redirect, 138 } counter drop",
    "icmpv6 type nd-neighbor-advert iifname . @th,64,128 @nd_target goto spoof_nd",
    "icmpv6 type nd-neighbor-advert iifname . @th,64,128 @nd_prefix goto spoof_nd",
    "icmpv6 type nd-neighbor-advert counter drop",
    "iifname . ether saddr . ip6 saddr @bind_ip6 accept",
    "iifname . ether saddr . ip6 saddr @bind_net6 accept",
    # RFC 4862 duplicate address detection, for the port's own addresses only.
    "ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @nd_target accept",
    "ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @nd_prefix accept",
    "ip6 saddr :: icmpv6 type { nd-router-solicit, 131, 132, 143 } accept",
    "counter drop",
)
# What no group needs to allow, because addresses would not work without it.
_ALWAYS_OUT: Final = (
    "ether type arp accept",
    "ether type ip udp sport 68 udp dport 67 accept",
    "ether type ip6 udp sport 546 udp dport 547 accept",
    "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, 131, 132, 143 } accept",
)
_ALWAYS_IN: Final = (
    "ether type arp accept",
    "ether type ip udp sport 67 udp dport 68 accept",
    "ether type ip6 udp sport 547 udp dport 546 accept",
    "icmpv6 type { 130, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
)
_TO_HOST: Final = (
    "ct state established,related accept",
    "udp dport { 53, 67, 547 } accept",
    f"tcp dport {{ 53, {METADATA_PORT} }} accept",
    "meta l4proto { icmp, ipv6-icmp } accept",
    "counter drop",
)
_INPUT: Final = (
    "iifname @routed counter drop",
    "iifname @vpns counter drop",
    "iifname @guarded jump to_host",
    # What is not forwarded of such an address is not the host's own services' either.
    "ip daddr @forwarded meta l4proto != icmp ct status & dnat == 0 counter drop",
)
_FROM_OUTSIDE: Final = (
    "dnat ip to ip daddr map @fip_dnat",
    "ip daddr @forwarded jump forward_in",
    "ip daddr . udp dport vmap @vpn_in",
    # After floating IPs, which the host has, too.
    "fib daddr type local udp dport vmap @vpn_in_own",
)
_DNAT: Final = (
    "iifname @routed accept",
    # Where another host is the gateway, br_netfilter shows here what is on its way there.
    "iifname @elsewhere accept",
    "iifname @vpns accept",
    f"iifname @hosted ip daddr 169.254.169.254 tcp dport 80 redirect to :{METADATA_PORT}",
    f"iifname @hosted ip6 daddr fe80::a9fe:a9fe tcp dport 80 redirect to :{METADATA_PORT}",
    *_FROM_OUTSIDE,
)
_SNAT: Final = (
    "oifname @routed accept",
    # Hairpin: without it the answer would go from guest to guest and miss the translation back.
    "oifname @hosted ct status dnat ip saddr @inside4 snat ip to ip saddr map @fip_snat",
    "oifname @hosted ct status dnat ip saddr @inside4 masquerade",
    "oifname @inside accept",
    "oifname @vpns accept",
    # On a network with an uplink br_netfilter shows here what guests and their neighbours send each other.
    "ip saddr . ip daddr @near4 ct status & dnat == 0 accept",
    "ip6 saddr . ip6 daddr @near6 ct status & dnat == 0 accept",
    "snat ip to ip saddr map @fip_snat",
    "ip saddr @nat4 masquerade",
    "ip6 saddr @nat6 masquerade",
)


def firewall_base(traits: Traits) -> Nft:
    """What every host's tables hold, with no network on it."""
    parts: Nft = {}
    for family, sets, maps in ((BRIDGE, _BRIDGE_SETS, _BRIDGE_MAPS), (INET, _INET_SETS, _INET_MAPS)):
        parts |= table(family, digest_of(f"{name} {spec}" for name, spec in (sets | maps).items()))
        for name, spec in sets.items():
            parts |= named_set(family, name, spec)
        for name, spec in maps.items():
            parts |= named_map(family, name, spec)
    return parts | _bridge_chains(traits) | _inet_chains() | _conntrack(traits)


def _bridge_chains(traits: Traits) -> Nft:
    cut = _cut(traits) if traits.bridge_conntrack else ()
    return (
        chain(BRIDGE, "spoof_arp", _SPOOF_ARP)
        | chain(BRIDGE, "spoof_ip4", _SPOOF_IP4)
        | chain(BRIDGE, "spoof_nd", _SPOOF_ND)
        | chain(BRIDGE, "first_fragment", _FIRST_FRAGMENT)
        | chain(BRIDGE, "spoof_ip6", _SPOOF_IP6)
        | chain(BRIDGE, "spoof", _SPOOF)
        | chain(BRIDGE, "always_out", _ALWAYS_OUT)
        | chain(BRIDGE, "always_in", _ALWAYS_IN)
        | chain(BRIDGE, "known", (_known(traits),))
        | chain(BRIDGE, "own_ip4", _OWN_IP4)
        | chain(BRIDGE, "antispoof", _ANTISPOOF, "filter prerouting -300")
        # After br_netfilter (priority 0), whose inet hooks have marked the packet by now.
        | chain(
            BRIDGE,
            "from_ports",
            (*cut, _known(traits, "iiftype"), "iifname vmap @ports_out"),
            "filter prerouting 100",
        )
        | to_ports(traits, cut)
    )


def to_ports(traits: Traits, first: Sequence[str] = ()) -> Nft:
    """What guards the ports from what is sent to them; `first` comes before all."""
    rules = (*first, _known(traits, "oiftype"), "oifname vmap @ports_in")
    return chain(BRIDGE, "to_ports", rules, "filter postrouting 0")


def _cut(traits: Traits) -> tuple[str, ...]:
    """What belongs to a connection that was cut goes nowhere (docs/decisions/0011)."""
    mark = f"ct mark & {CUT_MARK:#010x} == {CUT_MARK:#010x}"
    return (f"{mark} counter drop",) if traits.flow_marks else ()


def _known(traits: Traits, unasked: str = "") -> str:
    """Known connections pass; with `iiftype` or `oiftype` only while nobody is to be asked about them."""
    known = f"ct state {_KNOWN}" if traits.bridge_conntrack else _MARKED
    return f"{known} meta {unasked} != @asked accept" if unasked else f"{known} accept"


def _inet_chains() -> Nft:
    return (
        chain(INET, "hosted_bridge", ("accept",))
        | chain(INET, "routed_bridge", ("ct zone set iifname map @zones",))
        | chain(
            INET,
            "zone",
            (
                "iifname vmap @from_bridges",
                # Nobody outside may pretend to be a guest: groups name guests by their addresses.
                "iifname != lo ip saddr @inside4 counter drop",
                "iifname != lo ip6 saddr @inside6 counter drop",
            ),
            "filter prerouting -300",
        )
        | chain(INET, "to_host", _TO_HOST)
        | chain(INET, "input", _INPUT, "filter input 0")
        | chain(INET, "forward_in", FORWARDING)
        | chain(INET, "nat_in", _DNAT, "nat prerouting -100")
        | chain(INET, "nat_own", _FROM_OUTSIDE, "nat output -100")
        | chain(INET, "nat_out", _SNAT, "nat postrouting 100")
    )


def _conntrack(traits: Traits) -> Nft:
    """How a bridge hook learns that a packet belongs to a known connection.

    A kernel with NF_CONNTRACK_BRIDGE tells it itself, and needs each bridge's zone. Elsewhere
    br_netfilter shows bridged packets to the inet hooks, which leave a mark bit.
    """
    if traits.bridge_conntrack:
        # By the bridge, not by the port: answers also come from its DHCP namespace and its uplink.
        zone = "ct zone set meta ibrname map @zones"
        return named_map(BRIDGE, "zones", "typeof meta ibrname : ct zone") | chain(
            BRIDGE, "zone", (zone,), "filter prerouting -310"
        )
    marking = (
        *_cut(traits),
        f"ct state {_KNOWN} meta mark set meta mark | {ESTABLISHED_MARK:#010x} accept",
        f"meta mark set meta mark & {~ESTABLISHED_MARK & 0xFFFFFFFF:#010x}",
    )
    # Nearly every packet that goes out was marked when it came in: that the bit is right already costs
    # less to see than whose packet it is.
    alive = f"ct mark & {CUT_MARK:#010x} == 0x00000000 " if traits.flow_marks else ""
    right = f"{_MARKED} {alive}ct state {_KNOWN} accept"
    return (
        chain(INET, "marks", marking)
        | chain(INET, "mark_in", ("iifname @bridges goto marks",), "filter prerouting -150")
        | chain(INET, "mark_out", (right, "oifname @bridges goto marks"), "filter postrouting -150")
    )
