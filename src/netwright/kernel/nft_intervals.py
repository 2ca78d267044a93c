"""Elements of interval sets as ranges, to tell which of them cannot be in a set together."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from netwright.model.host import NftKey

Range = tuple[str, int, int]
"""The fields before the last (they are exact), and the last one's first and last value."""


def in_the_way(present: Iterable[NftKey], wanted: Iterable[NftKey]) -> list[NftKey]:
    """Those present that overlap a wanted one without being wanted themselves.

    The kernel refuses to add a range beside one that it overlaps.
    """
    listed = set(wanted)
    ranges: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for key in listed:
        fields, first, last = range_of(key.element)
        ranges.setdefault((key.family, key.name, fields), []).append((first, last))
    found = []
    for key in set(present) - listed:
        fields, first, last = range_of(key.element)
        others = ranges.get((key.family, key.name, fields), ())
        if any(first <= end and start <= last for start, end in others):
            found.append(key)
    return found


def range_of(element: str) -> Range:
    """A prefix, `0x…-0x…`, ports or a single value in the last place of a concatenation."""
    fields, _, text = element.rpartition(" . ")
    if "/" in text:
        prefix = ip_network(text)
        return fields, int(prefix[0]), int(prefix[-1])
    first, _, last = text.partition("-")
    return fields, _value(first), _value(last or first)


def _value(text: str) -> int:
    if text.isdecimal():
        return int(text)
    return int(text, 16) if text.startswith("0x") else int(ip_address(text))
