"""nftables, both families, one transaction for whatever is asked at once.

Ours: the tables called netwright and netwright-qos, and everything in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from netwright.kernel.libnftables import Nftables
from netwright.kernel.nft_editing import rule_lines
from netwright.kernel.nft_elements import is_known, is_plain_range, is_range
from netwright.kernel.nft_intervals import in_the_way
from netwright.kernel.nft_messages import LAYOUT, spoken
from netwright.kernel.nft_reading import FILTERS, NftReader
from netwright.kernel.nft_transactions import removals, transactions
from netwright.kernel.nft_writing import NftWriter
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
)

_NAMED: Final = (NftKind.SET, NftKind.MAP, NftKind.LIMIT)


class NftTables:
    """Driver of two tables. Bound to the network namespace in which it is made."""

    def __init__(self, nft: Nftables | None = None, families: tuple[str, ...] = FILTERS) -> None:
        """`nft`: made in the namespace that is meant; by default in the calling thread's.

        `families`: which tables (NFT_TABLES).
        """
        self._nft = nft or Nftables()
        self._reader = NftReader(families)
        self._writer = NftWriter()

    def observe(self, keys: Collection[NftKey] | None = None) -> Mapping[NftKey, NftValue]:
        return self._reader.everything() if keys is None else self._reader.read(keys)

    def put(self, items: Mapping[NftKey, NftValue]) -> None:
        tables = {key: value for key, value in items.items() if isinstance(value, NftTable)}
        there = self._reader.read(tables)
        renewed = {key.family for key, value in tables.items() if there.get(key, value) != value}
        anew = {key: value for key, value in items.items() if key.family in renewed}
        if anew:
            # However large: between two transactions nothing would be filtered, or nothing would pass.
            gone = "".join(f"delete table {spoken(family)}\n" for family in renewed)
            self._nft.write(gone + write_script(anew))
        others = {key: value for key, value in items.items() if key not in anew}
        for part in transactions(others) if others else ():
            self._put(part)

    def _put(self, items: Mapping[NftKey, NftValue]) -> None:
        try:
            self._write(self._inside(items), items)
        except KernelRefusedError as refused:
            self._put_instead(items, refused)

    def _inside(self, items: Mapping[NftKey, NftValue]) -> list[NftKey]:
        """Ranges there that have new ones in them, or are in new ones.

        The kernel takes a range that has another between its ends, and then deletes the one in place of the
        other (nft_set_pipapo.c).
        """
        ranges = [key for key in items if key.kind is NftKind.ELEMENT and is_range(key.element)]
        ranges = [key for key in ranges if not is_plain_range(key.element)]
        there = self._reader.sets_of(ranges) if ranges else ()
        return in_the_way([key for key in there if is_known(key.element)], ranges)

    def _put_instead(self, items: Mapping[NftKey, NftValue], refused: KernelRefusedError) -> None:
        """What maps elsewhere, or overlaps, goes and comes within one transaction: never a gap.

        The usual case, a port's groups changed, is answered by its own elements; the rest by all there is.
        """
        mapped = [key for key, value in items.items() if isinstance(value, NftElement) and value.data]
        for there in (partial(self.observe, mapped), self._reader.everything):
            stale = _in_the_way(there(), items)
            if stale:
                try:
                    self._write(stale, items)
                except KernelRefusedError as again:
                    refused = again
                else:
                    return
        raise refused

    def _write(self, gone: Collection[NftKey], items: Mapping[NftKey, NftValue]) -> None:
        """One transaction: elements alone go straight to the kernel, the rest is nft's to translate."""
        elements = {key: value for key, value in items.items() if isinstance(value, NftElement)}
        if len(elements) == len(items) and all(map(_is_plain, (*gone, *items))):
            self._writer.write(gone, elements)
        else:
            placed = self._reader.placed([key for key in items if _is_movable(items[key])])
            deleted = _elements("delete", dict.fromkeys(gone, NftElement()))
            self._nft.write(deleted + write_script(items, placed))

    def remove(self, keys: Collection[NftKey]) -> None:
        keys = self._exact(keys)
        hooked = self._hooked(keys)
        for part in (hooked, *removals([key for key in keys if key not in hooked])):
            if part:
                self._remove(part)

    def _exact(self, keys: Collection[NftKey]) -> list[NftKey]:
        """Without what the kernel has not, of sets of ranges: it would delete the range that it is in."""
        ranged = {key for key in keys if key.kind is NftKind.ELEMENT and self._reader.holds_ranges(key)}
        there = self._reader.read(ranged) if ranged else {}
        return [key for key in keys if key not in ranged or key in there]

    def _hooked(self, keys: Collection[NftKey]) -> list[NftKey]:
        """The base chains of tables that go: first of all, as rules drop what sets know no more."""
        families = {key.family for key in keys if key.kind is NftKind.TABLE}
        chains = [key for key in keys if key.kind is NftKind.CHAIN and key.family in families]
        found = self._reader.read(chains) if chains else {}
        return [key for key, value in found.items() if isinstance(value, NftChain) and value.hook]

    def _remove(self, keys: Collection[NftKey]) -> None:
        try:
            self._remove_present(keys)
        except KernelRefusedError:
            # Something is gone already: one look, then only what is left.
            self._remove_present(self.observe(keys).keys())

    def _remove_present(self, keys: Collection[NftKey]) -> None:
        """Sets go in a transaction of their own: one whose elements are deleted in the same is still busy."""
        named = [key for key in keys if key.kind in _NAMED]
        others = [key for key in keys if key.kind not in _NAMED]
        if others and all(map(_is_plain, others)):
            self._writer.write(others, {})
        elif others:
            self._nft.write(remove_script(others))
        if named:
            self._nft.write(remove_script(named))

    def close(self) -> None:
        self._nft.close()
        self._reader.close()
        self._writer.close()


def write_script(
    items: Mapping[NftKey, NftValue], placed: Mapping[NftKey, Sequence[PlacedRule]] = MappingProxyType({})
) -> str:
    """Tables, then sets and maps, then chains, then their rules, then elements: each after what it names.

    `placed`: the rules that chains have already; of these, what need not change stays untouched.
    """
    chains = {key: value for key, value in items.items() if isinstance(value, NftChain)}
    lines = [
        *(_table(key, value) for key, value in items.items() if isinstance(value, NftTable)),
        *(_set(key, value) for key, value in items.items() if isinstance(value, NftSet)),
        *(_limit(key, value) for key, value in items.items() if isinstance(value, NftLimit)),
        *(_chain(key, value) for key, value in chains.items()),
        *(line for key, value in chains.items() for line in rule_lines(key, value, placed.get(key, ()))),
    ]
    elements = {key: value for key, value in items.items() if isinstance(value, NftElement)}
    return "".join(f"{line}\n" for line in lines) + _elements("add", elements)


def remove_script(keys: Iterable[NftKey]) -> str:
    """The reverse order: chains are emptied before any goes, as they may name one another."""
    by_kind: dict[NftKind, list[NftKey]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key)
    chains = by_kind.get(NftKind.CHAIN, [])
    words = {NftKind.SET: "set", NftKind.MAP: "map", NftKind.LIMIT: "limit"}
    lines = [
        *(f"flush chain {spoken(key.family)} {key.name}" for key in chains),
        *(f"delete chain {spoken(key.family)} {key.name}" for key in chains),
        *(
            f"delete {word} {spoken(key.family)} {key.name}"
            for kind, word in words.items()
            for key in by_kind.get(kind, [])
        ),
        *(f"delete table {spoken(key.family)}" for key in by_kind.get(NftKind.TABLE, [])),
    ]
    elements: dict[NftKey, NftElement] = dict.fromkeys(by_kind.get(NftKind.ELEMENT, []), NftElement())
    return _elements("delete", elements) + "".join(f"{line}\n" for line in lines)


def _table(key: NftKey, value: NftTable) -> str:
    layout = f"add chain {spoken(key.family)} {LAYOUT}{value.layout}"
    return f"add table {spoken(key.family)}\n{layout}"


def _set(key: NftKey, value: NftSet) -> str:
    return f'add {key.kind} {spoken(key.family)} {key.name} {{ {value.spec}; comment "{value.tag}"; }}'


def _limit(key: NftKey, value: NftLimit) -> str:
    return f"add limit {spoken(key.family)} {key.name} {{ {value.spec} ; }}"


def _chain(key: NftKey, value: NftChain) -> str:
    if not value.hook:
        return f"add chain {spoken(key.family)} {key.name}"
    kind, hook, priority = value.hook.split()
    inside = f"type {kind} hook {hook} priority {priority}; policy accept;"
    return f"add chain {spoken(key.family)} {key.name} {{ {inside} }}"


def _elements(verb: str, items: Mapping[NftKey, NftElement]) -> str:
    grouped: dict[tuple[str, str], list[str]] = {}
    for key, value in items.items():
        data = f" : {value.data}" if value.data and verb == "add" else ""
        grouped.setdefault((key.family, key.name), []).append(_quoted(key.element) + data)
    return "".join(
        f"{verb} element {spoken(family)} {name} {{ {', '.join(texts)} }}\n"
        for (family, name), texts in grouped.items()
    )


def _quoted(element: str) -> str:
    """Link names in quotes: some of their characters mean something to nft."""
    return " . ".join(
        token if ":" in token or token[0].isdigit() else f'"{token}"' for token in element.split(" . ")
    )


def _in_the_way(present: Mapping[NftKey, NftValue], items: Mapping[NftKey, NftValue]) -> list[NftKey]:
    """Elements that map elsewhere now, and ranges that overlap new ones."""
    mapped = [key for key, value in items.items() if isinstance(value, NftElement) and value.data]
    elements = [key for key in (*present, *items) if key.kind is NftKind.ELEMENT]
    ranged = {(key.family, key.name) for key in elements if is_range(key.element)}
    there, new = (
        [key for key in some if (key.family, key.name) in ranged and is_known(key.element)]
        for some in (present, items)
    )
    return [*(key for key in mapped if key in present), *in_the_way(there, new)]


def _is_plain(key: NftKey) -> bool:
    """Whether it is an element that the kernel keeps as one."""
    return key.kind is NftKind.ELEMENT and not is_plain_range(key.element)


def _is_movable(value: NftValue) -> bool:
    return isinstance(value, NftChain) and any(tag.startswith("~") for tag in value.tags)
