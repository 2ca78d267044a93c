"""How often rules were met on all hosts: what agents told this process, in memory only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from netwright.model.counters import CounterReport, RuleCount
from netwright.model.ids import GroupId, HostName, RuleId
from netwright.model.plan import RulePlan
from netwright.planner.groups import rule_plan
from netwright.store import groups as store
from netwright.store.records import RuleRecord

if TYPE_CHECKING:
    from netwright.control.world import World

_PATIENCE: Final = 1.0
"""Seconds that a question waits for hosts that are asked for their newest counts."""
Key = tuple[GroupId, RulePlan]


@dataclass(frozen=True, slots=True)
class Total:
    """A rule's counts, added up over hosts. Moments in seconds since 1970; None: not known, or never."""

    rule: RuleRecord
    packets: int = 0
    bytes: int = 0
    first_hit: float | None = None
    last_hit: float | None = None
    hosts: tuple[HostName, ...] = ()
    """Those that have told of the rule."""


class Counters:
    """Thread-safe."""

    def __init__(self) -> None:
        self.asked = 0
        """How often agents were asked for their newest counts."""
        self._changed = threading.Condition()
        self._hosts: dict[HostName, dict[Key, RuleCount]] = {}
        self._told_after: dict[HostName, int] = {}
        self._listeners: tuple[Callable[[], None], ...] = ()

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls the listener whenever agents are to be asked."""
        self._listeners = (*self._listeners, listener)

    def take(self, report: CounterReport) -> bool:
        """Keeps what the report says; False where only a complete one would do."""
        told = {(count.group, count.rule): count for count in report.counts}
        with self._changed:
            known = self._hosts.get(report.host)
            if known is None and not report.complete:
                return False
            merged = {key: _merged((known or {}).get(key), count) for key, count in told.items()}
            self._hosts[report.host] = merged if report.complete else {**(known or {}), **merged}
            self._told_after[report.host] = self.asked
            self._changed.notify_all()
            return True

    def refresh(self, hosts: Collection[HostName]) -> None:
        """Asks those hosts' agents, and waits a second at most until they have told."""
        with self._changed:
            self.asked += 1
            number = self.asked
        for listener in self._listeners:
            listener()
        with self._changed:
            self._changed.wait_for(
                lambda: all(self._told_after.get(host, 0) >= number for host in hosts), _PATIENCE
            )

    def of(self, key: Key) -> Iterator[tuple[HostName, RuleCount]]:
        """What each host has told of a rule."""
        with self._changed:
            found = [(host, counts[key]) for host, counts in self._hosts.items() if key in counts]
        yield from found


def of_group(world: World, group: GroupId) -> list[Total]:
    """The group's rules, oldest first, as they are now. Raises NotFoundError."""
    with world.look() as connection:
        record = store.get(connection, group)
    _refresh(world)
    return [_total(world, rule) for rule in record.rules]


def of_rule(world: World, rule: RuleId) -> Total:
    """Raises NotFoundError."""
    with world.look() as connection:
        record = store.get_rule(connection, rule)
    _refresh(world)
    return _total(world, record)


def _refresh(world: World) -> None:
    world.counters.refresh([host for host, watches in tuple(world.watching.items()) if watches > 0])


def _total(world: World, rule: RuleRecord) -> Total:
    told = sorted(world.counters.of((rule.value.group_id, rule_plan(rule.value))))
    counts = [count for _, count in told]
    return Total(
        rule=rule,
        packets=sum(count.packets for count in counts),
        bytes=sum(count.bytes for count in counts),
        first_hit=_edge(min, (count.first_hit for count in counts)),
        last_hit=_edge(max, (count.last_hit for count in counts)),
        hosts=tuple(host for host, _ in told),
    )


def _merged(known: RuleCount | None, told: RuleCount) -> RuleCount:
    """An agent that started anew does not know the moments that the one before it told."""
    if known is None:
        return told
    first = _edge(min, (known.first_hit, told.first_hit))
    return replace(told, first_hit=first, last_hit=_edge(max, (known.last_hit, told.last_hit)))


def _edge(which: Callable[[list[float]], float], moments: Iterable[float | None]) -> float | None:
    known = [moment for moment in moments if moment is not None]
    return which(known) if known else None
