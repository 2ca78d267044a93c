"""Look, compare, write, sweep, look again: the one path by which the host becomes what the plan says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from netwright.agent.desired import Desired
from netwright.kernel.driver import Driver
from netwright.model.delta import Delta, diff
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Stage
from netwright.model.report import StageFailure

ROUNDS: Final = 3

Keys = Collection[Hashable] | None
"""The keys to look at; None means all."""


def _never(_: Hashable, __: object) -> bool:
    return False


def _no_key(_: Hashable) -> bool:
    return False


def _nothing(_: Hashable) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Row:
    """A stage and its driver.

    `gate`: stages after it wait while it fails. `swept`: what is there and not wanted is removed.
    `may_wait`: whether what is not observed is right to be absent, as a tap that its VMM has yet to make.
    `holds_others`: a key that takes others with it where it is made anew, as a table what is in it.
    `disturbs`: what of another stage may be gone when a key was written or removed.
    """

    stage: Stage
    driver: Driver[Hashable, object]
    gate: bool = False
    swept: bool = True
    may_wait: Callable[[Hashable, object], bool] = _never
    holds_others: Callable[[Hashable], bool] = _no_key
    disturbs: Callable[[Hashable], tuple[Stage, Hashable] | None] = _nothing


@dataclass(slots=True)
class Outcome:
    """What a run wrote and what is still to be done."""

    written: dict[Stage, int] = field(default_factory=dict)
    removed: dict[Stage, int] = field(default_factory=dict)
    failures: dict[Stage, StageFailure] = field(default_factory=dict)
    pending: dict[Stage, Keys] = field(default_factory=dict)
    held: bool = False
    """Whether a sweep was far larger than usual, and was not done."""

    @property
    def writes(self) -> int:
        return sum(self.written.values()) + sum(self.removed.values())

    def fail(self, stage: Stage, said: str, keys: Keys) -> None:
        self.failures[stage] = StageFailure(stage.value, said, len(keys or ()))
        self.pending[stage] = None if keys is None else set(keys)

    def hold(self, stage: Stage, removals: int, there: int) -> None:
        said = f"held back: {removals} of {there} are not in the plan (--sweep all removes them)"
        self.failures[stage] = StageFailure(stage.value, said, removals)
        self.pending[stage] = None
        self.held = True


@dataclass(frozen=True, slots=True)
class SweepLimit:
    """A removal of more than `least` objects and more than `share` of a stage's is held back.

    Only in a look at the whole stage: what a change of the plan removes by name was meant.
    """

    stage: Stage
    least: int = 20
    share: float = 0.5

    def exceeded(self, removals: int, there: int) -> bool:
        return removals > self.least and removals > self.share * there


@dataclass(frozen=True, slots=True)
class Sweep:
    """Whether what is not wanted may go. Never before a server's own plan has come."""

    allowed: bool = True
    limit: SweepLimit | None = None


def reconcile(
    rows: Sequence[Row], desired: Desired, look_at: Mapping[Stage, Keys], sweep: Sweep | None = None
) -> Outcome:
    """Brings the stages named in `look_at` to their desired state.

    Builds forwards and sweeps backwards, until nothing differs, or nothing more can be done.
    """
    outcome = Outcome()
    todo: Mapping[Stage, Keys] = look_at
    for _ in range(ROUNDS):
        todo = _round(rows, desired, todo, outcome, sweep or Sweep())
        if not todo:
            break
    for stage, keys in todo.items():
        if stage not in outcome.failures:
            outcome.fail(stage, "still differs after it was written", keys)
    return outcome


def _round(
    rows: Sequence[Row],
    desired: Desired,
    look_at: Mapping[Stage, Keys],
    outcome: Outcome,
    sweep: Sweep,
) -> dict[Stage, Keys]:
    """One pass; returns what was written in it and has to be looked at again."""
    deltas: list[tuple[Row, Delta[Hashable, object]]] = []
    sweeping = sweep.allowed
    for row in rows:
        if row.stage not in look_at:
            continue
        keys = look_at[row.stage]
        delta, there = _build(row, desired, keys, outcome)
        if keys is None and _is_held(sweep.limit, row.stage, len(delta.remove), there):
            outcome.hold(row.stage, len(delta.remove), there)
            sweeping = False
        deltas.append((row, delta))
        if row.gate and row.stage in outcome.failures:
            # What comes after it waits, and what was to go stays: all of it is looked at again.
            outcome.pending.update(look_at)
            return {}
    if sweeping:
        for row, delta in reversed(deltas):
            _sweep(row, delta, outcome)
    again = {row.stage: _again(row, delta, swept=sweeping) for row, delta in deltas}
    for stage, key in _disturbed(deltas):
        keys = again.get(stage, frozenset())
        again[stage] = None if keys is None else {*keys, key}
    return {stage: keys for stage, keys in again.items() if keys != set() and stage not in outcome.failures}


def _disturbed(deltas: Sequence[tuple[Row, Delta[Hashable, object]]]) -> Iterator[tuple[Stage, Hashable]]:
    """What the writes and removals of some stages may have undone in others."""
    for row, delta in deltas:
        yield from filter(None, map(row.disturbs, (*delta.put, *delta.remove)))


def _again(row: Row, delta: Delta[Hashable, object], *, swept: bool) -> Keys:
    """What was written or removed, or all of the stage where that may have taken more with it."""
    if any(map(row.holds_others, delta.put)):
        return None
    return {*delta.put, *(delta.remove if swept else ())}


def _is_held(limit: SweepLimit | None, stage: Stage, removals: int, there: int) -> bool:
    return limit is not None and stage is limit.stage and limit.exceeded(removals, there)


def _build(row: Row, desired: Desired, keys: Keys, outcome: Outcome) -> tuple[Delta[Hashable, object], int]:
    wanted = desired.part(row.stage, keys)
    delta: Delta[Hashable, object] = Delta({}, frozenset())
    observed: Mapping[Hashable, object] = {}
    try:
        observed = row.driver.observe(keys if row.swept or keys is not None else wanted.keys())
        delta = _without_waiting(row, diff(wanted, observed), observed)
        if any(map(row.holds_others, delta.put)):
            # What it takes with it comes back with it, in one go.
            delta = Delta(dict(desired.part(row.stage, None)), delta.remove)
        if delta.put:
            row.driver.put(delta.put)
            outcome.written[row.stage] = outcome.written.get(row.stage, 0) + len(delta.put)
    except KernelRefusedError as refused:
        outcome.fail(row.stage, refused.said, delta.put if delta else keys)
    return delta, len(observed)


def _without_waiting(
    row: Row, delta: Delta[Hashable, object], observed: Mapping[Hashable, object]
) -> Delta[Hashable, object]:
    put = {key: value for key, value in delta.put.items() if key in observed or not row.may_wait(key, value)}
    return Delta(put, delta.remove if row.swept else frozenset())


def _sweep(row: Row, delta: Delta[Hashable, object], outcome: Outcome) -> None:
    if not delta.remove:
        return
    try:
        row.driver.remove(delta.remove)
        outcome.removed[row.stage] = outcome.removed.get(row.stage, 0) + len(delta.remove)
    except KernelRefusedError as refused:
        outcome.fail(row.stage, refused.said, delta.remove)
