"""What a guest may say: what is its own, what its allowed address pairs add, and where those end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Final

from hostile import ALL_ROUTERS, EVERYONE, Make, dad, udp

from netwright.model.eui64 import link_local
from netwright.testing import frames
from netwright.testing.frames import NOBODY
from netwright.testing.wires import stranger

FRIEND: Final = stranger(7)
PAIRS: Final = (
    ("10.31.7.0/28", None),
    ("10.31.0.200/32", FRIEND),
    ("fd31:7::/64", None),
    ("fd31::200/128", FRIEND),
)
"""A prefix, and the MAC where it is not the port's own."""
OWN: Final[Mapping[str, Make]] = {
    "IPv4": lambda c: udp(c.four, c),
    "IPv6": lambda c: udp(c.six, c),
    "link-local": lambda c: udp(c.local, c),
    "ARP answer": lambda c: frames.arp(c.mac, 2, c.four, c.to4),
    "ARP request": lambda c: frames.arp(c.mac, 1, c.four, replace(c.to4, mac=NOBODY)),
    "ARP probe": lambda c: frames.arp(c.mac, 1, c.claims("0.0.0.0"), replace(c.four, mac=NOBODY)),
    "gratuitous ARP": lambda c: frames.arp(c.mac, 1, c.four, replace(c.four, mac=NOBODY)),
    "advertisement": lambda c: frames.advertisement(c.six, c.to6, IPv6Address(c.six.address), c.mac),
    "link-local advertisement": lambda c: frames.advertisement(c.local, c.to6, link_local(c.mac), c.mac),
    "solicitation": lambda c: frames.solicitation(c.six, c.to6, IPv6Address(c.to6.address)),
    "DAD": lambda c: dad(c, IPv6Address(c.six.address)),
    "link-local DAD": lambda c: dad(c, link_local(c.mac)),
    "router solicitation": lambda c: frames.icmp(c.local, ALL_ROUTERS, 133),
    "router solicitation without address": lambda c: frames.icmp(c.claims("::"), ALL_ROUTERS, 133),
    "listener report without address": lambda c: frames.icmp(c.claims("::"), ALL_ROUTERS, 143),
    "DHCP": lambda c: frames.udp(c.claims("0.0.0.0"), EVERYONE, (68, 67), bytes(240)),
    "DHCPv6": lambda c: frames.udp(c.local, ALL_ROUTERS, (546, 547), bytes(40)),
}
BY_PAIR: Final[Mapping[str, Make]] = {
    "IPv4 prefix": lambda c: udp(c.claims("10.31.7.15"), c),
    "IPv4 address and MAC": lambda c: udp(c.claims("10.31.0.200", FRIEND), c),
    "IPv6 prefix": lambda c: udp(c.claims("fd31:7::ffff:1"), c),
    "IPv6 address and MAC": lambda c: udp(c.claims("fd31::200", FRIEND), c),
    "ARP in the prefix": lambda c: frames.arp(c.mac, 2, c.claims("10.31.7.1"), c.to4),
    "ARP by the other MAC": lambda c: frames.arp(FRIEND, 2, c.claims("10.31.0.200", FRIEND), c.to4),
    "advertisement in the prefix": lambda c: frames.advertisement(
        c.claims("fd31:7::1"), c.to6, IPv6Address("fd31:7::1"), c.mac
    ),
    "advertisement by the other MAC": lambda c: frames.advertisement(
        c.claims("fd31::200", FRIEND), c.to6, IPv6Address("fd31::200"), FRIEND
    ),
    "DAD in the prefix": lambda c: dad(c, IPv6Address("fd31:7::abcd")),
    "the other MAC's link-local": lambda c: udp(c.claims(link_local(FRIEND), FRIEND), c),
}
BEYOND_PAIRS: Final[Mapping[str, Make]] = {
    "IPv4 after the prefix": lambda c: udp(c.claims("10.31.7.16"), c),
    "IPv6 after the prefix": lambda c: udp(c.claims("fd31:7:0:1::"), c),
    "own address, other MAC": lambda c: udp(replace(c.four, mac=FRIEND), c),
    "prefix, other MAC": lambda c: udp(c.claims("10.31.7.1", FRIEND), c),
    "the other MAC's address, own MAC": lambda c: udp(c.claims("fd31::200"), c),
    "DAD after the prefix": lambda c: dad(c, IPv6Address("fd31:7:0:1::")),
}
