"""How often each rule of our chains was met: packets and bytes, rule by rule."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from netwright.kernel.libnftables import Nftables
from netwright.kernel.nft_messages import spoken
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NftKey


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule by its tag; both counts are None where it does not count."""

    tag: str
    packets: int | None
    bytes: int | None


def read_counters(chains: Collection[NftKey]) -> dict[NftKey, tuple[RuleCount, ...]]:
    """The rules of those chains that there are, in order. Bound to the calling thread's namespace."""
    nft = Nftables()
    try:
        return {key: counts for key in chains if (counts := _chain(nft, key)) is not None}
    finally:
        nft.close()


def _chain(nft: Nftables, key: NftKey) -> tuple[RuleCount, ...] | None:
    try:
        listing = nft.read(f"list chain {spoken(key.family)} {key.name}")
    except KernelRefusedError as refused:
        if "No such file" in refused.said:
            return None
        raise
    return tuple(_counts(listing))


def _counts(listing: str) -> Iterator[RuleCount]:
    """From libnftables-json(5): {"nftables": [{"rule": {"comment": …, "expr": [{"counter": {…}}]}}]}."""
    for wrapped in json.loads(listing)["nftables"]:
        rule = wrapped.get("rule")
        if isinstance(rule, Mapping):
            counters = [one["counter"] for one in rule["expr"] if "counter" in one]
            counter: Mapping[str, int] = counters[0] if counters else {}
            yield RuleCount(str(rule.get("comment", "")), counter.get("packets"), counter.get("bytes"))
