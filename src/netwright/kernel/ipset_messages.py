"""The words of nfnetlink that speak of sets of addresses (linux/netfilter/ipset/ip_set.h)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from netwright.kernel.netlink import (
    Message,
    Request,
    attribute,
    attributes,
    children,
    nested,
    string,
    text_attribute,
)

_SUBSYSTEM: Final = 6
LIST, ADD, DELETE = (_SUBSYSTEM << 8 | kind for kind in (7, 9, 10))
_PROTOCOL, _NAME, _TYPE, _FAMILY, _FLAGS, _DATA, _ELEMENTS = 1, 2, 3, 5, 6, 7, 8
_VERSION: Final = b"\6"
"""Of ipset 6 and 7; kernels take it on."""
_HEADERS_ONLY: Final = struct.pack(">I", 4)
"""IPSET_FLAG_LIST_HEADER."""
_ADDRESS, _PREFIX, _LINK = 1, 3, 23
_OF_FAMILY: Final = {4: 1, 6: 2}
"""IPSET_ATTR_IPADDR_IPV4 and _IPV6."""
_IN_ORDER: Final = 0x4000
"""NLA_F_NET_BYTEORDER."""
_NUMBER: Final = 24
"""IPSET_ATTR_ELEMENTS, in a set's header."""
_FAMILIES: Final = {2: "inet", 10: "inet6"}
_NO_SET, _THERE_OR_NOT = 2, 4103
"""ENOENT; IPSET_ERR_EXIST, of what is added again, or deleted and not there."""
NOT_NEWS: Final = {ADD: {_THERE_OR_NOT}, DELETE: {_NO_SET, _THERE_OR_NOT}}
_HEADER: Final = struct.pack(">BBH", socket.AF_INET, 0, 0) + attribute(_PROTOCOL, _VERSION)
_BODY: Final = 4


def about(name: str = "", *, headers: bool = False) -> bytes:
    """A request for one set, or all; with `headers`, without their elements."""
    named = text_attribute(_NAME, name) if name else b""
    return _HEADER + named + (attribute(_FLAGS, _HEADERS_ONLY) if headers else b"")


def element_request(kind: int, flags: int, name: str, item: str) -> Request:
    """To add or delete one element."""
    return Request(kind, flags, about(name) + nested(_DATA, *_encoded(item)))


def _encoded(item: str) -> Iterator[bytes]:
    """`address`, `address/prefix`, and after a comma a link's name."""
    where, _, link = item.partition(",")
    address, _, prefix = where.partition("/")
    version = 6 if ":" in address else 4
    packed = socket.inet_pton(socket.AF_INET6 if version == 6 else socket.AF_INET, address)
    yield nested(_ADDRESS, attribute(_OF_FAMILY[version] | _IN_ORDER, packed))
    if prefix:
        yield attribute(_PREFIX, bytes([int(prefix)]))
    if link:
        yield text_attribute(_LINK, link)


def name_of(message: Message) -> str:
    return string(attributes(message.body, _BODY).get(_NAME, b""))


def spec_of(message: Message) -> str:
    """`hash:net family inet`; empty in a message that goes on listing a set's elements."""
    found = attributes(message.body, _BODY)
    if _TYPE not in found or _DATA not in found:
        return ""
    return f"{string(found[_TYPE])} family {_FAMILIES.get(found[_FAMILY][0], '?')}"


@lru_cache(maxsize=1 << 14)
def name_and_number(body: bytes) -> tuple[str, int]:
    """Of a set, and of its elements; from its header."""
    found = attributes(body, _BODY)
    header = attributes(found.get(_DATA, b""))
    return string(found.get(_NAME, b"")), int.from_bytes(header.get(_NUMBER, b""), "big")


def elements_of(message: Message) -> Iterable[str]:
    """As `ipset save` prints them."""
    return map(_decoded, children(attributes(message.body, _BODY).get(_ELEMENTS, b"")))


@lru_cache(maxsize=1 << 16)
def _decoded(element: bytes) -> str:
    found = attributes(element)
    ((kind, packed),) = attributes(found[_ADDRESS]).items()
    version = 4 if kind == _OF_FAMILY[4] else 6
    address = socket.inet_ntop(socket.AF_INET if version == 4 else socket.AF_INET6, packed)
    prefix = found[_PREFIX][0] if _PREFIX in found else 0
    whole = not prefix or prefix == len(packed) * 8
    link = string(found[_LINK]) if _LINK in found else ""
    return address + ("" if whole else f"/{prefix}") + (f",{link}" if link else "")
