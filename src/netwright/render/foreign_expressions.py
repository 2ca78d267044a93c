"""nft's expressions in JSON to tests of a packet's fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from netwright.model.foreign import Field, Span, Test, Value
from netwright.render.foreign_json import Json, items, mapping, number, single, text
from netwright.render.foreign_words import CANNOT_TELL, NEVER, addresses, is_protocol, is_version, named

Values = tuple[tuple[Value, ...], ...]

_META: Final[Mapping[str, Field]] = {
    "iifname": Field.IIF, "iif": Field.IIF, "oifname": Field.OIF, "oif": Field.OIF, "l4proto": Field.PROTOCOL,
    "nfproto": Field.VERSION, "protocol": Field.VERSION, "mark": Field.MARK,
}  # fmt: skip
_BRIDGE_META: Final[Mapping[str, Field]] = {
    "iifname": Field.PHYS_IN, "iif": Field.PHYS_IN, "oifname": Field.PHYS_OUT, "oif": Field.PHYS_OUT,
    "ibrname": Field.IIF, "ibridgename": Field.IIF, "obrname": Field.OIF, "obridgename": Field.OIF,
}  # fmt: skip
_CT: Final[Mapping[str, Field]] = {"state": Field.STATE, "status": Field.STATUS}
_ENDS: Final[Mapping[str, Field]] = {
    "saddr": Field.SOURCE, "daddr": Field.TARGET, "protocol": Field.PROTOCOL, "nexthdr": Field.PROTOCOL,
}  # fmt: skip
_PORTS: Final[Mapping[str, Field]] = {"sport": Field.SOURCE_PORT, "dport": Field.TARGET_PORT}
_HEADERS: Final[Mapping[str, tuple[Mapping[str, Field], tuple[Test, ...]]]] = {
    "ip": (_ENDS, (is_version("4"),)),
    "ip6": (_ENDS, (is_version("6"),)),
    "th": (_PORTS, ()),
    "icmp": ({"type": Field.ICMP_TYPE}, (is_version("4"), is_protocol("icmp"))),
    "icmpv6": ({"type": Field.ICMP6_TYPE}, (is_version("6"), is_protocol("icmpv6"))),
    "ether": ({"type": Field.VERSION}, ()),
    "arp": ({}, (is_version("arp"),)),
    **{name: (_PORTS, (is_protocol(name),)) for name in ("tcp", "udp", "sctp", "dccp", "udplite")},
}
"""A header's fields, and what naming the header implies."""
_LARGEST: Final = 4096
"""Elements of a set; a larger one is not looked into."""
_MOST: Final = (1 << 128) - 1


class Sets:
    """The named sets and maps of one table, and what literal ones hold."""

    def __init__(self, named_sets: Mapping[str, Json]) -> None:
        self._named = named_sets

    def values(self, right: object, fields: Sequence[Field]) -> Values | None:
        """Every alternative on the right of a comparison; None where one of them is not understood."""
        listed = self._elements(right)
        if listed is None or len(listed) > _LARGEST:
            return None
        found: list[tuple[Value, ...]] = []
        for one in listed:
            parts = _parts(one, fields)
            if parts is None:
                return None
            found.append(parts)
        return tuple(found)

    def pairs(self, right: object) -> list[tuple[object, object]] | None:
        """Keys and data of a map, literal or named."""
        if isinstance(right, str) and right.startswith("@"):
            if right[1:] not in self._named:
                return None
            listed = items(self._named[right[1:]].get("elem"))
        else:
            kind, body = single(right)
            listed = items(body) if kind == "set" else ()
        pairs = [items(one) for one in listed]
        if any(len(pair) != 2 for pair in pairs):
            return None
        return [(pair[0], pair[1]) for pair in pairs]

    def _elements(self, right: object) -> Sequence[object] | None:
        if isinstance(right, str) and right.startswith("@"):
            body = self._named.get(right[1:])
            return None if body is None else items(body.get("elem"))
        kind, inside = single(right)
        return items(inside) if kind == "set" else items(right)


def test_of(body: Json, family: str, sets: Sets) -> Iterator[Test]:
    """The tests that a match statement makes: that of its two sides, and those implied by naming a header."""
    left: object = body.get("left")
    operator, right = text(body.get("op")), body.get("right")
    mask: int | None = None
    kind, inside = single(left)
    if kind == "&":
        sides: Sequence[object] = items(inside)
        mask = number(sides[1]) if len(sides) == 2 else None
        if mask is None:
            yield CANNOT_TELL
            return
        left = sides[0]
    if kind == "exthdr" and right is not False:
        yield NEVER
    fields, implied = operand(left, family)
    yield from implied
    yield _compared(fields, operator, right, mask, sets)


def _compared(fields: tuple[Field, ...], operator: str, right: object, mask: int | None, sets: Sets) -> Test:
    if fields == (Field.WAY_BACK,):
        missing = right in {False, "missing"} if isinstance(right, bool | int | str) else False
        return Test(fields, (("missing",),), negated=missing is not (operator in {"==", "in"}))
    if operator in {"<", ">", "<=", ">="}:
        return _ordered(fields, operator, right)
    values = sets.values(right, fields)
    if values is None or operator not in {"==", "!=", "in", ""} or Field.OTHER in fields:
        return CANNOT_TELL
    return Test(fields, values, negated=operator == "!=", mask=mask)


def _ordered(fields: tuple[Field, ...], operator: str, right: object) -> Test:
    value = _value(right, fields[0]) if len(fields) == 1 else None
    if not isinstance(value, Span):
        return CANNOT_TELL
    spans = {
        "<": Span(0, value.first - 1, value.version),
        "<=": Span(0, value.last, value.version),
        ">": Span(value.last + 1, _MOST, value.version),
        ">=": Span(value.first, _MOST, value.version),
    }
    return Test(fields, ((spans[operator],),))


def operand(left: object, family: str) -> tuple[tuple[Field, ...], tuple[Test, ...]]:
    """The fields on the left of a comparison, and what naming them implies: `tcp dport` that it is TCP."""
    kind, body = single(left)
    parts = items(body) if kind == "concat" else (left,)
    fields: list[Field] = []
    implied: list[Test] = []
    for part in parts:
        field, tests = _field(part, family)
        fields.append(field)
        implied += tests
    return tuple(fields), tuple(implied)


def _field(part: object, family: str) -> tuple[Field, tuple[Test, ...]]:
    kind, inside = single(part)
    body = mapping(inside)
    key = text(body.get("key"))
    match kind:
        case "meta":
            names = {**_META, **_BRIDGE_META} if family == "bridge" else _META
            return names.get(key, Field.OTHER), ()
        case "ct" if "dir" not in body:
            return _CT.get(key, Field.OTHER), ()
        case "payload":
            return _header(text(body.get("protocol")), text(body.get("field")))
        case "fib":
            return _fib(text(body.get("result")), [text(flag) for flag in items(body.get("flags"))]), ()
        case _:
            return Field.OTHER, ()


def _header(protocol: str, field: str) -> tuple[Field, tuple[Test, ...]]:
    known = _HEADERS.get(protocol)
    if known is None:
        return Field.OTHER, ()
    names, implied = known
    return names.get(field, Field.OTHER), implied


def _fib(result: str, flags: Sequence[str]) -> Field:
    if result == "type" and set(flags) in ({"saddr"}, {"daddr"}):
        return Field.SOURCE_TYPE if flags[0] == "saddr" else Field.TARGET_TYPE
    if result in {"oif", "oifname", "check"} and {"saddr", "iif"} <= set(flags):
        return Field.WAY_BACK
    return Field.OTHER


def key_of(element: object) -> object:
    """An element without what may hang on it: counter, timeout, comment."""
    kind, body = single(element)
    return mapping(body).get("val") if kind == "elem" else element


def _parts(element: object, fields: Sequence[Field]) -> tuple[Value, ...] | None:
    """One alternative, a value for each field."""
    key = key_of(element)
    kind, body = single(key)
    parts = items(body) if kind == "concat" else (key,)
    if len(parts) != len(fields):
        return None
    found = [_value(part, field) for part, field in zip(parts, fields, strict=True)]
    known = tuple(value for value in found if value is not None)
    return known if len(known) == len(found) else None


def _value(part: object, field: Field) -> Value | None:
    kind, body = single(part)
    if kind == "prefix":
        inside = mapping(body)
        return addresses(f"{inside.get('addr')}/{inside.get('len')}") if field in _ADDRESSES else None
    if kind == "range":
        ends = [_value(end, field) for end in items(body) if not isinstance(end, Mapping)]
        first, last = ends if len(ends) == 2 else (None, None)
        if isinstance(first, Span) and isinstance(last, Span) and first.version == last.version:
            return Span(first.first, last.last, first.version)
        return None
    if isinstance(part, bool) or not isinstance(part, str | int):
        return None
    return named(field, str(part))


_ADDRESSES: Final = (Field.SOURCE, Field.TARGET)
