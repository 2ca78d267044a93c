"""nftables, both families, one transaction for whatever is asked at once.

Ours: the tables called netwright, and everything in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Final

from netwright.kernel.libnftables import Nftables
from netwright.kernel.nft_intervals import in_the_way
from netwright.kernel.nft_listing import LAYOUT, TABLE, parse_listing
from netwright.kernel.nft_reading import NftReader, readable
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NftChain, NftElement, NftKey, NftKind, NftSet, NftTable, NftValue

_FAMILIES: Final = ("bridge", "inet")
_SETS: Final = (NftKind.SET, NftKind.MAP)


class NftTables:
    """Driver of both tables. Bound to the network namespace in which it is made."""

    def __init__(self) -> None:
        self._nft = Nftables()
        self._reader = NftReader()

    def observe(self, keys: Collection[NftKey] | None = None) -> Mapping[NftKey, NftValue]:
        if keys is None or not all(_readable(key) for key in keys):
            found = self._everything()
            return found if keys is None else {key: found[key] for key in keys if key in found}
        values = {key: self._reader.read(key) for key in keys}
        return {key: value for key, value in values.items() if value is not None}

    def put(self, items: Mapping[NftKey, NftValue]) -> None:
        renewed = [
            key for key, value in items.items() if isinstance(value, NftTable) and self._outdated(key, value)
        ]
        if renewed:
            self._nft.write("".join(f"delete table {key.family} {TABLE}\n" for key in renewed))
        script = write_script(items)
        try:
            self._nft.write(script)
        except KernelRefusedError as refused:
            self._put_instead(items, script, refused)

    def _put_instead(
        self, items: Mapping[NftKey, NftValue], script: str, refused: KernelRefusedError
    ) -> None:
        """What maps elsewhere, or overlaps, goes and comes within one transaction: never a gap.

        The usual case, a port's groups changed, is answered by its own elements; the rest by all there is.
        """
        mapped = [key for key, value in items.items() if isinstance(value, NftElement) and value.data]
        for there in (partial(self.observe, mapped), self._everything):
            stale = _in_the_way(there(), items)
            if stale:
                try:
                    self._nft.write(_elements("delete", dict.fromkeys(stale, NftElement())) + script)
                except KernelRefusedError as again:
                    refused = again
                else:
                    return
        raise refused

    def remove(self, keys: Collection[NftKey]) -> None:
        try:
            self._remove(keys)
        except KernelRefusedError:
            # Something is gone already: one look at all there is, then only what is left.
            self._remove(self._everything().keys() & set(keys))

    def _remove(self, keys: Collection[NftKey]) -> None:
        """Sets go in a transaction of their own: one whose elements are deleted in the same is still busy."""
        sets = {key for key in keys if key.kind in _SETS}
        for some in (set(keys) - sets, sets):
            if some:
                self._nft.write(remove_script(some))

    def close(self) -> None:
        self._nft.close()
        self._reader.close()

    def _everything(self) -> dict[NftKey, NftValue]:
        found: dict[NftKey, NftValue] = {}
        for family in _FAMILIES:
            found.update(self._listed(f"list table {family} {TABLE}", elements=True))
        return found

    def _listed(self, command: str, *, elements: bool) -> dict[NftKey, NftValue]:
        try:
            return parse_listing(self._nft.read(command, elements=elements))
        except KernelRefusedError as refused:
            if "No such file" in refused.said:
                return {}
            raise

    def _outdated(self, key: NftKey, value: NftTable) -> bool:
        listed = self._listed(f"list table {key.family} {TABLE}", elements=False)
        return listed.get(key, value) != value


def write_script(items: Mapping[NftKey, NftValue]) -> str:
    """Tables, then sets and maps, then chains, then their rules, then elements: each after what it names."""
    chains = {key: value for key, value in items.items() if isinstance(value, NftChain)}
    lines = [
        *(_table(key, value) for key, value in items.items() if isinstance(value, NftTable)),
        *(_set(key, value) for key, value in items.items() if isinstance(value, NftSet)),
        *(_chain(key, value) for key, value in chains.items()),
        *(line for key, value in chains.items() for line in _rules(key, value)),
    ]
    elements = {key: value for key, value in items.items() if isinstance(value, NftElement)}
    return "".join(f"{line}\n" for line in lines) + _elements("add", elements)


def remove_script(keys: Iterable[NftKey]) -> str:
    """The reverse order: chains are emptied before any goes, as they may name one another."""
    by_kind: dict[NftKind, list[NftKey]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key)
    chains = by_kind.get(NftKind.CHAIN, [])
    words = {NftKind.SET: "set", NftKind.MAP: "map"}
    lines = [
        *(f"flush chain {key.family} {TABLE} {key.name}" for key in chains),
        *(f"delete chain {key.family} {TABLE} {key.name}" for key in chains),
        *(
            f"delete {word} {key.family} {TABLE} {key.name}"
            for kind, word in words.items()
            for key in by_kind.get(kind, [])
        ),
        *(f"delete table {key.family} {TABLE}" for key in by_kind.get(NftKind.TABLE, [])),
    ]
    elements: dict[NftKey, NftElement] = dict.fromkeys(by_kind.get(NftKind.ELEMENT, []), NftElement())
    return _elements("delete", elements) + "".join(f"{line}\n" for line in lines)


def _table(key: NftKey, value: NftTable) -> str:
    layout = f"add chain {key.family} {TABLE} {LAYOUT}{value.layout}"
    return f"add table {key.family} {TABLE}\n{layout}"


def _set(key: NftKey, value: NftSet) -> str:
    return f'add {key.kind} {key.family} {TABLE} {key.name} {{ {value.spec}; comment "{value.tag}"; }}'


def _chain(key: NftKey, value: NftChain) -> str:
    if not value.hook:
        return f"add chain {key.family} {TABLE} {key.name}"
    kind, hook, priority = value.hook.split()
    inside = f"type {kind} hook {hook} priority {priority}; policy accept;"
    return f"add chain {key.family} {TABLE} {key.name} {{ {inside} }}"


def _rules(key: NftKey, value: NftChain) -> Iterable[str]:
    yield f"flush chain {key.family} {TABLE} {key.name}"
    for rule, tag in zip(value.rules, value.tags, strict=True):
        yield f'add rule {key.family} {TABLE} {key.name} {rule} comment "{tag}"'


def _elements(verb: str, items: Mapping[NftKey, NftElement]) -> str:
    grouped: dict[tuple[str, str], list[str]] = {}
    for key, value in items.items():
        data = f" : {value.data}" if value.data and verb == "add" else ""
        grouped.setdefault((key.family, key.name), []).append(_quoted(key.element) + data)
    return "".join(
        f"{verb} element {family} {TABLE} {name} {{ {', '.join(texts)} }}\n"
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
    ranged = {(key.family, key.name) for key in elements if not readable(key.element)}
    there, new = (
        [key for key in some if key.kind is NftKind.ELEMENT and (key.family, key.name) in ranged]
        for some in (present, items)
    )
    return [*(key for key in mapped if key in present), *in_the_way(there, new)]


def _readable(key: NftKey) -> bool:
    return key.kind is not NftKind.TABLE and readable(key.element)
