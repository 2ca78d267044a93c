"""What nova's callers hand over, models and plain dicts alike: parts, texts, numbers, addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeVar

from netwright.model.errors import InvalidError
from netwright.model.ids import MAC_FORM, MOST_INTEGER, LinkName, Mac

_LINK: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}")
_LAST_VLAN: Final = 4094
_MTUS: Final = range(68, 65536)
Parsed = TypeVar("Parsed", IPv4Address, IPv6Address, IPv4Network, IPv6Network)


def part(thing: object, name: str) -> object:
    """Its key, or its attribute, of that name; None where there is none."""
    if isinstance(thing, Mapping):
        return thing.get(name)
    return None if isinstance(thing, list | tuple | str) else getattr(thing, name, None)


def text_of(thing: object, name: str, where: str) -> str:
    """Empty where there is none. Numbers, addresses and networks are taken as text: nova's older ids are
    numbers. Raises InvalidError."""
    found = part(thing, name)
    if found is None:
        return ""
    if not isinstance(found, str | int | IPv4Address | IPv6Address | IPv4Network | IPv6Network):
        raise InvalidError(f"{found!r} is not text", f"{where}.{name}")
    return str(found)


def parsed(thing: object, name: str, kind: type[Parsed], where: str) -> Parsed | None:
    """An address or network; one of the other family is an InvalidError, as is any other text."""
    text = text_of(thing, name, where)
    if not text:
        return None
    try:
        return kind(zoneless(text))
    except ValueError as error:
        raise InvalidError(str(error), f"{where}.{name}") from error


def zoneless(text: str) -> str:
    """An address or prefix as it is. One with a zone, in which any text may stand, is a ValueError."""
    if "%" in text:
        raise ValueError(f"{text[:60]!r} has a zone")
    return text


def number(thing: object, name: str, where: str) -> int | None:
    """Raises InvalidError."""
    text = text_of(thing, name, where)
    try:
        found = int(text) if text else None
    except ValueError as error:
        raise InvalidError(f"{text[:40]!r} is not a number", f"{where}.{name}") from error
    if found is not None and abs(found) > MOST_INTEGER:
        raise InvalidError(f"{text} is too large", f"{where}.{name}")
    return found


def link_name(text: str, where: str) -> LinkName:
    """A network interface's name: at most 15 characters, safe in argv, file and rule; else InvalidError."""
    if not _LINK.fullmatch(text):
        raise InvalidError(f"{text!r} is not an interface's name", where)
    return LinkName(text)


def link(thing: object, name: str, where: str) -> LinkName | None:
    """Raises InvalidError."""
    text = text_of(thing, name, where)
    return link_name(text, f"{where}.{name}") if text else None


def mac_of(text: str, where: str) -> Mac:
    """Six octets in hexadecimal, joined by colons; else InvalidError."""
    lower = text.lower()
    if not MAC_FORM.fullmatch(lower):
        raise InvalidError(f"{text!r} is not a MAC address", where)
    return Mac(lower)


def vlan_of(number: int, where: str, least: int = 1) -> int:
    """A VLAN's number, which is at most 4094 (IEEE 802.1Q); else InvalidError."""
    if not least <= number <= _LAST_VLAN:
        raise InvalidError(f"{number} is not a VLAN's number", where)
    return number


def mtu_of(size: int, where: str) -> int:
    """In bytes; at least what IPv4 needs (RFC 791), else InvalidError."""
    if size not in _MTUS:
        raise InvalidError(f"{size} is not an MTU", where)
    return size


def address_of(text: str, where: str) -> IPv4Address | IPv6Address:
    """Raises InvalidError."""
    try:
        return ip_address(zoneless(text))
    except ValueError as error:
        raise InvalidError(str(error), where) from error
