"""A table as wanted and as it is, turned into what `iptables-restore --noflush --counters` has to be told.

Our own chains are rewritten where they differ, with the counters of the rules that stay. In built-in
chains, and those that several binaries share, single rules come and go; a stranger's is never moved.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from netwright.model.errors import KernelRefusedError
from netwright.nova.iptables_marks import EMPTY, SHARED, Mark, Saved, SavedRule, marked, tag_of, unmarked
from netwright.nova.iptables_rules import IptablesRule, IptablesTable

_NO_COUNT: Final = "[0:0]"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Strangers' rules that ours stay below (`top`) and above (`bottom`), by their text."""

    top: re.Pattern[str] | None = None
    bottom: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule that is to be there."""

    text: str
    mark: Mark
    top: bool

    @property
    def whole(self) -> str:
        return marked(self.text, *self.mark)


@dataclass(frozen=True, slots=True)
class Aim:
    """One table as wanted, at one moment. `complete`: what a predecessor left and is not here goes."""

    binary: str
    own: Mapping[str, tuple[Wanted, ...]]
    """The wrapped chains, each rule once."""
    between: Mapping[str, tuple[Wanted, ...]]
    """Our rules in chains that are not only ours."""
    declared: frozenset[str]
    """The unwrapped chains."""
    inherits: frozenset[str]
    """Chains where what a predecessor left stays."""
    gone_rules: frozenset[tuple[str, str]]
    """Chain and tag of what has to go."""
    gone_chains: frozenset[str]
    gone_own: frozenset[str]
    """Those of them that are only ours, whoever has written into them."""
    bounds: Bounds


def aim(table: IptablesTable, bounds: Bounds, *, complete: bool) -> Aim:
    """What the table wants now."""
    own = {f"{table.binary}-{name}" for name in table.chains}
    between = (set(table.places()) | table.unwrapped_chains) - own
    shared = {f"{table.binary}-{name}" for name in table.shared}
    here = {place: _wanted(table, place) for place in own | between}
    gone = {(rule.place, tag_of(rule.rule)) for rule in table.remove_rules} | table.remove_marked
    return Aim(
        binary=table.binary,
        own={place: here[place] for place in own},
        between={place: here[place] for place in between},
        declared=frozenset(table.unwrapped_chains),
        inherits=frozenset() if complete else frozenset(shared),
        gone_rules=frozenset(gone - {(place, one.mark.tag) for place in here for one in here[place]}),
        gone_chains=frozenset(table.remove_chains | table.remove_wrapped),
        gone_own=frozenset(table.remove_wrapped),
        bounds=bounds,
    )


def inherited(table: IptablesTable, saved: Saved, pattern: re.Pattern[str]) -> dict[tuple[str, str], str]:
    """The binary's rules in the kernel that this life has not added and whose text holds the pattern.

    Chains and tags, with the texts (`-A chain …`).
    """
    found = {
        (place, rule.mark.tag): text
        for place, rules in saved.chains.items()
        for rule in rules
        if rule.mark is not None and rule.mark.owner == table.binary and rule.mark.tag != EMPTY
        if pattern.search(text := f"-A {place} {unmarked(rule.text)}")
    }
    own = {(rule.place, tag_of(rule.rule)) for rule in table.rules} if found else set()
    return {mark: text for mark, text in found.items() if mark not in own}


def _wanted(table: IptablesTable, place: str) -> tuple[Wanted, ...]:
    found: dict[str, Wanted] = {}
    for rule in table.rules_in(place):
        tag = tag_of(rule.rule)
        found.setdefault(tag, Wanted(rule.rule, Mark(_owner(table, rule), tag), rule.top))
    return tuple(sorted(found.values(), key=_rank))


def _rank(one: Wanted) -> int:
    """What all binaries share is first or last of all that is theirs."""
    if one.mark.owner != SHARED:
        return 1
    return 0 if one.top else 2


def _owner(table: IptablesTable, rule: IptablesRule) -> str:
    """Jumps into chains that all binaries share are everyone's, and there once."""
    return SHARED if rule.target in table.unwrapped_chains and not rule.wrap else table.binary


@dataclass(frozen=True, slots=True)
class Change:
    """`between`: whether rules were placed among others', so that the places have to be looked at again."""

    lines: tuple[str, ...]
    between: bool


def change(name: str, saved: Saved, want: Aim, *, complete: bool) -> Change:
    """The lines for one table; none where all is as wanted.

    Raises KernelRefusedError for a chain of that name that someone else has filled.
    """
    for place in want.declared:
        if any(rule.engine for rule in saved.chains.get(place, ())):
            said = f"chain {place} is the iptables engine's: other names are needed (IptablesOptions.shared)"
            raise KernelRefusedError("iptables", said)
    doomed = _doomed(saved, want, complete=complete)
    places = {place for place in saved.chains if place not in want.own and place not in doomed}
    moved = [
        line
        for place in sorted(places | want.between.keys())
        for line in _arrange(place, saved.chains.get(place, []), _Among(want, doomed, complete))
    ]
    declared, rules = [], []
    for place, wanted in sorted(want.own.items()):
        lines = _rewritten(place, wanted, saved, want)
        if lines:
            declared.append(f":{place} - {_NO_COUNT}")
            rules += lines
    # A chain that several share is made with -N: a colon would empty one that another made just now.
    made = [f"-N {place}" for place in sorted(want.declared - saved.chains.keys())]
    emptied = [f"-F {place}" for place in sorted(doomed)]
    deleted = [f"-X {place}" for place in sorted(doomed - _named_by_others(saved, want, doomed))]
    lines = [*declared, *made, *rules, *moved, *emptied, *deleted]
    if not lines:
        return Change((), between=False)
    return Change((f"*{name}", *lines, "COMMIT"), between=bool(moved))


def _doomed(saved: Saved, want: Aim, *, complete: bool) -> set[str]:
    """Chains that go: those that were removed, and in a sweep all that only hold marks of this binary."""
    doomed = {
        place
        for place in want.gone_chains & saved.chains.keys()
        if place not in want.own and place not in want.declared and _is_ours(place, saved, want)
    }
    if complete:
        doomed |= {
            place
            for place, rules in saved.chains.items()
            if rules and place.startswith(f"{want.binary}-")
            if place not in want.own and place not in want.declared
            if all(rule.owner == want.binary for rule in rules)
        }
    return doomed - saved.built_in


def _is_ours(place: str, saved: Saved, want: Aim) -> bool:
    owners = {rule.owner for rule in saved.chains[place]}
    if place in want.gone_own:
        return not owners or want.binary in owners
    return owners <= {want.binary, SHARED}


def _named_by_others(saved: Saved, want: Aim, doomed: Collection[str]) -> set[str]:
    """Where strangers' rules jump: the kernel would refuse to delete those chains."""
    return {
        rule.target
        for place, rules in saved.chains.items()
        if place not in doomed and place not in want.own
        for rule in rules
        if rule.owner not in {want.binary, SHARED}
    }


def _rewritten(place: str, wanted: Sequence[Wanted], saved: Saved, want: Aim) -> list[str]:
    there = saved.chains.get(place)
    if there and not any(rule.owner == want.binary for rule in there):
        raise KernelRefusedError(
            "iptables", f"chain {place} holds rules, and none of them is {want.binary}'s: not touched"
        )
    tags = {one.mark.tag for one in wanted}
    kept = [rule for rule in there or () if place in want.inherits and _is_inherited(rule, place, tags, want)]
    texts = [one.whole for one in wanted] + [rule.text for rule in kept]
    marks = [one.mark for one in wanted] + [rule.mark for rule in kept]
    if not texts:
        texts, marks = [marked("", want.binary, EMPTY)], [Mark(want.binary, EMPTY)]
    if there and [rule.mark for rule in there] == marks:
        return []
    counted = {rule.mark: rule.counters for rule in there or ()}
    return [
        f"{counted.get(mark, _NO_COUNT)} -A {place} {text}" for mark, text in zip(marks, texts, strict=True)
    ]


def _is_inherited(rule: SavedRule, place: str, tags: Collection[str], want: Aim) -> bool:
    if rule.mark is None or rule.mark.owner != want.binary or rule.mark.tag == EMPTY:
        return False
    gone = (place, rule.mark.tag) in want.gone_rules or rule.target in want.gone_chains
    return not gone and rule.mark.tag not in tags


@dataclass(frozen=True, slots=True)
class _Among:
    """What decides over a rule in a chain that is not only ours."""

    want: Aim
    doomed: Collection[str]
    complete: bool

    def goes(self, place: str, rule: SavedRule) -> bool:
        """Whether it is ours to take away, and is not wanted any more."""
        if rule.mark is None or rule.owner not in {self.want.binary, SHARED}:
            return False
        if rule.target in self.doomed or (place, rule.mark.tag) in self.want.gone_rules:
            return True
        return self.complete and rule.owner == self.want.binary


def _arrange(place: str, there: Sequence[SavedRule], among: _Among) -> Iterator[str]:
    """Takes out and puts in single rules, until ours stand in their order before all strangers'."""
    wanted = among.want.between.get(place, ())
    marks = {one.mark for one in wanted}
    stale = [rule for rule in there if rule.mark not in marks and among.goes(place, rule)]
    ours = [rule for rule in there if rule.mark in marks]
    if not (wanted or stale):
        return
    others = [rule for rule in there if rule.mark not in marks and not among.goes(place, rule)]
    head = _head(others, among.want.bounds)
    left = [rule.mark if rule.mark in marks else rule for rule in there if rule not in stale]
    settled = any(left == _names(_layout(wanted, others, head, after)) for after in _turns(others, head))
    for rule in stale if settled else (*stale, *ours):
        yield f"-D {place} {rule.text}"
    if settled:
        return
    counted = {rule.mark: rule.counters for rule in ours}
    for at, one in enumerate(_layout(wanted, others, head, after=0), 1):
        if isinstance(one, Wanted):
            yield f"{counted.get(one.mark, _NO_COUNT)} -I {place} {at} {one.whole}"


def _names(layout: Sequence[Wanted | SavedRule]) -> list[Mark | SavedRule]:
    return [one.mark if isinstance(one, Wanted) else one for one in layout]


def _turns(others: Sequence[SavedRule], head: int) -> range:
    """After how many of the other binaries' rules that stand together ours may come: all orders are right."""
    count = head
    while count < len(others) and others[count].mark:
        count += 1
    return range(count - head + 1)


def _layout(
    wanted: Sequence[Wanted], others: Sequence[SavedRule], head: int, after: int
) -> list[Wanted | SavedRule]:
    """The chain as it should be: shared ones on top, our own, other binaries', shared ones below those."""
    first, own, last = ([one for one in wanted if _rank(one) == rank] for rank in range(3))
    siblings = [at for at, rule in enumerate(others) if rule.mark and at >= head]
    tail = siblings[-1] + 1 if siblings else head
    turn = head + after
    return [*others[:head], *first, *others[head:turn], *own, *others[turn:tail], *last, *others[tail:]]


def _head(others: Sequence[SavedRule], bounds: Bounds) -> int:
    """Below the strangers' rules that stay on top, as far as none stands above that stays at the bottom."""
    head = 0
    for at, rule in enumerate(others):
        if rule.mark is None and bounds.bottom and bounds.bottom.search(rule.text):
            break
        if rule.guard or (rule.mark is None and bounds.top and bounds.top.search(rule.text)):
            head = at + 1
    return head
