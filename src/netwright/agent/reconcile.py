"""Look, compare, write, sweep, look again: the one path by which the host becomes what the plan says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from netwright.agent.desired import Desired
from netwright.kernel.driver import Driver
from netwright.model.delta import Delta, diff
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Stage
from netwright.model.plan import StageFailure

ROUNDS: Final = 3

Keys = Collection[Hashable] | None
"""The keys to look at; None means all."""


def _never(_: Hashable, __: object) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Row:
    """A stage and its driver.

    `gate`: stages after it wait while it fails. `swept`: what is there and not wanted is removed.
    `may_wait`: whether what is not observed is right to be absent, as a tap that its VMM has yet to make.
    """

    stage: Stage
    driver: Driver[Hashable, object]
    gate: bool = False
    swept: bool = True
    may_wait: Callable[[Hashable, object], bool] = _never


@dataclass(slots=True)
class Outcome:
    """What a run wrote and what is still to be done."""

    written: dict[Stage, int] = field(default_factory=dict)
    removed: dict[Stage, int] = field(default_factory=dict)
    failures: dict[Stage, StageFailure] = field(default_factory=dict)
    pending: dict[Stage, Keys] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return sum(self.written.values()) + sum(self.removed.values())

    def fail(self, stage: Stage, said: str, keys: Collection[Hashable]) -> None:
        self.failures[stage] = StageFailure(stage.value, said, len(keys))
        self.pending[stage] = set(keys)


@dataclass(frozen=True, slots=True)
class SweepLimit:
    """A removal of more than `least` objects and more than `share` of a stage's is held back."""

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
            outcome.fail(stage, "still differs after it was written", keys or ())
    return outcome


def _round(
    rows: Sequence[Row],
    desired: Desired,
    look_at: Mapping[Stage, Keys],
    outcome: Outcome,
    sweep: Sweep,
) -> dict[Stage, set[Hashable]]:
    """One pass; returns what was written in it and has to be looked at again."""
    deltas: list[tuple[Row, Delta[Hashable, object]]] = []
    sweeping = sweep.allowed
    for row in rows:
        if row.stage not in look_at:
            continue
        delta, there = _build(row, desired, look_at[row.stage], outcome)
        limit = sweep.limit
        if limit and row.stage is limit.stage and limit.exceeded(len(delta.remove), there):
            said = f"held back: {len(delta.remove)} of {there} are not in the plan (--sweep all removes them)"
            outcome.fail(row.stage, said, ())
            sweeping = False
        deltas.append((row, delta))
        if row.gate and row.stage in outcome.failures:
            sweeping = False
            outcome.pending.update(_after(rows, row, look_at))
            break
    if sweeping:
        for row, delta in reversed(deltas):
            _sweep(row, delta, outcome)
    again = {row.stage: {*delta.put, *(delta.remove if sweeping else ())} for row, delta in deltas}
    return {stage: keys for stage, keys in again.items() if keys and stage not in outcome.failures}


def _after(rows: Sequence[Row], gate: Row, look_at: Mapping[Stage, Keys]) -> dict[Stage, Keys]:
    """The stages that wait behind a shut gate."""
    behind = rows[rows.index(gate) + 1 :]
    return {row.stage: look_at[row.stage] for row in behind if row.stage in look_at}


def _build(row: Row, desired: Desired, keys: Keys, outcome: Outcome) -> tuple[Delta[Hashable, object], int]:
    wanted = desired.part(row.stage, keys)
    delta: Delta[Hashable, object] = Delta({}, frozenset())
    observed: Mapping[Hashable, object] = {}
    try:
        observed = row.driver.observe(keys if row.swept or keys is not None else wanted.keys())
        delta = _without_waiting(row, diff(wanted, observed), observed)
        if delta.put:
            row.driver.put(delta.put)
            outcome.written[row.stage] = outcome.written.get(row.stage, 0) + len(delta.put)
    except KernelRefusedError as refused:
        outcome.fail(row.stage, refused.said, delta.put)
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
