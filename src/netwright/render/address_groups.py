"""Prefixes as a set can hold them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from netwright.model.intent import Prefix


def collapsed(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """The same addresses without overlaps, which the kernel's interval sets refuse."""
    listed = set(prefixes)
    if all(prefix.prefixlen == prefix.max_prefixlen for prefix in listed):
        return sorted(listed, key=lambda prefix: (prefix.version, int(prefix.network_address)))
    four = collapse_addresses(prefix for prefix in listed if isinstance(prefix, IPv4Network))
    six = collapse_addresses(prefix for prefix in listed if isinstance(prefix, IPv6Network))
    return [*four, *six]
