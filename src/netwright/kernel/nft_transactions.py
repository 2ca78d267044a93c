"""What is to be written or removed, in transactions that are short: the kernel runs one at a time.

Their order makes every prefix of them sound: a chain comes after those that it names, what filters after what
it looks up, and last what sends a port's packets there (`NFT_SWITCHES`), all of one port's together.
Removal goes the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from netwright.model.host import NFT_SWITCHES, NftChain, NftKey, NftKind, NftValue

LARGEST: Final = 1000
"""Objects in one transaction, a rule counted as one too: docs/decisions/0009."""
_KINDS: Final = {kind: number for number, kind in enumerate(NftKind)}
_NAMED: Final = re.compile(r"\b(?:jump|goto) (\S+)")

Part = dict[NftKey, NftValue]


def transactions(items: Mapping[NftKey, NftValue], largest: int = LARGEST) -> Iterator[Part]:
    """The items in parts, in one where they are few."""
    if sum(map(_weight, items.values())) <= largest:
        yield dict(items)
        return
    chains = {key: value for key, value in items.items() if isinstance(value, NftChain)}
    order = {key: number for number, key in enumerate(_called_first(chains))}
    for keys in _parts(items, lambda key: _weight(items[key]), largest, order):
        yield {key: items[key] for key in keys}


def removals(keys: Collection[NftKey], largest: int = LARGEST) -> Iterator[list[NftKey]]:
    """The keys in parts: elements, and then what held them, at once: chains name chains."""
    if len(keys) <= largest:
        yield list(keys)
        return
    elements = [key for key in keys if key.kind is NftKind.ELEMENT]
    yield from reversed(list(_parts(elements, lambda _: 1, largest, {})))
    if others := [key for key in keys if key.kind is not NftKind.ELEMENT]:
        yield others


def _parts(
    keys: Iterable[NftKey], weight: Callable[[NftKey], int], largest: int, order: Mapping[NftKey, int]
) -> Iterator[list[NftKey]]:
    """What is of one place is never parted."""
    part: list[NftKey] = []
    total = 0

    def place(key: NftKey) -> tuple[int, bool, int, str]:
        return (
            _KINDS[key.kind],
            key.name in NFT_SWITCHES,
            order.get(key, 0),
            key.element.split(" . ", 1)[0] or key.name,
        )

    for _, some in groupby(sorted(keys, key=place), key=place):
        together = list(some)
        added = sum(map(weight, together))
        if part and total + added > largest:
            yield part
            part, total = [], 0
        part += together
        total += added
    if part:
        yield part


def _weight(value: NftValue) -> int:
    return 1 + len(value.rules) if isinstance(value, NftChain) else 1


def _called_first(chains: Mapping[NftKey, NftChain]) -> list[NftKey]:
    """The kernel takes no loops of chains."""
    ordered: dict[NftKey, None] = {}

    def add(key: NftKey) -> None:
        if key in ordered or key not in chains:
            return
        for name in _NAMED.findall(" ".join(chains[key].rules)):
            add(key._replace(name=name))
        ordered[key] = None

    for key in chains:
        add(key)
    return list(ordered)
