"""The words of nfnetlink that speak of our tables (linux/netfilter/nf_tables.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from netwright.kernel.netlink import Message, attribute, attributes, children, string, text_attribute
from netwright.model.host import NFT_TABLES

LAYOUT: Final = "layout_"
"""An empty chain whose name ends in the table's layout: tables keep no comment before nft 1.0.7."""

SUBSYSTEM: Final = 10
GET_TABLE, GET_CHAIN, GET_RULE, GET_SET, GET_ELEMENTS, GET_OBJECT = (
    SUBSYSTEM << 8 | kind for kind in (1, 4, 7, 10, 13, 19)
)
TABLE_NAME: Final = 1
"""Of a table as of all that is in one."""
CHAIN_NAME, _CHAIN_HOOK, _CHAIN_TYPE = 3, 4, 7
RULE_CHAIN, RULE_HANDLE, _RULE_USERDATA = 2, 3, 7
SET_NAME, SET_FLAGS, SET_KEY_TYPE, _SET_USERDATA = 2, 3, 4, 13
OBJECT_NAME, OBJECT_TYPE = 2, 3
LIST_ELEMENTS: Final = 3
_LIST_SET: Final = 2
_LIMIT: Final = struct.pack(">I", 4)
_FAMILIES: Final = {"inet": 1, "bridge": 7}
_HEADER: Final = 4
_HOOKS: Final = {0: "prerouting", 1: "input", 2: "forward", 3: "output", 4: "postrouting"}
# User data is type, length, value: comments are type 0 in rules, type 7 in sets (libnftnl/udata.h).
_RULE_COMMENT: Final = 0
_SET_COMMENT: Final = 7


@lru_cache
def in_table(family: str) -> bytes:
    """How a message about our table, or something in it, begins."""
    number, table = NFT_TABLES[family]
    return struct.pack(">BBH", _FAMILIES[number], 0, 0) + text_attribute(TABLE_NAME, table)


def spoken(family: str) -> str:
    """Our table as nft's commands name it: its family and its own name."""
    return " ".join(NFT_TABLES[family])


@lru_cache(maxsize=1024)
def in_set(family: str, name: str) -> bytes:
    """How a message about a set's elements begins."""
    return in_table(family) + text_attribute(_LIST_SET, name)


def limits(family: str) -> bytes:
    """How a message about our table's limits begins."""
    return in_table(family) + attribute(OBJECT_TYPE, _LIMIT)


def parsed(message: Message) -> dict[int, bytes]:
    """A message's attributes."""
    return attributes(message.body, _HEADER)


def is_ours(found: Mapping[int, bytes], family: str) -> bool:
    """Some kernels list all tables' objects, whichever table is asked for."""
    return string(found[TABLE_NAME]) == NFT_TABLES[family][1]


def entries(message: Message) -> Iterator[bytes]:
    """The elements that a message lists."""
    return children(parsed(message).get(LIST_ELEMENTS, b""))


def hook_of(chain: Mapping[int, bytes]) -> str:
    """`filter prerouting -300`; empty for a regular chain."""
    if _CHAIN_HOOK not in chain:
        return ""
    inside = attributes(chain[_CHAIN_HOOK])
    number, priority = struct.unpack(">I", inside[1])[0], struct.unpack(">i", inside[2])[0]
    return f"{string(chain[_CHAIN_TYPE])} {_HOOKS.get(number, number)} {priority}"


def tag_of_rule(rule: Mapping[int, bytes]) -> str:
    return _comment(rule.get(_RULE_USERDATA, b""), _RULE_COMMENT)


def tag_of_set(declared: Mapping[int, bytes]) -> str:
    return _comment(declared.get(_SET_USERDATA, b""), _SET_COMMENT)


def _comment(userdata: bytes, wanted: int) -> str:
    at = 0
    while at + 2 <= len(userdata):
        kind, length = userdata[at], userdata[at + 1]
        if kind == wanted:
            return string(userdata[at + 2 : at + 2 + length])
        at += 2 + length
    return ""
