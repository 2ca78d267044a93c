"""Chains, rules and jumps of iptables, ip6tables and ebtables: one restore for each family that is asked.

Only what is read a moment before is deleted: a restore with one wrong line does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from netwright.kernel.tools import finish_each
from netwright.kernel.xt_editing import declared, written
from netwright.kernel.xt_looking import TOOLS, Owner, read_places
from netwright.kernel.xt_reading import (
    FIRST,
    HELD,
    LAST,
    Chains,
    Line,
    Place,
    comment,
    is_jump,
    observed,
    read_tables,
)
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import BRIDGE, XtChain, XtJump, XtKey, XtKind, XtValue


class XtChains:
    """Driver of every table that the tools of this host know. Runs in the calling thread's namespace.

    What was observed for a few keys serves the write and the removal that follow: the loop looks and writes
    at once. Where it is no longer so, a write by numbers is still one commit, and what follows is a look.
    """

    def __init__(self) -> None:
        self._seen: dict[Place, tuple[set[str], Chains]] = {}
        self._written: Mapping[Place, set[str]] = {}

    def observe(self, keys: Collection[XtKey] | None = None) -> Mapping[XtKey, XtValue]:
        self._seen = {}
        if keys is None:
            return dict(_everything())
        asked = by_place(keys)
        read = read_places(asked, self._written)
        self._written = {}
        self._seen = {place: (names, read[place]) for place, names in asked.items()}
        found: dict[XtKey, XtValue] = {}
        for place, chains in read.items():
            found.update(observed(place, chains, every=True))
        return {key: found[key] for key in keys if key in found}

    def put(self, items: Mapping[XtKey, XtValue]) -> None:
        scripts = write_scripts(items, self._chains(by_place(items)))
        for together in _rounds(scripts):
            list(finish_each(TOOLS[owner].start_restore(scripts[owner]) for owner in together))
        self._written = by_place(items)

    def remove(self, keys: Collection[XtKey]) -> None:
        there = self._chains(by_place(keys))
        for owner, some in _by_owner(keys).items():
            places = _places(some)
            lines = {place.table: removal(place, there[place], own) for place, (_, own) in places.items()}
            try:
                if script := _script(lines):
                    TOOLS[owner].restore(script)
            except KernelRefusedError:
                _remove_what_is_free(owner, {place: own for place, (_, own) in places.items()})

    def _chains(self, asked: Mapping[Place, set[str]]) -> Mapping[Place, Chains]:
        """As seen a moment before, if all of them were; no longer known after that."""
        seen = {place: self._seen.pop(place, (set(), {})) for place in asked}
        known = {place: chains for place, (names, chains) in seen.items() if asked[place] <= names}
        return {**known, **read_places({place: asked[place] for place in asked if place not in known})}


def _everything() -> Iterator[tuple[XtKey, XtValue]]:
    started = [(owner, tool.start_save()) for owner, tool in TOOLS.items() if tool.there]
    for (owner, _), text in zip(started, finish_each(running for _, running in started), strict=False):
        for table, chains in read_tables(text).items():
            yield from observed(Place(*owner, table), chains, every=False)


def _rounds(owners: Collection[Owner]) -> Iterator[list[Owner]]:
    """Who may write at once: the two families of the nft back end. The legacy one has one lock for both."""
    yield [owner for owner in owners if owner[1] == BRIDGE]
    yield [owner for owner in owners if owner[0] == "nft"]
    for owner in owners:
        if owner[0] == "legacy":
            yield [owner]


def write_scripts(items: Mapping[XtKey, XtValue], there: Mapping[Place, Chains]) -> dict[Owner, str]:
    """What is restored, for each family that the items are of; `there`: what is there now."""
    return {
        owner: _script(
            {
                place.table: _put_lines(place, there.get(place, {}), {key: items[key] for key in some})
                for place, (_, some) in _places(keys).items()
            }
        )
        for owner, keys in _by_owner(items).items()
    }


def _by_owner(keys: Iterable[XtKey]) -> dict[Owner, list[XtKey]]:
    """Frames first: what iptables may take for granted is then so."""
    grouped: dict[Owner, list[XtKey]] = {}
    for key in keys:
        grouped.setdefault((key.backend, key.family), []).append(key)
    return {owner: grouped[owner] for owner in TOOLS if owner in grouped}


def _places(keys: Iterable[XtKey]) -> dict[Place, tuple[set[str], list[XtKey]]]:
    places: dict[Place, tuple[set[str], list[XtKey]]] = {}
    for key in keys:
        names, some = places.setdefault(Place(key.backend, key.family, key.table), (set(), []))
        names.add(key.name)
        some.append(key)
    return places


def by_place(keys: Iterable[XtKey]) -> dict[Place, set[str]]:
    return {place: names for place, (names, _) in _places(keys).items()}


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
        there = read_tables(TOOLS[owner].save(place.table)).get(place.table, {})
        gone = {key.name for key in keys if key.kind is XtKind.CHAIN}
        holding = {
            line.target: f"-A {name} {line.text}"
            for name, lines in there.items()
            for line in lines
            if line.target in gone and name not in gone and not is_jump(place.family, line)
        }
        if lines := removal(place, there, keys, holding):
            TOOLS[owner].restore(_script({place.table: lines}))
        said += holding.values()
    if said:
        raise KernelRefusedError("iptables", f"others' rules lead to chains of ours: {'; '.join(said)}")


def _script(sections: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f"*{table}\n" + "".join(f"{line}\n" for line in lines) + "COMMIT\n"
        for table, lines in sections.items()
        if lines
    )
