"""One object of a JSON body, which its descriptor has read, as the values that a noun is made of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final, TypeVar

from netwright.control.given import UNSET, Left
from netwright.control.refusals import invalid
from netwright.model.intent import Address, Prefix
from netwright.model.kinds import Flag

E = TypeVar("E", bound=StrEnum)
_FLAG: Final = Flag()
_LARGEST: Final = 1 << 31


class Fields:
    """Every getter gives UNSET where the attribute is not there, and raises InvalidError for a wrong type."""

    def __init__(self, body: Mapping[str, object], where: str = "") -> None:
        self._body, self._where = body, where

    def raw(self, name: str) -> object:
        return self._body.get(name, UNSET)

    def text(self, name: str) -> str | Left:
        """Null is the same as not given."""
        value = self.raw(name)
        if value is None or value is UNSET:
            return UNSET
        return _string(value, self._where + name)

    def text_or_null(self, name: str) -> str | Left | None:
        value = self.raw(name)
        return value if value is None or value is UNSET else _string(value, self._where + name)

    def optional(self, name: str) -> str | None:
        """Not given is the same as null."""
        value = self.text_or_null(name)
        return None if value is UNSET else value

    def flag(self, name: str) -> bool | Left:
        """Booleans, and the words and numbers that the Networking API takes for them."""
        value = self.raw(name)
        return UNSET if value is UNSET else _FLAG.read(value, self._where + name)

    def number(self, name: str) -> int | Left | None:
        """Whole numbers, and text that is one."""
        value = self.raw(name)
        if value is None or value is UNSET:
            return value
        if isinstance(value, str) and len(value) < 12 and value.removeprefix("-").isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _LARGEST:
            raise invalid(self._where + name, "must be a whole number.")
        return value

    def one_of(self, name: str, kind: type[E]) -> E | Left | None:
        value = self.text_or_null(name)
        if value is None or value is UNSET:
            return value
        for one in kind:
            if one.value == value:
                return one
        raise invalid(self._where + name, f"must be one of {', '.join(kind)}.")

    def address(self, name: str) -> Address | Left | None:
        value = self.text_or_null(name)
        return value if value is None or value is UNSET else parse_address(value, self._where + name)

    def prefix(self, name: str, *, strict: bool) -> Prefix | Left | None:
        """`strict`: no bits set beyond the prefix's length."""
        value = self.text_or_null(name)
        if value is None or value is UNSET:
            return value
        return parse_prefix(value, self._where + name, strict=strict)

    def list(self, name: str) -> list[object] | Left:
        value = self.raw(name)
        if value is UNSET:
            return UNSET
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid(self._where + name, "must be a list.")
        return value

    def texts(self, name: str) -> tuple[str, ...] | Left:
        value = self.list(name)
        if value is UNSET:
            return UNSET
        return tuple(_string(one, self._where + name) for one in value)

    def objects(self, name: str) -> tuple[Fields, ...] | Left:
        value = self.list(name)
        if value is UNSET:
            return UNSET
        return tuple(Fields(_object(one, self._where + name), f"{name}: ") for one in value)

    def object(self, name: str) -> Fields | Left:
        """Null is an empty object."""
        value = self.raw(name)
        if value is UNSET:
            return UNSET
        return Fields({} if value is None else _object(value, self._where + name), f"{name}: ")

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """An object of texts, in its order; empty where it is not there."""
        value = self.raw(name)
        if value is None or value is UNSET:
            return ()
        where = self._where + name
        return tuple((key, _string(one, where)) for key, one in _object(value, where).items())


def number_or_none(value: int | Left | None) -> int | None:
    return None if value is UNSET else value


def parse_address(text: str, field: str) -> Address:
    try:
        found = ip_address(text)
    except ValueError as error:
        raise invalid(field, f"{text[:60]!r} is not a valid IP address.") from error
    if not isinstance(found, IPv4Address) and found.scope_id is not None:
        raise invalid(field, f"{text[:60]!r} must not have a zone.")
    return found


def parse_prefix(text: str, field: str, *, strict: bool) -> Prefix:
    if "%" in text:  # a zone may hold any text, which would come into rules
        raise invalid(field, f"{text[:60]!r} must not have a zone.")
    try:
        return ip_network(text, strict=strict)
    except ValueError as error:
        raise invalid(field, f"{text[:60]!r} is not a valid prefix: {_reason(text)}.") from error


def _reason(text: str) -> str:
    try:
        return f"{ip_network(text, strict=False)} is recommended"
    except ValueError:
        return "it should look like 10.0.0.0/24 or 2001:db8::/64"


def _string(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise invalid(field, "must be text.")
    return value


def _object(value: object, field: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise invalid(field, "must be an object.")
    return value
