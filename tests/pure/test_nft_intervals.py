"""Ranges that cannot be in an interval set together."""

from __future__ import annotations

import pytest

from netwright.kernel.nft_intervals import in_the_way
from netwright.model.host import NftKey, NftKind


def key(element: str, name: str = "bind_net4") -> NftKey:
    return NftKey(NftKind.ELEMENT, "bridge", name, element)


@pytest.mark.parametrize(
    ("present", "wanted", "blocked"),
    [
        ("10.0.0.0/28", "10.0.0.0/27", True),
        ("10.0.0.0/24", "10.0.0.128/25", True),
        ("10.0.0.5", "10.0.0.0/24", True),
        ("10.0.1.0/24", "10.0.0.0/24", False),
        ("10.0.0.0/24", "10.0.0.0/24", False),
        ("fd00::/64", "fd00::/48", True),
        ("tap1 . 02:00:00:00:00:01 . 10.0.0.0/28", "tap1 . 02:00:00:00:00:01 . 10.0.0.0/27", True),
        ("tap1 . 02:00:00:00:00:01 . 10.0.0.0/28", "tap2 . 02:00:00:00:00:01 . 10.0.0.0/27", False),
        ("tap1 . 0x10-0x1f", "tap1 . 0x1f-0x20", True),
        ("tap1 . 0x10-0x1f", "tap1 . 0x20-0x2f", False),
        ("tap1 . 0x10", "tap1 . 0x0-0xff", True),
    ],
)
def test_what_overlaps_is_in_the_way(present: str, wanted: str, blocked: bool) -> None:
    """An element that is there blocks another that overlaps it, unless it is wanted itself."""
    assert in_the_way([key(present)], [key(wanted)]) == ([key(present)] if blocked else [])
    assert in_the_way([key(present, "other")], [key(wanted)]) == []
    assert in_the_way([key(present)], [key(wanted), key(present)]) == []
