"""The IPv6 addresses that hosts make themselves from their MACs (modified EUI-64, RFC 4291 appendix A)."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network
from typing import Final

from netwright.model.ids import Mac
from netwright.model.intent import Prefix

_LINK_LOCAL: Final = IPv6Network("fe80::/64")


def address_on(prefix: Prefix, mac: Mac) -> IPv6Address:
    """The address that a host with that MAC makes on an IPv6 /64."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    return IPv6Address(int(prefix.network_address) | int.from_bytes(identifier))


def link_local(mac: Mac) -> IPv6Address:
    """The link-local address that a kernel makes from the MAC."""
    return address_on(_LINK_LOCAL, mac)
