"""Attacks of a guest on its network, each beside something honest that differs as little as can be."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from hostile import (
    ALL_NODES,
    ALL_ROUTERS,
    EVERYONE,
    FOREIGN4,
    FOREIGN6,
    HOP_BY_HOP,
    METADATA,
    OPTIONS,
    STRANGER,
    Attack,
    Make,
    Place,
    announcement,
    arp,
    atomic,
    carried,
    claim,
    cut4,
    dad,
    dhcp,
    everywhere,
    hidden,
    odd_arp,
    overlapping,
    own4,
    own6,
    own_arp,
    raw,
    routed,
    to_host,
    to_metadata,
    udp,
    unsolicited,
    with_no_ops,
)
from shapes import behind, fragments, stacked

from netwright.model.eui64 import link_local
from netwright.model.ids import Mac
from netwright.testing import frames
from netwright.testing.frames import BROADCAST, NOBODY, End

_MACS: Final = {
    "nobody's MAC": Attack(lambda c: udp(replace(c.four, mac=STRANGER), c), own4),
    "nobody's MAC, IPv6": Attack(lambda c: udp(replace(c.six, mac=STRANGER), c), own6),
    "the victim's MAC": Attack(lambda c: everywhere(udp(replace(c.four, mac=c.to4.mac), c)), own4),
    "the bridge's own MAC": Attack(lambda c: udp(replace(c.four, mac=c.gateway4.mac), c), own4, works=False),
    "everyone's MAC": Attack(lambda c: udp(replace(c.four, mac=BROADCAST), c), own4, works=False),
    "a multicast MAC": Attack(lambda c: udp(replace(c.six, mac=ALL_NODES.mac), c), own6, works=False),
    "no MAC": Attack(lambda c: udp(replace(c.four, mac=NOBODY), c), own4, works=False),
    "ARP in a frame from another MAC": Attack(lambda c: frames.arp(STRANGER, 2, c.four, c.to4), own_arp),
}
_FOUR: Final = {
    f"IPv4 source: {name}": Attack(lambda c, claim=claim: udp(claim(c), c), own4)
    for name, claim in {
        "the victim's": lambda c: c.claims(c.to4.address),
        "nobody's": lambda c: c.claims(FOREIGN4),
        "the gateway's": lambda c: c.claims(c.gateway4.address),
        "off the network": lambda c: c.claims("192.0.2.9"),
        "none at all": lambda c: c.claims("0.0.0.0"),
        "everyone": lambda c: c.claims("255.255.255.255"),
        "the network's broadcast": lambda c: c.claims("10.31.0.255"),
        "a multicast group": lambda c: c.claims("224.0.0.5"),
        "loopback": lambda c: c.claims("127.0.0.1"),
        "the metadata service": lambda c: c.claims(METADATA),
        "the same guest's other port": lambda c: c.claims(c.second4.address),
        "the same guest's other port, and its MAC": lambda c: c.second4,
    }.items()
}
_SIX: Final = {
    f"IPv6 source: {name}": Attack(lambda c, claim=claim: udp(claim(c), c), own6)
    for name, claim in {
        "the victim's": lambda c: c.claims(c.to6.address),
        "nobody's": lambda c: c.claims(FOREIGN6),
        "the gateway's": lambda c: c.claims(c.gateway6.address),
        "another's link-local": lambda c: c.claims(link_local(STRANGER)),
        "none at all": lambda c: c.claims("::"),
        "loopback": lambda c: c.claims("::1"),
        "a multicast group": lambda c: c.claims("ff02::1"),
        "the same guest's other port": lambda c: c.claims(c.second6.address),
        "the same guest's other port, and its MAC": lambda c: c.second6,
    }.items()
}
_ARP: Final = {
    "ARP answer for the victim": Attack(lambda c: everywhere(arp(c, c.claims(c.to4.address))), own_arp),
    "ARP answer for the gateway": Attack(lambda c: arp(c, c.claims(c.gateway4.address)), own_arp),
    "ARP request as another": Attack(
        lambda c: arp(c, c.claims(FOREIGN4), replace(c.to4, mac=NOBODY), 1),
        lambda c: arp(c, c.four, replace(c.to4, mac=NOBODY), 1),
    ),
    **{
        f"gratuitous ARP {word} for {name}": Attack(
            lambda c, which=which, operation=operation: everywhere(
                arp(c, c.claims(which(c)), c.claims(which(c), NOBODY), operation)
            ),
            lambda c, operation=operation: everywhere(
                arp(c, c.four, c.claims(c.four.address, NOBODY), operation)
            ),
        )
        for word, operation in (("request", 1), ("answer", 2))
        for name, which in (
            ("the gateway", lambda c: c.gateway4.address),
            ("the victim", lambda c: c.to4.address),
            ("the metadata service", lambda c: METADATA),
            ("the same guest's other port", lambda c: c.second4.address),
        )
    },
    "ARP answer with another's hardware": Attack(lambda c: arp(c, replace(c.four, mac=STRANGER)), own_arp),
    "ARP probe with another's hardware": Attack(
        lambda c: arp(c, c.claims("0.0.0.0", STRANGER), c.claims(FOREIGN4, NOBODY), 1),
        lambda c: arp(c, c.claims("0.0.0.0"), c.claims(c.four.address, NOBODY), 1),
    ),
    "ARP answer from no address": Attack(lambda c: arp(c, c.claims("0.0.0.0")), own_arp),
    "ARP of other hardware": Attack(lambda c: odd_arp(c, 0, b"\0\6"), own_arp),
    "ARP of longer hardware addresses": Attack(lambda c: odd_arp(c, 4, b"\x08"), own_arp),
    "ARP of longer protocol addresses": Attack(lambda c: odd_arp(c, 5, b"\x10"), own_arp),
    "ARP of another protocol": Attack(lambda c: odd_arp(c, 2, b"\x86\xdd"), own_arp),
    "RARP": Attack(lambda c: raw(c, 0x8035, BROADCAST, arp(c, c.four)[14:]), own_arp),
}
_ND: Final = {
    "advertisement for nobody's address": Attack(
        lambda c: frames.advertisement(c.six, c.to6, FOREIGN6, c.mac),
        lambda c: frames.advertisement(c.six, c.to6, c.six.address, c.mac),
    ),
    "unsolicited advertisement for the gateway": Attack(
        lambda c: unsolicited(c, c.six, c.gateway6.address), lambda c: unsolicited(c, c.six, c.six.address)
    ),
    "unsolicited advertisement for the victim, without its hardware": Attack(
        lambda c: unsolicited(c, c.six, c.to6.address, link=False),
        lambda c: unsolicited(c, c.six, c.six.address, link=False),
    ),
    "advertisement for another's link-local address": Attack(
        lambda c: unsolicited(c, c.local, link_local(c.to6.mac)),
        lambda c: unsolicited(c, c.local, c.local.address),
    ),
    "advertisement as the victim": Attack(
        lambda c: frames.advertisement(c.claims(FOREIGN6), c.to6, c.six.address, c.mac),
        lambda c: frames.advertisement(c.local, c.to6, c.six.address, c.mac),
    ),
    "solicitation as another": Attack(
        lambda c: frames.solicitation(c.claims(FOREIGN6), c.to6, c.to6.address),
        lambda c: frames.solicitation(c.six, c.to6, c.to6.address),
    ),
    "solicitation as the gateway's link-local": Attack(
        lambda c: frames.solicitation(c.claims(link_local(c.gateway6.mac)), c.to6, c.to6.address),
        lambda c: frames.solicitation(c.local, c.to6, c.to6.address),
    ),
    "DAD for another's address": Attack(lambda c: dad(c, FOREIGN6), lambda c: dad(c, c.six.address)),
    "DAD for another's link-local address": Attack(
        lambda c: dad(c, link_local(c.to6.mac)), lambda c: dad(c, c.local.address)
    ),
    "advertisement behind options": Attack(
        lambda c: behind(c.six, c.to6, (OPTIONS,), 58, claim(c, FOREIGN6)),
        lambda c: behind(c.six, c.to6, (OPTIONS,), 58, claim(c, c.six.address)),
    ),
    "advertisement behind hop-by-hop options": Attack(
        lambda c: behind(c.six, c.to6, (HOP_BY_HOP,), 58, claim(c, FOREIGN6)),
        lambda c: behind(c.six, c.to6, (HOP_BY_HOP,), 58, claim(c, c.six.address)),
    ),
    "advertisement in fragments": Attack(
        lambda c: list(fragments(c.six, c.to6, 58, claim(c, FOREIGN6), c.token)), own6
    ),
    "advertisement whose target is in the second fragment": Attack(
        lambda c: list(fragments(c.six, c.to6, 58, claim(c, FOREIGN6), c.token, 8)), own6
    ),
    "advertisement as a fragment of one": Attack(lambda c: atomic(c, c.six, claim(c, FOREIGN6)), own6),
}
_ROUTERS: Final = {
    "router advertisement": Attack(
        lambda c: frames.icmp(c.local, ALL_NODES, 134, rest=bytes(12)),
        lambda c: frames.icmp(c.local, ALL_ROUTERS, 133),
    ),
    "router advertisement as the gateway": Attack(
        lambda c: frames.icmp(c.claims(link_local(c.gateway6.mac)), ALL_NODES, 134, rest=bytes(12)),
        lambda c: frames.icmp(c.local, ALL_ROUTERS, 133),
    ),
    **{
        f"router advertisement behind {name}": Attack(
            lambda c, chain=chain: hidden(c, chain, 134, bytes(12)),
            lambda c, chain=chain: hidden(c, chain, 128, struct.pack(">HH", c.token, 1)),
        )
        for name, chain in (
            ("destination options", (OPTIONS,)),
            ("hop-by-hop options", (HOP_BY_HOP,)),
            ("both", (HOP_BY_HOP, OPTIONS)),
            ("options twice", (OPTIONS, OPTIONS)),
        )
    },
    "router advertisement in fragments": Attack(
        lambda c: list(fragments(c.local, c.to6, 58, announcement(c), c.token)), own6
    ),
    "router advertisement in the second fragment": Attack(
        lambda c: frames.fragments(c.local, c.to6, 58, announcement(c)), own6, works=False
    ),
    "router advertisement as a fragment of one": Attack(lambda c: atomic(c, c.local, announcement(c)), own6),
    "redirect": Attack(
        lambda c: frames.icmp(c.local, c.to6, 137, rest=bytes(36)),
        lambda c: frames.icmp(c.local, c.to6, 128, rest=struct.pack(">HH", c.token, 1)),
    ),
    "redirect behind options": Attack(lambda c: hidden(c, (OPTIONS,), 137, bytes(36)), own6),
    "router renumbering": Attack(lambda c: frames.icmp(c.six, c.to6, 138, rest=bytes(12)), own6),
    "listener query": Attack(
        lambda c: frames.icmp(c.local, ALL_NODES, 130, rest=bytes(20)),
        lambda c: frames.icmp(c.local, ALL_ROUTERS, 131, rest=bytes(20)),
    ),
}
_DHCP: Final = {
    "DHCP offer to everyone": Attack(
        lambda c: dhcp(c, c.four, EVERYONE), lambda c: dhcp(c, c.claims("0.0.0.0"), EVERYONE, (68, 67))
    ),
    "DHCP offer to the victim": Attack(
        lambda c: dhcp(c, c.four, c.to4), lambda c: dhcp(c, c.four, c.to4, (68, 67))
    ),
    "DHCP offer as the gateway": Attack(
        lambda c: dhcp(c, c.claims(c.gateway4.address), EVERYONE),
        lambda c: dhcp(c, c.claims("0.0.0.0"), EVERYONE, (68, 67)),
    ),
    "DHCP offer from no address": Attack(
        lambda c: dhcp(c, c.claims("0.0.0.0"), EVERYONE),
        lambda c: dhcp(c, c.claims("0.0.0.0"), EVERYONE, (68, 67)),
    ),
    "DHCP request as another's MAC": Attack(
        lambda c: dhcp(c, c.claims("0.0.0.0", STRANGER), EVERYONE, (68, 67)),
        lambda c: dhcp(c, c.claims("0.0.0.0"), EVERYONE, (68, 67)),
    ),
    "DHCP offer in fragments": Attack(
        lambda c: cut4(c, (67, 68), 24), lambda c: cut4(c, (c.token, 2000), 24)
    ),
    "DHCP offer in tiny fragments": Attack(
        lambda c: cut4(c, (67, 68), 8), lambda c: cut4(c, (c.token, 2000), 8)
    ),
    "DHCP offer behind IPv4 options": Attack(
        lambda c: routed(c.four, c.to4, frames.udp_body(c.four, c.to4, (67, 68), bytes(240))),
        lambda c: with_no_ops(c, c.four),
    ),
    "DHCPv6 reply": Attack(
        lambda c: frames.udp(c.local, c.to6, (547, 546), bytes(40)),
        lambda c: frames.udp(c.local, ALL_ROUTERS, (546, 547), bytes(40)),
    ),
    "DHCPv6 reply behind options": Attack(
        lambda c: behind(
            c.local, c.to6, (OPTIONS,), 17, frames.udp_body(c.local, c.to6, (547, 546), bytes(40))
        ),
        lambda c: behind(
            c.local, c.to6, (OPTIONS,), 17, frames.udp_body(c.local, c.to6, (c.token, 2000), b"x")
        ),
    ),
    "DHCPv6 reply in fragments": Attack(
        lambda c: list(
            fragments(c.local, c.to6, 17, frames.udp_body(c.local, c.to6, (547, 546), bytes(1390)), c.token)
        ),
        lambda c: list(
            fragments(
                c.local, c.to6, 17, frames.udp_body(c.local, c.to6, (c.token, 2000), bytes(1390)), c.token
            )
        ),
    ),
}
_HIDING: Final = {
    "another's source behind options": Attack(
        lambda c: behind(
            c.claims(FOREIGN6), c.to6, (OPTIONS,), 17,
            frames.udp_body(c.claims(FOREIGN6), c.to6, (c.token, 2000), b"x"),
        ),
        lambda c: behind(
            c.six, c.to6, (OPTIONS,), 17, frames.udp_body(c.six, c.to6, (c.token, 2000), b"x")
        ),
    ),
    "another's source in IPv4 options' shade": Attack(
        lambda c: with_no_ops(c, c.claims(FOREIGN4)), lambda c: with_no_ops(c, c.four)
    ),
    "another's source on a source route": Attack(
        lambda c: routed(
            c.claims(FOREIGN4),
            c.to4,
            frames.udp_body(c.claims(FOREIGN4), c.to4, (c.token, 2000), b"x"),
            c.to4.address,
        ),
        own4,
    ),
    "a forbidden port behind IPv4 options": Attack(
        lambda c: with_no_ops(c, c.four, 53), lambda c: with_no_ops(c, c.four), everyday=True
    ),
    "a forbidden port behind options": Attack(
        lambda c: behind(c.six, c.to6, (OPTIONS,), 17, frames.udp_body(c.six, c.to6, (c.token, 53), b"x")),
        lambda c: behind(
            c.six, c.to6, (OPTIONS,), 17, frames.udp_body(c.six, c.to6, (c.token, 2000), b"x")
        ),
        everyday=True,
    ),
    "a forbidden protocol behind options": Attack(
        lambda c: behind(c.six, c.to6, (HOP_BY_HOP, OPTIONS), 4, own4(c)[14:]), own6, everyday=True
    ),
    "a forbidden port in fragments": Attack(
        lambda c: cut4(c, (c.token, 53), 24), lambda c: cut4(c, (c.token, 2000), 24), everyday=True
    ),
    "a forbidden port in a tiny first fragment": Attack(
        lambda c: cut4(c, (c.token, 53), 8), lambda c: cut4(c, (c.token, 2000), 8), everyday=True
    ),
    "an overlapping fragment that changes the port": Attack(
        lambda c: overlapping(c, 0), lambda c: cut4(c, (c.token, 2000), 24), everyday=True, works=False
    ),
    "an overlapping fragment": Attack(
        lambda c: overlapping(c, 16), lambda c: cut4(c, (c.token, 2000), 24), everyday=True, works=False
    ),
    "a later fragment without a first": Attack(
        lambda c: cut4(c, (c.token, 2000), 24)[1:], lambda c: cut4(c, (c.token, 2000), 24), works=False
    ),
    "another's source in a later fragment": Attack(
        lambda c: [
            cut4(c, (c.token, 2000), 24)[0],
            cut4(replace(c, four=c.claims(FOREIGN4)), (c.token, 2000), 24)[1],
        ],
        lambda c: cut4(c, (c.token, 2000), 24),
        works=False,
    ),
    "IPv4 in IPv4": Attack(lambda c: carried(c, 4), own4, everyday=True),
    "IPv6 in IPv4": Attack(
        lambda c: frames.ip(c.four, c.to4, 41, own6(c)[14:]), own4, everyday=True
    ),
    "GRE": Attack(
        lambda c: frames.ip(c.four, c.to4, 47, b"\0\0\x08\0" + own4(c)[14:]), own4, everyday=True
    ),
    "IGMP query": Attack(
        lambda c: frames.ip(
            c.four, End(Mac("01:00:5e:00:00:01"), IPv4Address("224.0.0.1")), 2,
            b"\x11\x64" + struct.pack(">H", frames.checksum(b"\x11\x64" + bytes(6))) + bytes(4),
        ),
        own4,
        everyday=True,
    ),
}  # fmt: skip
_HOST: Final = {
    "the host's ssh": Attack(
        lambda c: to_host(c, c.four, 22, 6), lambda c: to_host(c, c.four, 8775, 6), Place.HOST, works=False
    ),
    "the host's ssh, IPv6": Attack(
        lambda c: to_host(c, c.six, 22, 6), lambda c: to_host(c, c.six, 8775, 6), Place.HOST, works=False
    ),
    "the host's other address": Attack(
        lambda c: frames.tcp(c.four, replace(c.gateway4, address=IPv4Address("203.0.113.2")), (c.token, 22)),
        lambda c: to_host(c, c.four, 53, 6),
        Place.HOST,
        works=False,
    ),
    "the host's NTP": Attack(
        lambda c: to_host(c, c.four, 123), lambda c: to_host(c, c.four, 53), Place.HOST, works=False
    ),
    "the host's ssh in fragments": Attack(
        lambda c: [*fragments(c.four, c.gateway4, 6, to_host(c, c.four, 22, 6)[34:], c.token, 16)],
        lambda c: [*fragments(c.four, c.gateway4, 6, to_host(c, c.four, 8775, 6)[34:], c.token, 16)],
        Place.HOST,
        works=False,
    ),
    "the host's DNS as the victim": Attack(
        lambda c: to_host(c, c.claims(c.to4.address), 53), lambda c: to_host(c, c.four, 53), Place.HOST
    ),
    "the host's DNS as the victim, IPv6": Attack(
        lambda c: to_host(c, c.claims(c.to6.address), 53), lambda c: to_host(c, c.six, 53), Place.HOST
    ),
    "the host's DNS as the victim with its MAC": Attack(
        lambda c: to_host(c, c.to4, 53), lambda c: to_host(c, c.four, 53), Place.HOST
    ),
    "the metadata service as the victim": Attack(
        lambda c: to_metadata(c, c.claims(c.to4.address)), lambda c: to_metadata(c, c.four), Place.METADATA
    ),
    "the metadata service as the victim with its MAC": Attack(
        lambda c: to_metadata(c, c.to4), lambda c: to_metadata(c, c.four), Place.METADATA
    ),
    "the metadata service as the same guest's other port": Attack(
        lambda c: to_metadata(c, c.claims(c.second4.address)),
        lambda c: to_metadata(c, c.four),
        Place.METADATA,
    ),
    "an ARP answer for the victim, to the host": Attack(
        lambda c: arp(c, c.claims(c.to4.address), c.gateway4), lambda c: arp(c, c.four, c.gateway4)
    ),
    "an advertisement for the victim, to the host": Attack(
        lambda c: frames.advertisement(c.six, c.gateway6, c.to6.address, c.mac),
        lambda c: frames.advertisement(c.six, c.gateway6, c.six.address, c.mac),
    ),
    "a source route through the host": Attack(
        lambda c: routed(
            c.four,
            c.gateway4,
            frames.udp_body(c.four, c.gateway4, (c.token, 2000), b"x"),
            c.to4.address,
        ),
        lambda c: to_host(c, c.four, 53),
        Place.HOST,
        works=False,
    ),
}
_SNAP: Final = b"\xaa\xaa\x03\0\0\x0c\x20\0" + bytes(38)
_BRIDGES: Final = Mac("01:80:c2:00:00:00")
STRANGE: Final[Mapping[str, Make]] = {
    "a VLAN tag": lambda c: frames.tagged(own4(c), 5),
    "a VLAN tag on IPv6": lambda c: frames.tagged(own6(c), 5),
    "a priority tag": lambda c: frames.tagged(own4(c), 0),
    "a priority tag with a priority": lambda c: frames.tagged(own6(c), 5 << 13),
    "a tagged ARP answer": lambda c: frames.tagged(own_arp(c), 5),
    "a tagged solicitation": lambda c: frames.tagged(frames.solicitation(c.six, c.to6, c.to6.address), 5),
    "a tagged DHCP request": lambda c: frames.tagged(dhcp(c, c.four, c.to4, (68, 67)), 0),
    "a tagged router advertisement": lambda c: frames.tagged(
        frames.icmp(c.local, c.to6, 134, rest=bytes(12)), 0
    ),
    "two tags": lambda c: stacked(own4(c), 0x8100),
    "two tags, the outer one 0": lambda c: frames.tagged(frames.tagged(own4(c), 5), 0),
    "a provider's tag": lambda c: stacked(own4(c)),
    "a provider's tag alone": lambda c: own4(c)[:12] + struct.pack(">HH", 0x88A8, 5) + own4(c)[12:],
    "MPLS": lambda c: raw(c, 0x8847, body=b"\0\x01\x01\x40" + own4(c)[14:]),
    "PPPoE discovery": lambda c: raw(c, 0x8863),
    "PPPoE": lambda c: raw(
        c, 0x8864, body=b"\x11\0\0\1" + struct.pack(">HH", len(own4(c)) - 12, 0x21) + own4(c)[14:]
    ),
    "an unknown EtherType": lambda c: raw(c, 0x88B5),
    "the lowest EtherType": lambda c: raw(c, 0x0600),
    "an 802.3 frame": lambda c: raw(c, 46),
    "an 802.3 frame with SNAP": lambda c: raw(c, len(_SNAP), body=_SNAP),
    "IPv4 in SNAP": lambda c: raw(c, 8 + len(own4(c)) - 14, body=b"\xaa\xaa\x03\0\0\0\x08\0" + own4(c)[14:]),
    "IPX": lambda c: raw(c, 0x8137),
    "EAPOL": lambda c: raw(c, 0x888E),
    "a bridge's BPDU": lambda c: raw(c, 38, _BRIDGES, b"\x42\x42\x03" + bytes(35)),
    "CDP": lambda c: raw(c, len(_SNAP), Mac("01:00:0c:cc:cc:cc"), _SNAP),
    "a loopback test": lambda c: raw(c, 0x9000),
}
"""What is neither IPv4, IPv6 nor ARP: it neither leaves nor reaches a secured port."""
_KEPT: Final = {
    name: Attack(
        lambda c, last=last, kind=kind: raw(c, kind, Mac(f"01:80:c2:00:00:{last:02x}")), own4, works=False
    )
    for name, last, kind in (
        ("LLDP", 0x0E, 0x88CC),
        ("a pause", 0x01, 0x8808),
        ("LACP", 0x02, 0x8809),
        ("802.1X", 0x03, 0x888E),
    )
}
"""What a bridge passes on to nobody (IEEE 802.1Q, table 8-1)."""
ATTACKS: Final[Mapping[str, Attack]] = {
    **(_MACS | _FOUR | _SIX | _ARP | _ND | _ROUTERS | _DHCP | _HIDING | _HOST | _KEPT),
    **{name: Attack(make, own4) for name, make in STRANGE.items()},
}
