"""Short tags that identify a rule by its text, its chain and everything before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

TAG_LENGTH: Final = 12
MOVABLE: Final = "~"
"""How the tag of a rule begins that may stand anywhere among its like (model.host.NftChain)."""


def tag_rules(chain: str, rules: Sequence[str]) -> tuple[str, ...]:
    """A tag for each rule; a rule's tag changes with any rule before it."""
    digest = hashlib.sha256(chain.encode())
    tags = []
    for rule in rules:
        digest.update(b"\0" + rule.encode())
        tags.append(digest.hexdigest()[:TAG_LENGTH])
    return tuple(tags)


def tag_movable(chain: str, rules: Iterable[str]) -> dict[str, str]:
    """Rules by their tags, which do not change with the rules around them; in the tags' order."""
    tagged = {MOVABLE + tag_rules(chain, [rule])[0][:-1]: rule for rule in rules}
    return dict(sorted(tagged.items()))


def digest_of(parts: Iterable[str]) -> str:
    """A short name for a set of strings, whatever their order."""
    text = "\0".join(sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()[:TAG_LENGTH]
