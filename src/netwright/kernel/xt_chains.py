"""Chains, rules and jumps of iptables, ip6tables and ebtables: one restore for each family that is asked.

Only what is read a moment before is deleted: a restore with one wrong line does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from netwright.kernel.ebtables import Ebtables
from netwright.kernel.xt_editing import declared, written
from netwright.kernel.xt_reading import (
    BRIDGE,
    FIRST,
    HELD,
    LAST,
    Chains,
    Line,
    Place,
    comment,
    is_jump,
    observed,
    read_chain,
    read_tables,
)
from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import XtChain, XtJump, XtKey, XtKind, XtValue

_BACKENDS: Final[tuple[Backend, ...]] = ("nft", "legacy")
_FAMILIES: Final[tuple[Family, ...]] = ("ip", "ip6")
_TOOLS: Final[Mapping[tuple[str, str], Xtables | Ebtables]] = {
    ("", BRIDGE): Ebtables(),
    **{(backend, family): Xtables(family, backend) for backend in _BACKENDS for family in _FAMILIES},
}
_FEW: Final = 12
"""Up to so many chains of a table are read one by one, where the kernel gives them out singly."""

Owner = tuple[str, str]


class XtChains:
    """Driver of every table that the tools of this host know. Runs in the calling thread's namespace.

    What was observed for a few keys serves the write that follows, once: the loop looks and writes at once.
    """

    def __init__(self) -> None:
        self._seen: dict[Place, tuple[set[str], Chains]] = {}

    def observe(self, keys: Collection[XtKey] | None = None) -> Mapping[XtKey, XtValue]:
        self._seen = {}
        if keys is None:
            return {key: value for owner in _TOOLS for key, value in self._everything(owner)}
        found: dict[XtKey, XtValue] = {}
        asked = by_place(keys)
        self._seen = {place: (names, read_chains(place, names)) for place, names in asked.items()}
        for place, (_, chains) in self._seen.items():
            found.update(observed(place, chains, every=True))
        return {key: found[key] for key in keys if key in found}

    def _everything(self, owner: Owner) -> Iterator[tuple[XtKey, XtValue]]:
        if _TOOLS[owner].there:
            for table, chains in read_tables(_TOOLS[owner].save()).items():
                yield from observed(Place(*owner, table), chains, every=False)

    def put(self, items: Mapping[XtKey, XtValue]) -> None:
        for owner, script in write_scripts(items, self._chains).items():
            _TOOLS[owner].restore(script)

    def remove(self, keys: Collection[XtKey]) -> None:
        for owner, some in _by_owner(keys).items():
            tool, places = _TOOLS[owner], _places(some)
            lines = {
                place.table: removal(place, read_chains(place, names), own)
                for place, (names, own) in places.items()
            }
            try:
                if script := _script(lines):
                    tool.restore(script)
            except KernelRefusedError:
                _remove_what_is_free(owner, {place: own for place, (_, own) in places.items()})

    def _chains(self, place: Place, names: set[str]) -> Chains:
        """As seen a moment before, if all of them were."""
        asked, chains = self._seen.pop(place, (set(), {}))
        return chains if names <= asked else read_chains(place, names)


def write_scripts(
    items: Mapping[XtKey, XtValue], read: Callable[[Place, set[str]], Chains]
) -> dict[Owner, str]:
    """What is restored, for each family that the items are of; `read` tells what is there now."""
    return {
        owner: _script(
            {
                place.table: _put_lines(place, read(place, names), {key: items[key] for key in some})
                for place, (names, some) in _places(keys).items()
            }
        )
        for owner, keys in _by_owner(items).items()
    }


def _by_owner(keys: Iterable[XtKey]) -> dict[Owner, list[XtKey]]:
    """Frames first: what iptables may take for granted is then so."""
    grouped: dict[Owner, list[XtKey]] = {}
    for key in keys:
        grouped.setdefault((key.backend, key.family), []).append(key)
    return {owner: grouped[owner] for owner in _TOOLS if owner in grouped}


def _places(keys: Iterable[XtKey]) -> dict[Place, tuple[set[str], list[XtKey]]]:
    places: dict[Place, tuple[set[str], list[XtKey]]] = {}
    for key in keys:
        names, some = places.setdefault(Place(key.backend, key.family, key.table), (set(), []))
        names.add(key.name)
        some.append(key)
    return places


def by_place(keys: Iterable[XtKey]) -> dict[Place, set[str]]:
    return {place: names for place, (names, _) in _places(keys).items()}


def read_chains(place: Place, names: Collection[str]) -> Chains:
    """Those chains, where they are there."""
    tool = _TOOLS[place.backend, place.family]
    if not tool.there:
        return {}
    if tool.singly and len(names) <= _FEW:
        read = {name: read_chain(tool.chain(place.table, name)) for name in names}
        return {name: lines for name, lines in read.items() if lines is not None}
    chains = read_tables(tool.save(place.table, counters=True), names).get(place.table, {})
    return {name: chains[name] for name in names if name in chains}


def _put_lines(place: Place, there: Chains, items: Mapping[XtKey, XtValue]) -> list[str]:
    """Every chain is declared before any rule names it."""
    chains = {key.name: value for key, value in items.items() if isinstance(value, XtChain)}
    rules: dict[str, list[str]] = {}
    for key in items:
        if key.kind is XtKind.RULE:
            rules.setdefault(key.name, []).append(key.item)
    anew = [name for name in chains if name not in there or place.family == BRIDGE]
    lines = [declared(place.family, name) for name in anew]
    for name, chain in chains.items():
        lines += written(place.family, name, chain, there.get(name), rules.pop(name, []))
    for name, texts in rules.items():
        present = [line.text for line in there.get(name, ()) if not line.tag]
        lines += [f"-D {name} {text}" for text in present if text in texts]
        lines += [f"-I {name} {text}" for text in texts]
    for key, value in items.items():
        if isinstance(value, XtJump):
            lines += _jump_lines(place, key, value, there.get(key.name, ()))
    return lines


def _jump_lines(place: Place, key: XtKey, value: XtJump, old: Sequence[Line]) -> Iterator[str]:
    yield from _without_jumps(place, key, old)
    yield f"{'-A' if value.last else '-I'} {key.name} {_jump(place, key.item, LAST if value.last else FIRST)}"


def _without_jumps(place: Place, key: XtKey, old: Sequence[Line]) -> Iterator[str]:
    for line in old:
        if is_jump(place.family, line) and line.text == f"-j {key.item}":
            yield f"-D {key.name} {_jump(place, key.item, line.tag)}"


def _jump(place: Place, target: str, where: str) -> str:
    return f"-j {target}" if place.family == BRIDGE else f"{comment(where)} -j {target}"


def removal(place: Place, there: Chains, keys: Collection[XtKey], held: Collection[str] = ()) -> list[str]:
    """Jumps and rules, then chains, emptied before any goes; a `held` one stays, empty and ours."""
    gone = [key.name for key in keys if key.kind is XtKind.CHAIN and key.name in there]
    lines: list[str] = []
    for key in keys:
        old = there.get(key.name, ())
        if key.kind is XtKind.JUMP:
            lines += _without_jumps(place, key, old)
        elif key.kind is XtKind.RULE and key.name not in gone:
            lines += [f"-D {key.name} {line.text}" for line in old if not line.tag and line.text == key.item]
    lines += [f"-F {name}" for name in gone]
    if place.family != BRIDGE:
        lines += [f"-A {name} {comment(HELD)} -j RETURN" for name in held]
    return [*lines, *(f"-X {name}" for name in gone if name not in held)]


def _remove_what_is_free(owner: Owner, places: Mapping[Place, Sequence[XtKey]]) -> None:
    """After a refusal: table by table, all that no stranger's rule leads to.

    Raises KernelRefusedError, with the strangers' rules, where there are any.
    """
    said: list[str] = []
    for place, keys in places.items():
        there = read_tables(_TOOLS[owner].save(place.table)).get(place.table, {})
        gone = {key.name for key in keys if key.kind is XtKind.CHAIN}
        holding = {
            line.target: f"-A {name} {line.text}"
            for name, lines in there.items()
            for line in lines
            if line.target in gone and name not in gone and not is_jump(place.family, line)
        }
        if lines := removal(place, there, keys, holding):
            _TOOLS[owner].restore(_script({place.table: lines}))
        said += holding.values()
    if said:
        raise KernelRefusedError("iptables", f"others' rules lead to chains of ours: {'; '.join(said)}")


def _script(sections: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f"*{table}\n" + "".join(f"{line}\n" for line in lines) + "COMMIT\n"
        for table, lines in sections.items()
        if lines
    )
