"""A symbolic packet and a foreign chain to what may become of the packet there, and by which rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netwright.model.foreign import (
    Does,
    Field,
    ForeignChain,
    ForeignRule,
    ForeignTable,
    Known,
    Match,
    Span,
    Test,
    Value,
)

Packet = Mapping[Field, Known]
"""What is known of a packet; what is not in it is not known."""

_DEEPEST: Final = 32
"""Jumps within jumps; nftables takes 16."""
_OWN: Final = re.compile(r"netwright-|(libvirt-)?([FH]?[IOJP])-tap[0-9a-f]{8}-[0-9a-f]{2}")
"""Chains of netwright's engines within tables that they share, libvirt's for its ports among them."""


@dataclass(frozen=True, slots=True)
class Blow:
    """A rule that may end a packet's way, or, without a rule, the policy of a base chain."""

    table: ForeignTable
    chain: ForeignChain
    base: ForeignChain
    rule: ForeignRule | None
    does: Does
    certain: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a chain may leave a packet (ACCEPT, DROP, or RETURN to the caller), and who may stop it."""

    ends: frozenset[Does]
    blows: tuple[Blow, ...] = ()
    marks: bool = False


def is_own(chain: str) -> bool:
    """Whether what the chain drops was meant: it is a part of one of netwright's own engines."""
    return _OWN.match(chain) is not None


def meets(test: Test, packet: Packet) -> Match:
    """Whether the packet is one that the test is about."""
    found = max((_all(test, values, packet) for values in test.among), default=Match.NO)
    return Match(Match.YES - found) if test.negated else found


def crossed(table: ForeignTable, base: ForeignChain, packet: Packet) -> Passage:
    """What becomes of the packet in a base chain, its policy included."""
    walk = _Walk(table, base)
    passage = walk.through(base, packet, 0)
    if Does.RETURN not in passage.ends or base.policy is Does.ACCEPT:
        return passage
    ends = (passage.ends - {Does.RETURN}) | {Does.DROP}
    stop = Blow(table, base, base, None, Does.DROP, certain=Does.ACCEPT not in ends)
    return Passage(ends, (*passage.blows, stop), passage.marks)


@dataclass(frozen=True, slots=True)
class _State:
    """How far a packet has come in a chain: whether it is certain that it came, where it may have left."""

    packet: Packet
    certain: bool
    ends: frozenset[Does]
    blows: tuple[Blow, ...]
    marks: bool
    over: bool = False


class _Walk:
    """One packet through one base chain and all that it jumps to; each chain is walked once."""

    def __init__(self, table: ForeignTable, base: ForeignChain) -> None:
        self._table, self._base = table, base
        self._known: dict[tuple[str, bool], Passage] = {}

    def through(self, chain: ForeignChain, packet: Packet, depth: int) -> Passage:
        state = _State(packet, certain=True, ends=frozenset(), blows=(), marks=False)
        for rule in chain.rules:
            match = self._match(rule, state.packet)
            if match is not Match.NO:
                state = self._after(state, chain, rule, match, depth)
            if state.over:
                return Passage(state.ends or frozenset({Does.ACCEPT}), state.blows, state.marks)
        return Passage(state.ends | {Does.RETURN}, state.blows, state.marks)

    def _match(self, rule: ForeignRule, packet: Packet) -> Match:
        found = min((meets(test, packet) for test in rule.tests), default=Match.YES)
        return found if rule.understood else min(found, Match.MAYBE)

    def _after(
        self, state: _State, chain: ForeignChain, rule: ForeignRule, match: Match, depth: int
    ) -> _State:
        if rule.marks:
            state = replace(state, packet={**state.packet, Field.MARK: None}, marks=True)
        match rule.action.does:
            case Does.NEXT:
                return state
            case Does.RETURN | Does.ACCEPT:
                return _left(state, frozenset({rule.action.does}), match)
            case Does.JUMP | Does.GOTO:
                return self._jumped(state, rule, match, depth)
            case _:
                return self._struck(state, chain, rule, match)

    def _struck(self, state: _State, chain: ForeignChain, rule: ForeignRule, match: Match) -> _State:
        """By a drop, a diversion, or something that might be either."""
        does = rule.action.does
        ends = {
            Does.DROP: frozenset({Does.DROP}),
            Does.DIVERT: frozenset({Does.ACCEPT}),
        }.get(does, frozenset({Does.ACCEPT, Does.DROP, Does.RETURN}))
        if is_own(chain.name):
            return _left(state, frozenset(), match)
        sure = state.certain and match is Match.YES and does is not Does.UNKNOWN
        blow = Blow(self._table, chain, self._base, rule, does, sure)
        if does is Does.UNKNOWN:
            match = Match.MAYBE
        return replace(_left(state, ends, match), blows=(*state.blows, blow))

    def _jumped(self, state: _State, rule: ForeignRule, match: Match, depth: int) -> _State:
        passage = self._called(rule.action.chain, state.packet, depth)
        sure = state.certain and match is Match.YES
        blows = tuple(blow if sure else replace(blow, certain=False) for blow in passage.blows)
        state = replace(state, blows=_once((*state.blows, *blows)), marks=state.marks or passage.marks)
        if passage.marks:
            state = replace(state, packet={**state.packet, Field.MARK: None})
        if rule.action.does is Does.GOTO:
            return _left(state, passage.ends, match)
        after = passage.ends - {Does.RETURN}
        if not after:
            return state
        return _left(state, after, match if Does.RETURN not in passage.ends else Match.MAYBE)

    def _called(self, name: str, packet: Packet, depth: int) -> Passage:
        chain = self._table.chains.get(name)
        if chain is None or depth >= _DEEPEST:
            return Passage(frozenset({Does.ACCEPT, Does.DROP, Does.RETURN}))
        key = (name, packet.get(Field.MARK) is None)
        if key not in self._known:
            # A chain that leads back to itself (which no kernel takes) comes to an end here.
            self._known[key] = Passage(frozenset({Does.RETURN}))
            self._known[key] = self.through(chain, packet, depth + 1)
        return self._known[key]


def _left(state: _State, ends: frozenset[Does], match: Match) -> _State:
    """The packet leaves the chain here: certainly, or perhaps."""
    over = match is Match.YES
    return replace(state, ends=state.ends | ends, certain=state.certain and over, over=over)


def _once(blows: Sequence[Blow]) -> tuple[Blow, ...]:
    """One of each rule, the certain one where there are two."""
    found: dict[tuple[str, int, str], Blow] = {}
    for blow in blows:
        key = (blow.chain.name, id(blow.rule), blow.does)
        if key not in found or (blow.certain and not found[key].certain):
            found[key] = blow
    return tuple(found.values())


def _all(test: Test, values: Sequence[Value], packet: Packet) -> Match:
    pairs = zip(test.fields, values, strict=False)
    return min((_one(packet.get(field), value, test.mask) for field, value in pairs), default=Match.YES)


def _one(known: Known, value: Value, mask: int | None) -> Match:
    match known, value:
        case (_, "*"):
            return Match.YES
        case (Span(), Span()) if mask is not None:
            return _masked(known, value, mask)
        case (Span(), Span()):
            return _spans(known, value)
        case (tuple(), str()):
            hits = [_is_like(word, value) for word in known]
            return Match.YES if hits and all(hits) else Match.MAYBE if any(hits) else Match.NO
        case _:
            return Match.MAYBE


def _masked(known: Span, value: Span, mask: int) -> Match:
    if known.first != known.last or value.first != value.last:
        return Match.MAYBE
    return Match.YES if known.first & mask == value.first else Match.NO


def _spans(known: Span, value: Span) -> Match:
    if known.version != value.version or known.last < value.first or value.last < known.first:
        return Match.NO
    return Match.YES if value.first <= known.first and known.last <= value.last else Match.MAYBE


def _is_like(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def bases(
    tables: Sequence[ForeignTable], families: Sequence[str], hook: str
) -> Iterator[tuple[ForeignTable, ForeignChain]]:
    """The base chains of a hook in those families, in the order in which the kernel asks them."""
    found = [
        (table, chain)
        for table in tables
        if table.family in families
        for chain in table.chains.values()
        if chain.hook == hook
    ]
    yield from sorted(found, key=lambda pair: pair[1].priority)
