"""A chain as it is into the chain that is wanted: as few rules written as may be, so that counters go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netwright.kernel.nft_messages import spoken
from netwright.model.host import NftChain, NftKey, PlacedRule, settled


def rule_lines(key: NftKey, wanted: NftChain, placed: Sequence[PlacedRule]) -> Iterable[str]:
    """The commands: single rules by their handles where only movable ones differ, else the whole chain."""
    chain = f"{spoken(key.family)} {key.name}"
    kept = {rule.tag: rule.handle for rule in placed}
    if not kept or len(kept) != len(placed) or _fixed(settled(tuple(kept))) != _fixed(wanted.tags):
        yield f"flush chain {chain}"
        kept = {}
    for tag in kept.keys() - set(wanted.tags):
        yield f"delete rule {chain} handle {kept[tag]}"
    for tag, rule in zip(wanted.tags, wanted.rules, strict=True):
        if tag not in kept:
            yield f'add rule {chain} {rule} comment "{tag}"'


def _fixed(tags: Sequence[str]) -> Sequence[str]:
    """All up to the movable ones at the end."""
    last = len(tags)
    while last and tags[last - 1].startswith("~"):
        last -= 1
    return tags[:last]
