"""Single objects of our tables straight from nfnetlink.

libnftables loads whole sets before it answers about one element: with a thousand ports that is
milliseconds for what the kernel looks up in microseconds.
"""

from __future__ import annotations

import ipaddress
import re
import struct
import sys
from typing import Final

from netwright.kernel.netlink import NETFILTER, Netlink, attribute, attributes, children, nested, string
from netwright.kernel.nft_listing import TABLE
from netwright.model.host import NftChain, NftElement, NftKey, NftKind, NftSet, NftValue

_SUBSYSTEM: Final = 10 << 8
_GET_CHAIN: Final = _SUBSYSTEM | 4
_GET_RULE: Final = _SUBSYSTEM | 7
_GET_SET: Final = _SUBSYSTEM | 10
_GET_ELEMENTS: Final = _SUBSYSTEM | 13
_FAMILIES: Final = {"inet": 1, "bridge": 7}
_HEADER: Final = 4
# Attribute numbers of linux/netfilter/nf_tables.h.
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_TYPE = 1, 3, 4, 7
_RULE_TABLE, _RULE_CHAIN, _RULE_USERDATA = 1, 2, 7
_SET_TABLE, _SET_NAME, _SET_USERDATA = 1, 2, 13
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_ELEMENT_KEY, _ELEMENT_DATA = 1, 2
_DATA_VALUE, _DATA_VERDICT = 1, 2
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_VERDICTS: Final = {-3: "jump", -4: "goto"}
_HOOKS: Final = {0: "prerouting", 1: "input", 2: "forward", 3: "output", 4: "postrouting"}
# User data is type, length, value: comments are type 0 in rules, type 7 in sets (libnftnl/udata.h).
_RULE_COMMENT: Final = 0
_SET_COMMENT: Final = 7
_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class NftReader:
    """Reads what single keys have; knows nothing of interval sets, which stay libnftables' business."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def close(self) -> None:
        self._netlink.close()

    def read(self, key: NftKey) -> NftValue | None:
        """The key's value, or None where the kernel has none."""
        match key.kind:
            case NftKind.ELEMENT:
                return self._element(key)
            case NftKind.CHAIN:
                return self._chain(key)
            case NftKind.SET | NftKind.MAP:
                return self._set(key)
            case _:
                return None

    def _chain(self, key: NftKey) -> NftChain | None:
        request = _header(key.family) + _name(_CHAIN_TABLE, TABLE) + _name(_CHAIN_NAME, key.name)
        answer = self._netlink.get(_GET_CHAIN, request)
        if answer is None:
            return None
        found = attributes(answer.body, _HEADER)
        hook = ""
        if _CHAIN_HOOK in found:
            inside = attributes(found[_CHAIN_HOOK])
            number, priority = struct.unpack(">I", inside[1])[0], struct.unpack(">i", inside[2])[0]
            hook = f"{string(found[_CHAIN_TYPE])} {_HOOKS[number]} {priority}"
        return NftChain(hook, self._tags(key), ())

    def _tags(self, key: NftKey) -> tuple[str, ...]:
        request = _header(key.family) + _name(_RULE_TABLE, TABLE) + _name(_RULE_CHAIN, key.name)
        rules = [attributes(rule.body, _HEADER) for rule in self._netlink.dump(_GET_RULE, request)]
        # Older kernels list the whole table whatever the chain.
        return tuple(
            _comment(rule.get(_RULE_USERDATA, b""), _RULE_COMMENT)
            for rule in rules
            if string(rule[_RULE_CHAIN]) == key.name
        )

    def _set(self, key: NftKey) -> NftSet | None:
        request = _header(key.family) + _name(_SET_TABLE, TABLE) + _name(_SET_NAME, key.name)
        answer = self._netlink.get(_GET_SET, request)
        if answer is None:
            return None
        userdata = attributes(answer.body, _HEADER).get(_SET_USERDATA, b"")
        return NftSet(_comment(userdata, _SET_COMMENT), "")

    def _element(self, key: NftKey) -> NftElement | None:
        packed = pack_key(key.element)
        element = nested(1, nested(_ELEMENT_KEY, attribute(_DATA_VALUE, packed)))
        request = (
            _header(key.family)
            + _name(_LIST_TABLE, TABLE)
            + _name(_LIST_SET, key.name)
            + nested(_LIST_ELEMENTS, element)
        )
        answer = self._netlink.get(_GET_ELEMENTS, request)
        if answer is None:
            return None
        listed = attributes(answer.body, _HEADER)[_LIST_ELEMENTS]
        found = attributes(next(children(listed)))
        return NftElement(_data(found.get(_ELEMENT_DATA)))


def readable(element: str) -> bool:
    """Whether an element can be asked for alone: one of an interval set cannot."""
    return "/" not in element and "-0x" not in element


def pack_key(element: str) -> bytes:
    """An element's key as the kernel keeps it: each field of a concatenation padded to four bytes."""
    fields = [_pack(text) for text in element.split(" . ")]
    if len(fields) == 1:
        return fields[0]
    return b"".join(field + b"\0" * (-len(field) % 4) for field in fields)


def _pack(text: str) -> bytes:
    """A field, its type told from its text: netwright's links are never named like an address."""
    if _MAC.fullmatch(text):
        return bytes.fromhex(text.replace(":", ""))
    if text.startswith("0x"):
        return int(text, 16).to_bytes(16, "big")
    if text[0].isdigit() or ":" in text:
        return ipaddress.ip_address(text).packed
    return text.encode().ljust(16, b"\0")


def _data(data: bytes | None) -> str:
    if data is None:
        return ""
    inside = attributes(data)
    if _DATA_VERDICT in inside:
        verdict = attributes(inside[_DATA_VERDICT])
        code = struct.unpack(">i", verdict[_VERDICT_CODE])[0]
        return f"{_VERDICTS.get(code, str(code))} {string(verdict.get(_VERDICT_CHAIN, b''))}".strip()
    value = inside[_DATA_VALUE]
    # An IPv4 address is four bytes in network order, a conntrack zone two in the host's.
    return str(ipaddress.IPv4Address(value) if len(value) == 4 else int.from_bytes(value, sys.byteorder))


def _comment(userdata: bytes, wanted: int) -> str:
    at = 0
    while at + 2 <= len(userdata):
        kind, length = userdata[at], userdata[at + 1]
        if kind == wanted:
            return string(userdata[at + 2 : at + 2 + length])
        at += 2 + length
    return ""


def _header(family: str) -> bytes:
    return struct.pack(">BBH", _FAMILIES[family], 0, 0)


def _name(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")
