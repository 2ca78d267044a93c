"""What is written at once and in which order, for every plan large or small."""

from __future__ import annotations

import re
from itertools import chain as flat

from hypothesis import given
from hypothesis import strategies as st

from netwright.kernel.nft_transactions import removals, transactions
from netwright.model.host import (
    NFT_SWITCHES,
    NftChain,
    NftElement,
    NftKey,
    NftKind,
    NftSet,
    NftTable,
    NftValue,
)

LINKS = tuple(f"tap{number:08x}-90" for number in range(6))
SETS = ("bind_mac", *sorted(NFT_SWITCHES))


def _element(name: str, link: str) -> tuple[NftKey, NftValue]:
    data = f"goto {name}" if name.startswith("ports") else ""
    return NftKey(NftKind.ELEMENT, "bridge", name, link), NftElement(data)


def _chain(number: int, called: set[int]) -> tuple[NftKey, NftValue]:
    """Chains that name only others of a smaller number: there are no loops."""
    rules = tuple(f"jump c{other}" for other in sorted(called) if other < number)
    return NftKey(NftKind.CHAIN, "bridge", f"c{number}"), NftChain("", rules, rules)


CHAINS = st.builds(_chain, st.integers(0, 9), st.sets(st.integers(0, 9)))
ELEMENTS = st.builds(_element, st.sampled_from(SETS), st.sampled_from(LINKS))
REST = st.sampled_from(
    [(NftKey(NftKind.TABLE, "bridge", ""), NftTable("x"))]
    + [(NftKey(NftKind.SET, "bridge", name), NftSet("x", "")) for name in SETS]
)
ITEMS = st.lists(st.one_of(CHAINS, ELEMENTS, REST), max_size=60).map(dict)


def _size(part: dict[NftKey, NftValue]) -> int:
    return sum(1 + len(value.rules) if isinstance(value, NftChain) else 1 for value in part.values())


@given(ITEMS, st.integers(12, 40))
def test_everything_is_written_once_and_in_parts_of_bounded_size(
    items: dict[NftKey, NftValue], largest: int
) -> None:
    """The parts together are the whole, each within the bound; what is small enough is one part."""
    parts = list(transactions(items, largest))
    assert sorted(flat.from_iterable(parts)) == sorted(items)
    assert {key: value for part in parts for key, value in part.items()} == items
    assert all(_size(part) <= largest for part in parts)
    assert len(parts) == 1 or _size(items) > largest


@given(ITEMS)
def test_every_prefix_of_the_transactions_is_sound(items: dict[NftKey, NftValue]) -> None:
    """What a transaction names came before or with it, switches last, and those of a link at once."""
    written: set[NftKey] = set()
    for part in transactions(items, 12):
        written |= part.keys()
        for key, value in part.items():
            if isinstance(value, NftChain):
                named = {key._replace(name=name) for name in re.findall(r"jump (\S+)", " ".join(value.rules))}
                assert named & items.keys() <= written
        switched = {key.element for key in written if key.name in NFT_SWITCHES and key.element}
        if switched:
            waiting = items.keys() - written
            assert not any(key.name not in NFT_SWITCHES or key.element in switched for key in waiting)


@given(ITEMS, st.integers(4, 40))
def test_removal_takes_the_switches_first_and_the_holders_last(
    items: dict[NftKey, NftValue], largest: int
) -> None:
    """Every key goes once; no port's bindings go before its switches, no chain or set before elements."""
    parts = list(removals(items.keys(), largest))
    assert sorted(flat.from_iterable(parts)) == sorted(items)
    gone: set[NftKey] = set()
    for part in parts:
        gone |= set(part)
        elements = {key for key in items if key.kind is NftKind.ELEMENT}
        if any(key.kind is not NftKind.ELEMENT for key in gone):
            assert elements <= gone
        if any(key.name not in NFT_SWITCHES for key in gone & elements):
            assert all(key in gone for key in elements if key.name in NFT_SWITCHES)
