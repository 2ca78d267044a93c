"""The words that every nftables renderer uses: tables, sets, maps, chains, elements, as keys and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from netwright.model.host import NftChain, NftElement, NftKey, NftKind, NftLimit, NftSet, NftTable, NftValue
from netwright.model.intent import Prefix
from netwright.render.tags import digest_of, tag_movable, tag_rules

BRIDGE: Final = "bridge"
INET: Final = "inet"

Nft = dict[NftKey, NftValue]

ESTABLISHED_MARK: Final = 0x00040000
"""The bit by which the inet hooks tell the bridge hooks that a packet belongs to a known connection."""


def table(family: str, layout: str) -> Nft:
    return {NftKey(NftKind.TABLE, family, ""): NftTable(layout)}


def named_set(family: str, name: str, spec: str) -> Nft:
    """`spec`: `type ipv4_addr` or `type ipv4_addr; flags interval`, as between the declaration's braces."""
    return {NftKey(NftKind.SET, family, name): NftSet(digest_of([spec]), spec)}


def named_map(family: str, name: str, spec: str) -> Nft:
    return {NftKey(NftKind.MAP, family, name): NftSet(digest_of([spec]), spec)}


def chain(family: str, name: str, rules: Sequence[str], hook: str = "") -> Nft:
    """`hook`: `filter prerouting -300`, empty for a regular chain. The policy is always accept."""
    tags = tag_rules(f"{family} {name} {hook}", rules)
    return {NftKey(NftKind.CHAIN, family, name): NftChain(hook, tags, tuple(rules))}


def movable_chain(family: str, name: str, first: Sequence[str], movable: Iterable[str]) -> Nft:
    """A regular chain: rules in order, and then some that all say the same of a packet, in any order.

    A change adds and deletes single ones of these, so that the others' counters go on.
    """
    tagged = tag_movable(f"{family} {name}", movable)
    tags = (*tag_rules(f"{family} {name} ", first), *tagged)
    return {NftKey(NftKind.CHAIN, family, name): NftChain("", tags, (*first, *tagged.values()))}


def named_limit(family: str, name: str, spec: str) -> Nft:
    """`spec`: `rate 100/second burst 25 packets`."""
    return {NftKey(NftKind.LIMIT, family, name): NftLimit(spec)}


def element(family: str, name: str, *key: str) -> Nft:
    """An element of a set; a key of several fields is a concatenation."""
    return {NftKey(NftKind.ELEMENT, family, name, " . ".join(key)): NftElement()}


def mapping(family: str, name: str, key: str, data: str) -> Nft:
    """An element of a map."""
    return {NftKey(NftKind.ELEMENT, family, name, key): NftElement(data)}


def prefix_text(prefix: Prefix) -> str:
    """A prefix as nft prints it: a whole address has no length."""
    whole = prefix.prefixlen == prefix.max_prefixlen
    return str(prefix.network_address) if whole else str(prefix)
