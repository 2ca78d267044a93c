"""DHCP options of a port's own: what they are called, and which of them a user may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OPTIONS4: Final[Mapping[str, int]] = {
    "netmask": 1, "time-offset": 2, "router": 3, "dns-server": 6, "log-server": 7, "lpr-server": 9,
    "boot-file-size": 13, "domain-name": 15, "swap-server": 16, "root-path": 17, "extension-path": 18,
    "ip-forward-enable": 19, "non-local-source-routing": 20, "policy-filter": 21,
    "max-datagram-reassembly": 22, "default-ttl": 23, "mtu": 26, "all-subnets-local": 27,
    "router-discovery": 31, "router-solicitation": 32, "static-route": 33, "trailer-encapsulation": 34,
    "arp-timeout": 35, "ethernet-encap": 36, "tcp-ttl": 37, "tcp-keepalive": 38, "nis-domain": 40,
    "nis-server": 41, "ntp-server": 42, "netbios-ns": 44, "netbios-dd": 45, "netbios-nodetype": 46,
    "netbios-scope": 47, "x-windows-fs": 48, "x-windows-dm": 49, "T1": 58, "T2": 59, "vendor-class": 60,
    "nis+-domain": 64, "nis+-server": 65, "tftp-server": 66, "bootfile-name": 67, "mobile-ip-home": 68,
    "smtp-server": 69, "pop3-server": 70, "nntp-server": 71, "irc-server": 74, "user-class": 77,
    "rapid-commit": 80, "client-arch": 93, "client-interface-id": 94, "client-machine-id": 97,
    "posix-timezone": 100, "tzdb-timezone": 101, "ipv6-only": 108, "domain-search": 119,
    "sip-server": 120, "classless-static-route": 121, "vendor-id-encap": 125, "tftp-server-address": 150,
    "server-ip-address": 255,
}  # fmt: skip
"""Names that dnsmasq 2.90 knows, and their numbers (IANA; 255: the header's field for the next server)."""
OPTIONS6: Final[Mapping[str, int]] = {
    "sip-server-domain": 21, "sip-server": 22, "dns-server": 23, "domain-search": 24, "nis-server": 27,
    "nis+-server": 28, "nis-domain": 29, "nis+-domain": 30, "sntp-server": 31,
    "information-refresh-time": 32, "posix-timezone": 41, "tzdb-timezone": 42, "ntp-server": 56,
    "bootfile-url": 59, "bootfile-param": 60,
}  # fmt: skip
_HIGHEST: Final = {4: 254, 6: 65535}
_PROTOCOLS_OWN: Final = {
    4: frozenset({50, 51, 52, 53, 54, 55, 57, 61, 82}),
    6: frozenset(range(1, 21)),
}
"""What a DHCP message itself is made of (RFC 2132 9, RFC 8415 21)."""


@dataclass(frozen=True, slots=True)
class DhcpOption:
    """An option that a port's guest gets in place of, or beside, those of its network."""

    name: str
    """A name of dnsmasq's, or a number."""
    value: str
    """As dnsmasq reads it: commas part a list, a text may stand in quotes; empty: the guest gets none."""
    version: int = 4
    """IP's: of DHCPv4 or DHCPv6."""


def option_number(name: str, version: int) -> int | None:
    """The option's number; None for one that nobody can set."""
    known = OPTIONS4 if version == 4 else OPTIONS6
    if name in known:
        return known[name]
    if not (name.isascii() and name.isdecimal() and len(name) <= 5):
        return None
    number = int(name)
    if not 1 <= number <= _HIGHEST[version] or number in _PROTOCOLS_OWN[version]:
        return None
    return number
