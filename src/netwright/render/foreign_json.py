"""Reading JSON that may be anything: what is not of the expected shape is empty, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

Json = Mapping[str, object]


def loaded(text: str) -> object:
    """None where the text is not JSON, or nested so deeply that it cannot be meant."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """The value as a list: one that is none is a list of itself."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    return () if value is None else (value,)


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def single(value: object) -> tuple[str, object]:
    """Key and value of an object with one key, as nft writes expressions and statements."""
    found = mapping(value)
    if len(found) != 1:
        return "", None
    return next(iter(found.items()))


def each(value: object) -> Iterator[tuple[str, Json]]:
    """The objects of a listing: what each is, and its attributes."""
    for one in items(mapping(value).get("nftables")):
        kind, body = single(one)
        if kind and isinstance(body, Mapping):
            yield kind, body
