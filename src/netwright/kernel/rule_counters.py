"""The counters of all our rules in one raw dump, however many ports and chains there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from netwright.kernel.netlink import NETFILTER, Netlink, attributes, children, string
from netwright.kernel.nft_messages import GET_RULE, RULE_CHAIN, in_table, is_ours, parsed, tag_of_rule

_BRIDGE: Final = "bridge"
# Attribute numbers of linux/netfilter/nf_tables.h.
_RULE_EXPRESSIONS: Final = 4
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
        found: dict[tuple[str, str], Met] = {}
        try:
            for message in self._netlink.dump(GET_RULE, in_table(_BRIDGE)):
                if _COUNTER in message.body and is_ours(rule := parsed(message), _BRIDGE):
                    met = _met(rule.get(_RULE_EXPRESSIONS, b""))
                    if met is not None:
                        found[string(rule[RULE_CHAIN]), tag_of_rule(rule)] = met
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
