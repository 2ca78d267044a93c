"""Types of attributes: each reads a JSON value into one normal form, and tells its JSON schema.

A normal form is JSON again (text, numbers, lists, objects), so that what was read can be shown as it is.
Null is nobody's value: an attribute says whether it may be null (model/resource.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Final, Protocol

from netwright.model.errors import InvalidError
from netwright.model.texts import is_line, is_prose

Schema = Mapping[str, object]
_TRUE: Final = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "f", "n"})
_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_MAC: Final = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", re.IGNORECASE)
_SHOWN: Final = 60


class Kind(Protocol):
    """One type of value."""

    def read(self, value: object, field: str) -> object:
        """The value's normal form. Raises InvalidError, which names the field."""

    def schema(self) -> Schema:
        """JSON Schema of what is shown."""

    def accepts(self) -> Schema:
        """JSON Schema of what may be given, which is the same or more."""


def refused(field: str, why: str) -> InvalidError:
    return InvalidError(f"{field}: {why}", field)


@dataclass(frozen=True, slots=True)
class Text:
    """Text of `least` to `most` characters: one line, or, as `prose`, several."""

    most: int = 255
    least: int = 0
    prose: bool = False

    def read(self, value: object, field: str) -> str:
        if not isinstance(value, str):
            raise refused(field, "must be text.")
        if len(value) > self.most:
            raise refused(field, f"at most {self.most} characters.")
        if len(value.strip()) < self.least:
            raise refused(field, "must not be empty.")
        if self.prose and not is_prose(value):
            raise refused(field, "must be text without NUL.")
        if not self.prose and not is_line(value):
            raise refused(field, "must not contain control characters.")
        return value

    def schema(self) -> Schema:
        least: Schema = {"minLength": self.least} if self.least else {}
        return {"type": "string", "maxLength": self.most, **least}

    def accepts(self) -> Schema:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Flag:
    """Booleans, and the words and numbers that the Networking API takes for them."""

    def read(self, value: object, field: str) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, int | str):
            word = str(value).lower()
            if word in _TRUE or word in _FALSE:
                return word in _TRUE
        raise refused(field, "must be true or false.")

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def accepts(self) -> Schema:
        return {"anyOf": [{"type": "boolean"}, {"enum": [0, 1]}, {"enum": _spelt(sorted(_TRUE | _FALSE))}]}


@dataclass(frozen=True, slots=True)
class Number:
    """Whole numbers, and text that is one."""

    least: int = 0
    most: int = (1 << 31) - 1
    outside: str = "must be from {least} to {most}."
    """What is said of a number that is out of these bounds."""

    def read(self, value: object, field: str) -> int:
        if isinstance(value, str) and len(value) < 20 and re.fullmatch(r"-?[0-9]+", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise refused(field, "must be a whole number.")
        if not self.least <= value <= self.most:
            said = self.outside.format(value=value, least=self.least, most=self.most)
            raise refused(field, said)
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def accepts(self) -> Schema:
        return {"anyOf": [self.schema(), {"type": "string", "pattern": "^-?[0-9]{1,18}$"}]}


@dataclass(frozen=True, slots=True)
class Digits:
    """A whole number that the Networking API shows as text."""

    number: Number

    def read(self, value: object, field: str) -> str:
        return str(self.number.read(value, field))

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9]+$"}

    def accepts(self) -> Schema:
        return self.number.accepts()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; `any_case`: however they are written."""

    words: tuple[str, ...]
    any_case: bool = False

    def read(self, value: object, field: str) -> str:
        for word in self.words:
            if value == word or (self.any_case and isinstance(value, str) and value.lower() == word.lower()):
                return word
        raise refused(field, f"must be one of {', '.join(self.words)}.")

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.words)}

    def accepts(self) -> Schema:
        if not self.any_case:
            return self.schema()
        return {"type": "string", "enum": _spelt(self.words)}


@dataclass(frozen=True, slots=True)
class Uuid:
    """An id. `of` is the plural of the resource that it is the id of."""

    of: str = ""
    strict: bool = True
    """Otherwise text that is no UUID is the id of nothing, and told so."""

    def read(self, value: object, field: str) -> str:
        if not self.strict and isinstance(value, str) and len(value) <= _SHOWN and is_line(value):
            return value
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise refused(field, f"{_quoted(value)} is not a valid UUID.")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "format": "uuid"}

    def accepts(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$"}


@dataclass(frozen=True, slots=True)
class IpAddress:
    """An address, of one IP version or of both, without a zone."""

    version: int | None = None

    def read(self, value: object, field: str) -> str:
        try:
            found = ip_address(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            raise refused(field, f"{_quoted(value)} is not a valid IP address.")
        if not isinstance(found, IPv4Address) and found.scope_id is not None:
            raise refused(field, f"{_quoted(value)} must not have a zone.")
        if self.version not in {None, found.version}:
            raise refused(field, f"must be an IPv{self.version} address.")
        return str(found)

    def schema(self) -> Schema:
        return {"type": "string", "format": f"ipv{self.version}" if self.version else "ip"}

    def accepts(self) -> Schema:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Prefix:
    """A network's prefix; `strict`: no bits set beyond its length, else they are cut off.

    `kept`: they stay as they were given. `whole`: an address without a length is none.
    """

    version: int | None = None
    strict: bool = True
    kept: bool = False
    whole: bool = False

    def read(self, value: object, field: str) -> str:
        if (
            not isinstance(value, str) or "%" in value
        ):  # a zone may hold any text, which would come into rules
            raise refused(field, f"{_quoted(value)} is not a valid prefix.")
        if self.whole and "/" not in value:
            raise refused(field, f"{_quoted(value)} is not a valid prefix: it has no length.")
        try:
            found = ip_network(value, strict=self.strict)
        except ValueError as error:
            raise refused(field, f"{_quoted(value)} is not a valid prefix: {_better(value)}.") from error
        if self.version not in {None, found.version}:
            raise refused(field, f"must be an IPv{self.version} prefix.")
        return str(ip_interface(value) if self.kept else found)

    def schema(self) -> Schema:
        return {"type": "string", "format": "cidr"}

    def accepts(self) -> Schema:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class MacAddress:
    """Six octets; their normal form is lower-case, joined by colons."""

    def read(self, value: object, field: str) -> str:
        if not isinstance(value, str) or not _MAC.fullmatch(value):
            raise refused(field, f"{_quoted(value)} is not a valid MAC address.")
        return value.lower().replace("-", ":")

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"}

    def accepts(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """At most `most` values of one kind; `unique`: none twice. Null is an empty list."""

    kind: Kind
    most: int = 256
    unique: bool = False

    def read(self, value: object, field: str) -> list[object]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise refused(field, "must be a list.")
        if len(value) > self.most:
            raise refused(field, f"at most {self.most}.")
        found = [self.kind.read(one, field) for one in value]
        if self.unique and any(one in found[:at] for at, one in enumerate(found)):
            raise refused(field, "one is there twice.")
        return found

    def schema(self) -> Schema:
        unique: Schema = {"uniqueItems": True} if self.unique else {}
        return {"type": "array", "items": self.kind.schema(), "maxItems": self.most, **unique}

    def accepts(self) -> Schema:
        return or_null({"type": "array", "items": self.kind.accepts(), "maxItems": self.most}, nullable=True)


@dataclass(frozen=True, slots=True)
class Member:
    """One part of a Record."""

    kind: Kind
    required: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these parts and no others."""

    members: Mapping[str, Member]

    def read(self, value: object, field: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise refused(field, "must be an object.")
        if unknown := sorted(value.keys() - self.members.keys()):
            raise refused(field, f"{_quoted(unknown[0])} is not known in it.")
        return {
            name: self._member(member, value[name], f"{field}: {name}")
            for name, member in self.members.items()
            if name in value or self._missing(member, field, name)
        }

    @staticmethod
    def _missing(member: Member, field: str, name: str) -> bool:
        if member.required:
            raise refused(field, f"{name} must be given.")
        return False

    @staticmethod
    def _member(member: Member, value: object, field: str) -> object:
        return None if value is None and member.nullable else member.kind.read(value, field)

    def schema(self) -> Schema:
        return self._object({name: one.kind.schema() for name, one in self.members.items()})

    def accepts(self) -> Schema:
        return self._object({name: one.kind.accepts() for name, one in self.members.items()})

    def _object(self, members: Mapping[str, Schema]) -> Schema:
        properties = {
            name: or_null(schema, nullable=self.members[name].nullable) for name, schema in members.items()
        }
        required = [name for name, one in self.members.items() if one.required]
        found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**found, "required": required} if required else found


@dataclass(frozen=True, slots=True)
class Mapped:
    """An object of any names, with values of one kind."""

    kind: Kind
    most: int = 128

    def read(self, value: object, field: str) -> dict[str, object]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise refused(field, "must be an object.")
        if len(value) > self.most or any(len(name) > 255 for name in value):
            raise refused(field, f"at most {self.most} entries, their names at most 255 characters.")
        return {name: self.kind.read(one, f"{field}: {name[:_SHOWN]}") for name, one in value.items()}

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": self.kind.schema(), "maxProperties": self.most}

    def accepts(self) -> Schema:
        most: Schema = {
            "type": "object",
            "additionalProperties": self.kind.accepts(),
            "maxProperties": self.most,
        }
        return or_null(most, nullable=True)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value of a bounded size and depth: what others keep with us and we do not read."""

    most: int = 4096
    deepest: int = 8

    def read(self, value: object, field: str) -> object:
        if _size(value, self.deepest) > self.most:
            raise refused(field, f"too large: at most {self.most} characters, {self.deepest} levels deep.")
        return value

    def schema(self) -> Schema:
        return {}

    def accepts(self) -> Schema:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Checked:
    """A kind with a further check, which raises InvalidError or gives the value in its normal form."""

    kind: Kind
    check: Callable[[object, str], object]

    def read(self, value: object, field: str) -> object:
        return self.check(self.kind.read(value, field), field)

    def schema(self) -> Schema:
        return self.kind.schema()

    def accepts(self) -> Schema:
        return self.kind.accepts()


@dataclass(frozen=True, slots=True)
class Emptiable:
    """A value of the kind; an empty object is the same as null."""

    kind: Kind

    def read(self, value: object, field: str) -> object:
        return None if value == {} else self.kind.read(value, field)

    def schema(self) -> Schema:
        return self.kind.schema()

    def accepts(self) -> Schema:
        return {"anyOf": [self.kind.accepts(), {"type": "object", "maxProperties": 0}]}


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of the first kind that takes it."""

    kinds: Sequence[Kind]

    def read(self, value: object, field: str) -> object:
        last: InvalidError | None = None
        for kind in self.kinds:
            try:
                return kind.read(value, field)
            except InvalidError as error:
                last = error
        raise last or refused(field, "cannot be given.")

    def schema(self) -> Schema:
        return {"anyOf": [kind.schema() for kind in self.kinds]}

    def accepts(self) -> Schema:
        return {"anyOf": [kind.accepts() for kind in self.kinds]}


def or_null(schema: Schema, *, nullable: bool) -> Schema:
    if not nullable or not schema:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _size(value: object, deepest: int) -> int:
    """Characters, roughly; more than any bound where it is too deep."""
    if deepest < 0:
        return 1 << 30
    if isinstance(value, dict):
        return sum(len(str(name)) + _size(one, deepest - 1) for name, one in value.items()) + 2
    if isinstance(value, list):
        return sum(_size(one, deepest - 1) for one in value) + 2
    return len(str(value))


def _quoted(value: object) -> str:
    return repr(value if isinstance(value, str | int | float | None) else "that")[:_SHOWN]


def _better(text: str) -> str:
    try:
        return f"{ip_network(text, strict=False)} is recommended"
    except ValueError:
        return "it should look like 10.0.0.0/24 or 2001:db8::/64"


def _spelt(words: Sequence[str]) -> list[str]:
    """Each word as it is, in small letters, in capitals, and with one at its beginning."""
    return sorted({form for word in words for form in (word, word.lower(), word.upper(), word.capitalize())})
