"""Elements of our sets and maps as nfnetlink carries them: keys, ranges and data, packed and told apart."""

from __future__ import annotations

import re
import socket
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final, NamedTuple

from netwright.kernel.netlink import attribute, attributes, nested, string, text_attribute
from netwright.model.ids import MAC_FORM
from netwright.model.intent import Address

# Attribute numbers of linux/netfilter/nf_tables.h.
_KEY, _DATA, _FLAGS, _KEY_END = 1, 2, 3, 10
_VALUE, _VERDICT = 1, 2
_CODE, _CHAIN = 1, 2
_LISTED: Final = 1
_INTERVAL_END: Final = 1
_CATCH_ALL: Final = 2
_VERDICTS: Final = {-3: "jump", -4: "goto"}
_CODES: Final = {word: code for code, word in _VERDICTS.items()}
_TYPE_BITS, _TYPE_MASK = 6, 63


class _Type(IntEnum):
    """nft's own numbers of datatypes (nftables/datatype.h)."""

    NUMBER = 4
    IPV4 = 7
    IPV6 = 8
    MAC = 9
    SERVICE = 13
    LINK_TYPE = 21
    LINK = 41


_WIDTHS: Final[Mapping[int, int]] = {
    _Type.NUMBER: 16,
    _Type.IPV4: 4,
    _Type.IPV6: 16,
    _Type.MAC: 6,
    _Type.SERVICE: 2,
    _Type.LINK_TYPE: 2,
    _Type.LINK: 16,
}
"""Bytes. Numbers are neighbour targets."""
_LINK: Final = re.compile(r"[A-Za-z_][\w.@-]*")
_ETHER: Final = "ether", struct.pack("=H", 1)
"""The type of links (ARPHRD_ETHER) that one of our sets may hold, and that none of our links is called."""
_AND: Final = " . "
_BYTES: Final = "!"
EVERYTHING_ELSE: Final = "*"
"""The element that any key finds which no other element has; none of ours."""
_ADDRESS_AND_PORT: Final = 8
"""Bytes of the data of maps to both."""
_REMEMBERED: Final = 1024
"""A key is packed to look for it, to write it, and to look again."""


class PackedKey(NamedTuple):
    """A key as the kernel keeps it: each field of a concatenation padded to four bytes.

    `last` differs from `first` for an element of an interval set.
    """

    first: bytes
    last: bytes


class KeyType(tuple[int, ...]):
    """The nft datatypes of a key's fields."""

    __slots__ = ()

    def text(self, packed: PackedKey, *, plain: bool = False) -> str:
        """A key as nft prints it; in a plain interval set a single address has its length.

        One that we would never write, as of links with a wildcard, is told by its bytes.
        """
        if not packed.first:
            return EVERYTHING_ELSE
        fields, at = [], 0
        for kind in self:
            width = _WIDTHS[kind]
            first, last = packed.first[at : at + width], packed.last[at : at + width]
            fields.append(_text(kind, first, last, always_range=plain))
            at += width + -width % 4
        return _AND.join(fields) if all(fields) else f"{_BYTES}{packed.first.hex()}-{packed.last.hex()}"


def key_type(number: int) -> KeyType | None:
    """From what a set's declaration says: six bits a field. None where a field is of no type of ours."""
    kinds = []
    while number:
        kinds.append(number & _TYPE_MASK)
        number >>= _TYPE_BITS
    return KeyType(reversed(kinds)) if kinds and all(kind in _WIDTHS for kind in kinds) else None


def _text(kind: int, first: bytes, last: bytes, *, always_range: bool) -> str:
    match kind:
        case _Type.LINK:
            return string(first) if first == last and _LINK.fullmatch(string(first)) else ""
        case _Type.MAC:
            return first.hex(":") if first == last else f"{first.hex(':')}-{last.hex(':')}"
        case _Type.SERVICE:
            ends = [str(int.from_bytes(value, "big")) for value in (first, last)]
            return ends[0] if first == last else "-".join(ends)
        case _Type.LINK_TYPE:
            return _ETHER[0] if first == last == _ETHER[1] else ""
        case _Type.NUMBER:
            ends = [hex(int.from_bytes(value, "big")) for value in (first, last)]
            return ends[0] if first == last else "-".join(ends)
        case _:
            return _addresses(ip_address(first), ip_address(last), always_range=always_range)


def _addresses(first: Address, last: Address, *, always_range: bool) -> str:
    if first == last and not always_range:
        return str(first)
    span = int(first) ^ int(last)
    if span & (span + 1) or int(first) & span:
        return f"{first}-{last}"
    return f"{first}/{first.max_prefixlen - span.bit_length()}"


def is_known(element: str) -> bool:
    """Whether it may be one of ours: not the one for everything else, nor one told by its bytes."""
    return bool(element) and element[0] not in {EVERYTHING_ELSE, _BYTES}


def is_range(element: str) -> bool:
    """Whether it is an element of an interval set."""
    return any(map(_is_range, element.split(_AND)))


def is_plain_range(element: str) -> bool:
    """Whether it is an element of an interval set of one field, which the kernel keeps as two elements."""
    return _is_range(element) and _AND not in element


def _is_range(field: str) -> bool:
    """netwright's links are never named like an address."""
    return "/" in field or ("-" in field and (field[0].isdigit() or ":" in field))


@lru_cache(maxsize=_REMEMBERED)
def pack_key(element: str) -> PackedKey:
    """An element's text to bytes."""
    if element == EVERYTHING_ELSE:
        return PackedKey(b"", b"")
    if element.startswith(_BYTES):
        return PackedKey(*map(bytes.fromhex, element.removeprefix(_BYTES).split("-")))
    fields = [_pack(text) for text in element.split(_AND)]
    if len(fields) == 1:
        return PackedKey(*fields[0])
    ends = zip(*fields, strict=True)
    return PackedKey(*(b"".join(field + b"\0" * (-len(field) % 4) for field in end) for end in ends))


def _pack(text: str) -> tuple[bytes, bytes]:
    """A field's first and last value."""
    if "/" in text:
        prefix = ip_network(text)
        return prefix[0].packed, prefix[-1].packed
    if _is_range(text):
        first, _, last = text.partition("-")
        return _single(first), _single(last)
    value = _single(text)
    return value, value


def _single(text: str) -> bytes:
    """A value, its type told from its text."""
    if text == _ETHER[0]:
        return _ETHER[1]
    if text.startswith("0x") or text.isdecimal():
        kind = _Type.SERVICE if text.isdecimal() else _Type.NUMBER
        return int(text, 0).to_bytes(_WIDTHS[kind], "big")
    if MAC_FORM.fullmatch(text):
        return bytes.fromhex(text.replace(":", ""))
    if ":" in text:
        return socket.inet_pton(socket.AF_INET6, text)
    if text[0].isdigit():
        return socket.inet_pton(socket.AF_INET, text)
    return text.encode().ljust(_WIDTHS[_Type.LINK], b"\0")


def wrap(element: str, data: str = "") -> bytes:
    """An element as an entry of NFTA_SET_ELEM_LIST_ELEMENTS."""
    key = pack_key(element)
    if not key.first:
        return nested(_LISTED, attribute(_FLAGS, struct.pack(">I", _CATCH_ALL)))
    parts = [nested(_KEY, attribute(_VALUE, key.first))]
    if key.last != key.first:
        parts.append(nested(_KEY_END, attribute(_VALUE, key.last)))
    if data:
        parts.append(nested(_DATA, _pack_data(data)))
    return nested(_LISTED, *parts)


def unwrap(entry: bytes) -> tuple[PackedKey, str]:
    """An entry's key, and its data as nft prints it."""
    found = attributes(entry)
    first = attributes(found[_KEY])[_VALUE] if _KEY in found else b""
    last = attributes(found[_KEY_END])[_VALUE] if _KEY_END in found else first
    return PackedKey(first, last), _data(found.get(_DATA))


def unwrap_ranges(entries: Iterable[bytes]) -> dict[PackedKey, str]:
    """All entries of a plain interval set, where each range has a start and an end of its own."""
    starts: list[bytes] = []
    ends: list[bytes] = []
    for entry in entries:
        (first, _), _ = unwrap(entry)
        (ends if _is_end(entry) else starts).append(first)
    return dict.fromkeys(_ranges(starts, sorted(ends)), "")


def _is_end(entry: bytes) -> bool:
    flags = attributes(entry).get(_FLAGS, b"")
    return bool(int.from_bytes(flags, "big") & _INTERVAL_END)


def _ranges(starts: Iterable[bytes], ends: Sequence[bytes]) -> Iterator[PackedKey]:
    """An end is the first value that is no longer in the range; the last of all has none."""
    for first in starts:
        if not first:
            yield PackedKey(first, first)
            continue
        at = bisect_right(ends, first)
        past = int.from_bytes(ends[at], "big") if at < len(ends) else 1 << len(first) * 8
        yield PackedKey(first, (past - 1).to_bytes(len(first), "big"))


def _pack_data(data: str) -> bytes:
    word, _, chain = data.partition(" ")
    if word in _CODES:
        code = attribute(_CODE, struct.pack(">i", _CODES[word]))
        return nested(_VERDICT, code, text_attribute(_CHAIN, chain))
    # An IPv4 address is four bytes in network order, a port after it two, a conntrack zone two in the host's.
    address, _, port = data.partition(_AND)
    if port:
        value = IPv4Address(address).packed + struct.pack(">Hxx", int(port))
    else:
        value = IPv4Address(data).packed if "." in data else int(data).to_bytes(2, sys.byteorder)
    return attribute(_VALUE, value)


def _data(data: bytes | None) -> str:
    if data is None:
        return ""
    inside = attributes(data)
    if _VERDICT in inside:
        verdict = attributes(inside[_VERDICT])
        code = struct.unpack(">i", verdict[_CODE])[0]
        return f"{_VERDICTS.get(code, str(code))} {string(verdict.get(_CHAIN, b''))}".strip()
    value = inside[_VALUE]
    if len(value) == _ADDRESS_AND_PORT:
        return f"{IPv4Address(value[:4])}{_AND}{int.from_bytes(value[4:6], 'big')}"
    return str(IPv4Address(value) if len(value) == 4 else int.from_bytes(value, sys.byteorder))
