"""The IPv6 address of an interface, made from its MAC: nova.ipv6's backends by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from netwright.model.eui64 import address_on
from netwright.model.ids import Mac


def to_global(prefix: IPv6Network, mac: Mac, project_id: str, backend: str = "rfc2462") -> IPv6Address:
    """The address on the /64. Raises KeyError for a backend that there is not."""
    return _BACKENDS[backend](prefix, mac, project_id)


def _rfc2462(prefix: IPv6Network, mac: Mac, project_id: str) -> IPv6Address:
    del project_id
    return address_on(prefix, mac)


def _account_identifier(prefix: IPv6Network, mac: Mac, project_id: str) -> IPv6Address:
    """Four octets of the project's digest, ff, and the MAC's last three."""
    project = int.from_bytes(hashlib.sha1(project_id.encode(), usedforsecurity=False).digest()[:4])
    last = int.from_bytes(bytes.fromhex(mac.replace(":", ""))[3:])
    return IPv6Address(int(prefix.network_address) | project << 32 | 0xFF << 24 | last)


_BACKENDS: Final[Mapping[str, Callable[[IPv6Network, Mac, str], IPv6Address]]] = {
    "rfc2462": _rfc2462,
    "account_identifier": _account_identifier,
}
