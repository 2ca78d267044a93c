"""What nft lists as JSON, as keys and values.

Chains are known by their rules' comments, sets by their own: the kernel never gives text back as it was
written, but it keeps comments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from netwright.model.host import NftChain, NftElement, NftKey, NftKind, NftSet, NftTable, NftValue

TABLE: Final = "netwright"
LAYOUT: Final = "layout_"
"""An empty chain whose name ends in the table's layout: tables keep no comment before nft 1.0.7."""

Json = Mapping[str, object]


def parse_listing(text: str) -> dict[NftKey, NftValue]:
    """Everything of ours in an answer to `list …`, other tables' objects left out."""
    found: dict[NftKey, NftValue] = {}
    hooks: dict[NftKey, str] = {}
    tags: dict[NftKey, list[str]] = {}
    for kind, body in _objects(text):
        match kind:
            case "table" if body.get("name") == TABLE:
                found.setdefault(NftKey(NftKind.TABLE, _text(body, "family"), ""), NftTable(""))
            case "set" | "map":
                found.update(_set(kind, body))
            case "chain" if _text(body, "name").startswith(LAYOUT):
                layout = _text(body, "name").removeprefix(LAYOUT)
                found[NftKey(NftKind.TABLE, _text(body, "family"), "")] = NftTable(layout)
            case "chain":
                hooks[_chain_key(body, "name")] = _hook(body)
            case "rule":
                tags.setdefault(_chain_key(body, "chain"), []).append(_text(body, "comment"))
            case _:
                pass
    for key, hook in hooks.items():
        found[key] = NftChain(hook, tuple(tags.get(key, ())), ())
    return found


def _objects(text: str) -> Iterator[tuple[str, Json]]:
    for wrapped in json.loads(text)["nftables"]:
        for kind, body in wrapped.items():
            if kind == "table" or body.get("table") == TABLE:
                yield kind, body


def _chain_key(body: Json, field: str) -> NftKey:
    return NftKey(NftKind.CHAIN, _text(body, "family"), _text(body, field))


def _hook(body: Json) -> str:
    return f"{body['type']} {body['hook']} {body['prio']}" if "hook" in body else ""


def _set(kind: str, body: Json) -> Iterator[tuple[NftKey, NftValue]]:
    family, name = _text(body, "family"), _text(body, "name")
    yield NftKey(NftKind(kind), family, name), NftSet(_text(body, "comment"), "")
    elements = body.get("elem", ())
    if not isinstance(elements, Sequence):
        return
    for element in elements:
        key, data = (element[0], element[1]) if kind == "map" else (element, "")
        yield NftKey(NftKind.ELEMENT, family, name, _key(key)), NftElement(_data(data))


def _key(key: object) -> str:
    match key:
        case {"elem": {"val": value}}:
            return _key(value)
        case {"concat": [*fields]}:
            return " . ".join(_key(field) for field in fields)
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"range": [first, last]}:
            return f"{_number(first)}-{_number(last)}"
        case _:
            return _number(key)


def _number(value: object) -> str:
    """Neighbour targets are 128-bit numbers, small ones of which nft prints in decimal."""
    return hex(value) if isinstance(value, int) else str(value)


def _data(data: object) -> str:
    match data:
        case {"goto": {"target": chain}}:
            return f"goto {chain}"
        case {"jump": {"target": chain}}:
            return f"jump {chain}"
        case _:
            return str(data)


def _text(body: Json, field: str) -> str:
    value = body.get(field)
    return value if isinstance(value, str) else ""
