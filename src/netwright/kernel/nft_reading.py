"""What our tables have under single keys, straight from nfnetlink.

libnftables loads whole sets before it answers about one element: with a thousand ports that is
milliseconds for what the kernel looks up in microseconds.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Final

from netwright.kernel.netlink import NETFILTER, Message, Netlink, Request, nested, string, text_attribute
from netwright.kernel.nft_elements import is_plain_range, pack_key, unwrap, wrap
from netwright.kernel.nft_listing import elements_in, elements_of, has_ranges, listing, ours, table_of
from netwright.kernel.nft_messages import (
    CHAIN_NAME,
    GET_CHAIN,
    GET_ELEMENTS,
    GET_OBJECT,
    GET_RULE,
    GET_SET,
    GET_TABLE,
    LIST_ELEMENTS,
    OBJECT_NAME,
    RULE_CHAIN,
    RULE_HANDLE,
    SET_NAME,
    entries,
    hook_of,
    in_set,
    in_table,
    limits,
    parsed,
    tag_of_rule,
    tag_of_set,
)
from netwright.model.errors import KernelRefusedError
from netwright.model.host import (
    NftChain,
    NftElement,
    NftKey,
    NftKind,
    NftLimit,
    NftSet,
    NftTable,
    NftValue,
    PlacedRule,
    settled,
)

FILTERS: Final = ("bridge", "inet")
"""Of NFT_TABLES, those that engines fill."""
LIMITS: Final = ("qos-bridge", "qos-inet")
"""And those of limits and marks, whichever engine."""
_AT_ONCE: Final = 32
"""Questions in one datagram: the answers to more might not fit the socket's buffer."""
_ONE_BY_ONE: Final = 64
"""Elements of one set that are asked for singly; for more, the set is dumped."""


_CHAINS_ONE_BY_ONE: Final = 8
"""Chains whose rules are asked for singly; for more, all rules of the table are."""


class NftReader:
    """Bound to the network namespace in which it is made; used by one thread at a time.

    `families`: the tables that it is about (NFT_TABLES).
    """

    def __init__(self, families: tuple[str, ...] = FILTERS) -> None:
        self._families = families
        self._netlink = Netlink(NETFILTER)
        self._ranged: dict[tuple[str, str], bool] = {}

    def close(self) -> None:
        self._netlink.close()

    def everything(self) -> dict[NftKey, NftValue]:
        """What there is in our tables."""
        return {key: value for family in self._families for key, value in listing(self._netlink, family)}

    def read(self, keys: Collection[NftKey]) -> dict[NftKey, NftValue]:
        """What the kernel has under those keys; those that it has not are left out."""
        found: dict[NftKey, NftValue] = {}
        elements: dict[tuple[str, str], list[NftKey]] = {}
        for key in keys:
            if key.kind is NftKind.ELEMENT:
                elements.setdefault((key.family, key.name), []).append(key)
            elif (value := self._object(key)) is not None:
                found[key] = value
        single = []
        for (family, name), some in elements.items():
            if len(some) > _ONE_BY_ONE or any(is_plain_range(key.element) for key in some):
                found.update(self._dumped(family, name, some))
            else:
                single += some
        found.update(self._asked(single))
        return found

    def holds_ranges(self, key: NftKey) -> bool:
        """Whether the element's set is one of ranges: asked once, as sets of ours never change in that."""
        place = key.family, key.name
        if place not in self._ranged:
            answer = self._netlink.get(GET_SET, in_table(key.family) + text_attribute(SET_NAME, key.name))
            if answer is None:
                return False
            self._ranged[place] = has_ranges(parsed(answer))
        return self._ranged[place]

    def sets_of(self, keys: Collection[NftKey]) -> list[NftKey]:
        """All elements of the sets that those are in; none of a set that is not there."""
        found = []
        for family, name in {(key.family, key.name) for key in keys}:
            answer = self._netlink.get(GET_SET, in_table(family) + text_attribute(SET_NAME, name))
            if answer is not None:
                found += [key for key, _ in elements_in(self._netlink, family, name, parsed(answer))]
        return found

    def _object(self, key: NftKey) -> NftValue | None:
        match key.kind:
            case NftKind.TABLE:
                return self._table(key)
            case NftKind.CHAIN:
                return self._chain(key)
            case NftKind.LIMIT:
                return self._limit(key)
            case _:
                return self._set(key)

    def _limit(self, key: NftKey) -> NftLimit | None:
        answer = self._netlink.get(GET_OBJECT, limits(key.family) + text_attribute(OBJECT_NAME, key.name))
        return NftLimit("") if answer else None

    def _table(self, key: NftKey) -> NftTable | None:
        if self._netlink.get(GET_TABLE, in_table(key.family)) is None:
            return None
        chains = ours(self._netlink, key.family, GET_CHAIN, in_table(key.family))
        return table_of(string(chain[CHAIN_NAME]) for chain in chains)

    def _chain(self, key: NftKey) -> NftChain | None:
        answer = self._netlink.get(GET_CHAIN, in_table(key.family) + text_attribute(CHAIN_NAME, key.name))
        if answer is None:
            return None
        tags = settled(rule.tag for rule in self.placed([key])[key])
        return NftChain(hook_of(parsed(answer)), tags, ())

    def placed(self, chains: Collection[NftKey]) -> dict[NftKey, list[PlacedRule]]:
        """The rules of those chains, in their order; none where there is no such chain."""
        found: dict[NftKey, list[PlacedRule]] = {key: [] for key in chains}
        if len(found) <= _CHAINS_ONE_BY_ONE:
            asked = [(key.family, key.name) for key in found]
        else:
            asked = [(family, "") for family in {key.family for key in found}]
        for family, chain in asked:
            request = in_table(family) + (text_attribute(RULE_CHAIN, chain) if chain else b"")
            for rule in ours(self._netlink, family, GET_RULE, request):
                name = string(rule[RULE_CHAIN])
                place = found.get(NftKey(NftKind.CHAIN, family, name))
                # Older kernels list the whole table whatever the chain.
                if place is not None and chain in {"", name}:
                    place.append(PlacedRule(tag_of_rule(rule), int.from_bytes(rule[RULE_HANDLE], "big")))
        return found

    def _set(self, key: NftKey) -> NftSet | None:
        answer = self._netlink.get(GET_SET, in_table(key.family) + text_attribute(SET_NAME, key.name))
        return NftSet(tag_of_set(parsed(answer)), "") if answer else None

    def _asked(self, keys: Iterable[NftKey]) -> Iterator[tuple[NftKey, NftElement]]:
        waiting = iter(keys)
        while some := list(islice(waiting, _AT_ONCE)):
            for key, answer in zip(
                some, self._netlink.exchange([_question(key) for key in some]), strict=True
            ):
                if isinstance(answer, Message):
                    packed, data = unwrap(next(entries(answer)))
                    # A range is also found by one that lies within it.
                    if packed == pack_key(key.element):
                        yield key, NftElement(data)
                elif answer is None or answer.error != errno.ENOENT:
                    said = os.strerror(answer.error) if answer else "no answer"
                    raise KernelRefusedError("nftables", f"{key.name} {{ {key.element} }}: {said}")

    def _dumped(
        self, family: str, name: str, keys: Collection[NftKey]
    ) -> Iterator[tuple[NftKey, NftElement]]:
        plain = any(is_plain_range(key.element) for key in keys)
        there = elements_of(self._netlink, family, name, plain=plain)
        for key in keys:
            packed = pack_key(key.element)
            if packed in there:
                yield key, NftElement(there[packed])


def _question(key: NftKey) -> Request:
    request = in_set(key.family, key.name) + nested(LIST_ELEMENTS, wrap(key.element))
    return Request(GET_ELEMENTS, 0, request)
