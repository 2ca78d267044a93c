"""What nftables and iptables call things, as fields and values."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final

from netwright.model.foreign import Field, Span, Test, Value

CANNOT_TELL: Final = Test((Field.OTHER,), (("?",),))
"""A condition that is not understood."""
NEVER: Final = Test((Field.VERSION,), ())
"""What none of netwright's packets has: an IPv6 extension header."""
PROTOCOLS: Final[Mapping[str, int]] = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51,
    "icmpv6": 58, "ipv6-icmp": 58, "comp": 108, "sctp": 132, "udplite": 136,
}  # fmt: skip
_SERVICES: Final[Mapping[str, int]] = {
    "ssh": 22, "domain": 53, "bootps": 67, "bootpc": 68, "http": 80, "ntp": 123, "https": 443,
    "dhcpv6-client": 546, "dhcpv6-server": 547,
}  # fmt: skip
_ICMP: Final[Mapping[str, int]] = {
    "echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8, "time-exceeded": 11,
    "parameter-problem": 12,
}  # fmt: skip
_ICMP6: Final[Mapping[str, int]] = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133,
    "router-solicitation": 133, "nd-router-advert": 134, "router-advertisement": 134,
    "nd-neighbor-solicit": 135, "neighbour-solicitation": 135, "neighbor-solicitation": 135,
    "nd-neighbor-advert": 136, "neighbour-advertisement": 136, "neighbor-advertisement": 136,
    "nd-redirect": 137, "redirect": 137, "mld2-listener-report": 143,
}  # fmt: skip
_VERSIONS: Final[Mapping[str, str]] = {
    "ip": "4", "ip6": "6", "ipv4": "4", "ipv6": "6", "0x0800": "4", "0x86dd": "6", "0x0806": "arp",
    "2048": "4", "34525": "6", "2054": "arp", "0x800": "4", "0x806": "arp", "2": "4", "10": "6",
}  # fmt: skip


_NUMBERED: Final[Mapping[Field, Mapping[str, int]]] = {
    Field.PROTOCOL: PROTOCOLS,
    Field.SOURCE_PORT: _SERVICES,
    Field.TARGET_PORT: _SERVICES,
    Field.ICMP_TYPE: _ICMP,
    Field.ICMP6_TYPE: _ICMP6,
    Field.MARK: {},
}


def named(field: Field, word: str) -> Value | None:
    """A single word of a rule as a value of the field; None where it says nothing to us."""
    if field in _NUMBERED:
        return _numbered(word, _NUMBERED[field])
    match field:
        case Field.SOURCE | Field.TARGET:
            return addresses(word)
        case Field.VERSION:
            return _VERSIONS.get(word.lower(), word)
        case Field.OTHER:
            return None
        case _:
            return word


def addresses(word: str) -> Span | None:
    """An address, a prefix, `address/mask`, or `first-last`."""
    first, dash, last = word.partition("-")
    try:
        if dash:
            ends = ip_address(first), ip_address(last)
            return Span(int(ends[0]), int(ends[1]), ends[0].version)
        found = ip_network(word, strict=False)
    except ValueError:
        return None
    return Span(int(found.network_address), int(found.broadcast_address), found.version)


def numbers(word: str) -> Span | None:
    """A number in any of C's notations, as iptables and nft write them."""
    try:
        found = int(word, 16) if word.lower().startswith("0x") else int(word)
    except ValueError:
        return None
    return Span(found, found)


def _numbered(word: str, names: Mapping[str, int]) -> Span | None:
    if word in names:
        return Span(names[word], names[word])
    return numbers(word)


def is_protocol(*names: str) -> Test:
    return Test((Field.PROTOCOL,), tuple((Span(PROTOCOLS[name], PROTOCOLS[name]),) for name in names))


def is_version(word: str) -> Test:
    """`4`, `6` or `arp`."""
    return Test((Field.VERSION,), ((word,),))
