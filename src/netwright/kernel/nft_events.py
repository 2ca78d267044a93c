"""nftables' notifications to the tables that they are about."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from netwright.kernel.netlink import messages, string
from netwright.model.host import NFT_TABLES

_SUBSYSTEM: Final = 10
"""NFNL_SUBSYS_NFTABLES."""
_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_ATTRIBUTE: Final = struct.Struct("=HH")
_TABLE: Final = 1
"""NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE…: in every message the first attribute."""

OWN: Final = frozenset({NFT_TABLES["bridge"], NFT_TABLES["inet"]})
QOS: Final = frozenset({NFT_TABLES["qos-bridge"], NFT_TABLES["qos-inet"]})
SHARED: Final = frozenset(
    (family, table)
    for family in ("ip", "ip6", "bridge")
    for table in ("filter", "nat", "mangle", "raw", "security", "broute")
)
"""What the nft back ends of iptables and ebtables write to."""


def may_concern(data: bytes, tables: frozenset[tuple[str, str]]) -> bool:
    """A quick no for most of what strangers do: none of the tables' names is in the datagram."""
    return any(f"{name}\0".encode() in data for name in {name for _, name in tables})


def tables_changed(data: bytes) -> Iterator[tuple[tuple[str, str], int]]:
    """Family and name of the table of each message, and the netlink port of who wrote."""
    for kind, _, port, body in messages(data):
        if kind >> 8 == _SUBSYSTEM and (table := _table(body)):
            yield table, port


def _table(body: bytes) -> tuple[str, str] | None:
    if len(body) < 8:
        return None
    length, kind = _ATTRIBUTE.unpack_from(body, 4)
    if kind & 0x3FFF != _TABLE or body[0] not in _FAMILIES:
        return None
    return _FAMILIES[body[0]], string(body[8 : 4 + length])
