"""One object of a JSON body, which its descriptor has read, as the values that a noun is made of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TypeVar

from netwright.control.given import UNSET, Left
from netwright.model.intent import Address, Prefix

E = TypeVar("E", bound=StrEnum)
V = TypeVar("V")


class Fields:
    """Every getter gives UNSET where the attribute is not there.

    Values are in their normal forms (model/kinds.py): one of another type than is asked for here is a mistake
    in the descriptor, and a TypeError.
    """

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body

    def raw(self, name: str) -> object:
        return self._body.get(name, UNSET)

    def text(self, name: str) -> str | Left:
        """Null is the same as not given."""
        value = self._read(name, str)
        return UNSET if value is None else value

    def text_or_null(self, name: str) -> str | Left | None:
        return self._read(name, str)

    def optional(self, name: str) -> str | None:
        """Not given is the same as null."""
        return _or_none(self._read(name, str))

    def flag(self, name: str) -> bool | Left:
        value = self._read(name, bool)
        return UNSET if value is None else value

    def number(self, name: str) -> int | Left | None:
        return self._read(name, int)

    def optional_number(self, name: str) -> int | None:
        """Not given is the same as null."""
        return _or_none(self._read(name, int))

    def one_of(self, name: str, kind: type[E]) -> E | Left:
        """Null is the same as not given."""
        value = self.optional(name)
        return UNSET if value is None else kind(value)

    def address(self, name: str) -> Address | Left | None:
        value = self._read(name, str)
        return value if value is None or value is UNSET else ip_address(value)

    def ipv4(self, name: str) -> IPv4Address | Left | None:
        value = self._read(name, str)
        return value if value is None or value is UNSET else IPv4Address(value)

    def prefix(self, name: str) -> Prefix | None:
        """Not given is the same as null. Bits beyond the prefix's length are cut off."""
        value = self.optional(name)
        return None if value is None else ip_network(value, strict=False)

    def needed_address(self, name: str) -> Address:
        """One that its descriptor has asked for."""
        return ip_address(_as(self.raw(name), str, name))

    def needed_prefix(self, name: str) -> Prefix:
        """One that its descriptor has asked for."""
        return ip_network(_as(self.raw(name), str, name))

    def texts(self, name: str) -> tuple[str, ...] | Left:
        value = self._read(name, list)
        return UNSET if value is UNSET else tuple(_as(one, str, name) for one in value or ())

    def objects(self, name: str) -> tuple[Fields, ...] | Left:
        value = self._read(name, list)
        return UNSET if value is UNSET else tuple(Fields(_as(one, dict, name)) for one in value or ())

    def object(self, name: str) -> Fields | Left:
        """Null is an empty object."""
        value = self._read(name, dict)
        return UNSET if value is UNSET else Fields(value or {})

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """An object of texts, in its order; empty where it is not there."""
        value = _or_none(self._read(name, dict))
        return tuple((key, _as(one, str, name)) for key, one in (value or {}).items())

    def _read(self, name: str, kind: type[V]) -> V | Left | None:
        value = self.raw(name)
        return value if value is None or value is UNSET else _as(value, kind, name)


def _or_none(value: V | Left | None) -> V | None:
    return None if value is UNSET else value


def _as(value: object, kind: type[V], name: str) -> V:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__} where {kind.__name__} is asked for")
    return value
