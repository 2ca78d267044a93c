"""Where the watcher threads leave what they saw; the reconcile thread takes it all at once."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from netwright.agent.reconcile import Keys
from netwright.model.host import Stage
from netwright.model.ids import LinkName
from netwright.model.plan import PlanUpdate


@dataclass(slots=True)
class Batch:
    """Everything since the last time: plan updates in order, and what may have changed in the kernel."""

    updates: list[PlanUpdate] = field(default_factory=list)
    suspects: dict[Stage, Keys] = field(default_factory=dict)
    vmm_links: dict[LinkName, bool] = field(default_factory=dict)
    facts_changed: bool = False
    server_met: bool = False
    stop: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.updates
            or self.suspects
            or self.vmm_links
            or self.facts_changed
            or self.server_met
            or self.stop
        )

    def suspect(self, stage: Stage, keys: Keys) -> None:
        known = self.suspects.get(stage, frozenset())
        self.suspects[stage] = None if keys is None or known is None else {*known, *keys}


class Inbox:
    """Thread-safe; putting never blocks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._batch = Batch()

    def update(self, update: PlanUpdate) -> None:
        with self._changed:
            self._batch.updates.append(update)
            self._changed.notify()

    def suspect(self, stage: Stage, keys: Iterable[Hashable] | None = None) -> None:
        """The stage, or some of its keys, may not be as it was left."""
        with self._changed:
            self._batch.suspect(stage, None if keys is None else set(keys))
            self._changed.notify()

    def vmm_link(self, name: LinkName, *, present: bool) -> None:
        with self._changed:
            self._batch.vmm_links[name] = present
            self._changed.notify()

    def facts_changed(self) -> None:
        with self._changed:
            self._batch.facts_changed = True
            self._changed.notify()

    def server_met(self) -> None:
        """A new stream is open: the server may know nothing of this host."""
        with self._changed:
            self._batch.server_met = True
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._batch.stop = True
            self._changed.notify()

    def take(self, timeout: float | None) -> Batch:
        """Waits up to `timeout` seconds for anything; an empty batch when nothing came."""
        with self._changed:
            if not self._batch:
                self._changed.wait(timeout)
            batch, self._batch = self._batch, Batch()
            return batch
