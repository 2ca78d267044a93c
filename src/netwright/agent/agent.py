"""The agent: takes what came, makes the host so, says what became of it; nothing it keeps matters."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from netwright.agent.cache import PlanCache
from netwright.agent.callers import Callers
from netwright.agent.desired import Desired, Touched
from netwright.agent.flows import Flows
from netwright.agent.inbox import Batch, Inbox
from netwright.agent.ledger import Ledger
from netwright.agent.members import Members
from netwright.agent.metrics import AgentMetrics
from netwright.agent.reconcile import Keys, Outcome, Row, Sweep, SweepLimit, reconcile
from netwright.agent.reporter import Reporter
from netwright.agent.revocation import Change, all_ports
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Stage, Traits
from netwright.model.ids import AddressGroupId, GroupId, HostName
from netwright.model.intent import Address
from netwright.model.plan import (
    GroupItem,
    HostPlan,
    Item,
    ItemKey,
    Items,
    PlanUpdate,
    PortItem,
    ServedItem,
    group_of,
)
from netwright.model.report import StageFailure
from netwright.render.firewalls import Engine

_FULL_LOOK: Final = 300.0
"""Seconds between two looks at everything."""
_SAVE_AFTER: Final = 5.0
"""Seconds that a changed plan waits for further changes before it is written to disk."""
_RETRY: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
_ON_BRIDGES: Final = (
    Stage.VLANS,
    Stage.UPLINKS,
    Stage.SYSCTLS,
    Stage.PORTS,
    Stage.ADDRESSES,
    Stage.ROUTES,
    Stage.DNSMASQ,
    Stage.METADATA,
)
_SERVER_PATIENCE: Final = 5.0
"""Seconds without a server before the agent runs from the plan on disk; then it builds and sweeps nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an agent is made of."""

    host: HostName
    traits: Traits
    engine: Engine
    rows: Sequence[Row]
    inbox: Inbox
    callers: Callers
    flows: Flows
    reporter: Reporter
    cache: PlanCache
    ledger: Ledger
    metrics: AgentMetrics
    sweep_all: bool = False
    """Lets the first sweep remove whatever is not in the plan, however much."""


class Agent:
    """Call `run` in a thread whose namespace is the host's."""

    def __init__(self, parts: Parts) -> None:
        self.generation = 0
        self.ready = threading.Event()
        """Set when the first plan has been put in place, as far as it could be."""
        self._parts = parts
        self._desired = Desired(parts.traits, parts.engine)
        self._items: dict[ItemKey, Item] = {}
        self._members = Members()
        self._pending: dict[Stage, Keys] = {}
        self._tries = 0
        self._told: dict[Stage, StageFailure] = {}
        self._looked = False
        self._met = True
        self._save_at: float | None = None
        self._look_at = 0.0
        self._log = structlog.get_logger("netwright.agent")

    def group(self, group: GroupId) -> GroupItem | None:
        """A group of the plan as it is; from any thread."""
        return group_of(self._items, group)

    def is_member(self, group: GroupId | AddressGroupId, address: Address) -> bool:
        """Whether a port of the group has the address, or the address group; from any thread."""
        return self._members(group, address)

    def groups(self) -> list[GroupItem]:
        """The groups of the plan as it is; from any thread."""
        # One step of the interpreter makes the list, so that no change comes between.
        return [item for item in list(self._items.values()) if isinstance(item, GroupItem)]

    def run(self) -> None:
        """Until the inbox says stop."""
        batch = self._parts.inbox.take(_SERVER_PATIENCE)
        if not batch and (plan := self._parts.cache.load(self._parts.host)):
            self._log.info("running_from_cache", generation=plan.generation)
            self._met = False
            batch.updates.append(plan)
        while not batch.stop:
            self.step(batch)
            batch = self._parts.inbox.take(self._patience())
            self._met = self._met or bool(batch.updates)
        self._save(time.monotonic() + _SAVE_AFTER)

    def step(self, batch: Batch) -> None:
        """One turn: everything in the batch, and whatever time has made due."""
        now = time.monotonic()
        changes, touched = self._take(batch.updates)
        self._parts.ledger.note(batch)
        if self._items:
            look_at = self._look(batch, touched, now)
            if look_at:
                self._act(look_at, changes)
        self._parts.ledger.report(self._parts.reporter, self.generation, complete=batch.server_met)
        self._save(now)

    def _take(self, updates: Sequence[PlanUpdate]) -> tuple[list[Change], Touched]:
        """The plan as it is now, what changed in it, and the keys that those changes touch."""
        changes: list[Change] = []
        touched: Touched = {}
        for update in updates:
            if update.generation < self.generation:
                self._log.warning("older_plan_refused", generation=update.generation, have=self.generation)
                continue
            if isinstance(update, HostPlan):
                told = tuple(update.items.values())
                removed = self._items.keys() - update.items.keys()
            else:
                told = update.changed
                removed = self._items.keys() & set(update.removed)
            changed = [item for item in told if self._items.get(item.key) != item]
            self._parts.ledger.ask(item.id for item in told if isinstance(item, PortItem))
            changes += [(self._items.get(item.key), item) for item in changed]
            changes += [(self._items[key], None) for key in removed]
            for stage, keys in self._desired.update(changed, removed).items():
                touched.setdefault(stage, set()).update(keys)
            self._remember(changed, removed)
            self.generation = update.generation
            if changes:
                self._save_at = self._save_at or time.monotonic() + _SAVE_AFTER
        return changes, touched

    def _remember(self, changed: Sequence[Item], removed: set[ItemKey]) -> None:
        for key in removed:
            gone = self._items.pop(key)
            self._members.remove(gone)
            if isinstance(gone, PortItem):
                self._parts.callers.remove(gone.id)
            elif isinstance(gone, ServedItem):
                self._parts.callers.remove(gone.port.id)
        for item in changed:
            if before := self._items.get(item.key):
                self._members.remove(before)
            self._members.put(item)
            self._items[item.key] = item
            if isinstance(item, PortItem):
                self._parts.callers.put(item)
            elif isinstance(item, ServedItem):
                self._parts.callers.put(item.port)

    def _look(self, batch: Batch, touched: Touched, now: float) -> dict[Stage, Keys]:
        """Everything at first and every few minutes; else what changed, here or there, and what failed."""
        if not self._looked or now >= self._look_at:
            self._look_at = now + _FULL_LOOK
            return dict.fromkeys((row.stage for row in self._parts.rows), None)
        merged = Batch()
        for source in (touched, batch.suspects, self._pending):
            for stage, keys in source.items():
                merged.suspect(stage, keys)
        return merged.suspects

    def _act(self, look_at: dict[Stage, Keys], changes: Sequence[Change]) -> None:
        started = time.monotonic()
        limit = None if self._parts.sweep_all else SweepLimit(Stage.PORTS)
        sweep = Sweep(allowed=self._met, limit=limit)
        outcome = reconcile(self._parts.rows, self._desired, look_at, sweep)
        first, self._looked = not self._looked, self._met
        self._settle(all_ports(self._items) if first else changes, first=first)
        self._pending = outcome.pending
        if Stage.BRIDGES in outcome.written and not first:
            # A bridge made anew has lost its ports, addresses and routes, some without an event.
            for stage in _ON_BRIDGES:
                self._parts.inbox.suspect(stage)
        self._tries = self._tries + 1 if outcome.pending else 0
        self._parts.ledger.record(look_at, outcome, self._desired)
        seconds = time.monotonic() - started
        self._parts.metrics.ran(outcome, self.generation, seconds)
        self._tell(outcome, seconds, first=first)
        self.ready.set()

    def _settle(self, changes: Sequence[Change], *, first: bool) -> None:
        past = self._past if first else None
        try:
            ended = self._parts.flows.settle(changes, self._items, self._members, past)
        except KernelRefusedError as refused:
            self._log.warning("connections_not_ended", said=refused.said)
            return
        if ended:
            self._parts.metrics.ended(ended)
            self._log.info("connections_ended", count=ended)

    def _past(self) -> Items:
        """What the agent before this one had last."""
        plan = self._parts.cache.load(self._parts.host)
        return plan.items if plan else {}

    def _tell(self, outcome: Outcome, seconds: float, *, first: bool) -> None:
        if outcome.writes or first:
            self._log.info(
                "reconciled",
                generation=self.generation,
                written=sum(outcome.written.values()),
                removed=sum(outcome.removed.values()),
                ms=round(seconds * 1000, 1),
            )
        for stage, failure in outcome.failures.items():
            if self._told.get(stage) != failure:
                self._log.warning(
                    "not_converged", stage=failure.stage, said=failure.said, pending=failure.pending
                )
        self._told = outcome.failures

    def _patience(self) -> float:
        now = time.monotonic()
        waits = [self._look_at - now] if self._looked else []
        if self._pending:
            waits.append(_RETRY[min(self._tries, len(_RETRY)) - 1])
        if self._save_at is not None:
            waits.append(self._save_at - now)
        return max(min(waits, default=_FULL_LOOK), 0.0)

    def _save(self, now: float) -> None:
        if self._save_at is not None and now >= self._save_at:
            self._save_at = None
            try:
                self._parts.cache.save(HostPlan(self._parts.host, self.generation, self._items))
            except OSError as error:
                self._log.warning("plan_not_saved", error=str(error))
