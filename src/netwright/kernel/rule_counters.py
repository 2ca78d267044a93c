"""The counters of all our rules in one raw dump, however many ports and chains there are."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from netwright.kernel.netlink import NETFILTER, Netlink, attribute, attributes, children, string
from netwright.kernel.nft_listing import TABLE
from netwright.kernel.nft_reading import rule_tag

_GET_RULE: Final = (10 << 8) | 7
_BRIDGE: Final = 7
_HEADER: Final = 4
# Attribute numbers of linux/netfilter/nf_tables.h.
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2
_COUNTER_BYTES, _COUNTER_PACKETS = 1, 2
_COUNTER: Final = b"counter\0"


class Met(NamedTuple):
    """How often a rule was met since the kernel has it."""

    packets: int
    bytes: int


class NftCounterReader:
    """A socket in the namespace of the thread that makes it; used by one thread at a time."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def read(self) -> Mapping[tuple[str, str], Met]:
        """By chain and tag, the bridge table's rules that count. Raises KernelRefusedError."""
        request = struct.pack(">BBH", _BRIDGE, 0, 0) + attribute(_RULE_TABLE, TABLE.encode() + b"\0")
        found: dict[tuple[str, str], Met] = {}
        try:
            for message in self._netlink.dump(_GET_RULE, request):
                if _COUNTER in message.body:
                    rule = attributes(message.body, _HEADER)
                    met = _met(rule.get(_RULE_EXPRESSIONS, b""))
                    if met is not None:
                        found[string(rule[_RULE_CHAIN]), rule_tag(rule)] = met
        except FileNotFoundError:
            return {}  # no table yet
        return found

    def close(self) -> None:
        self._netlink.close()


def _met(expressions: bytes) -> Met | None:
    for one in children(expressions):
        parts = attributes(one)
        if parts[_EXPRESSION_NAME] == _COUNTER:
            counter = attributes(parts[_EXPRESSION_DATA])
            packets, size = counter[_COUNTER_PACKETS], counter[_COUNTER_BYTES]
            return Met(int.from_bytes(packets, "big"), int.from_bytes(size, "big"))
    return None
