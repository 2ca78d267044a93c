"""Looks at the rules' counters now and then, and when the server asks, and tells it what changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Final

import structlog

from netwright.agent.rule_counters import RuleCounters
from netwright.agent.rule_tally import RuleTally
from netwright.agent.server import Server
from netwright.model.counters import CounterReport
from netwright.model.errors import KernelRefusedError, ServerGoneError
from netwright.model.ids import HostName
from netwright.model.plan import GroupItem

INTERVAL: Final = 10.0
"""Seconds between two looks."""
_READY_POLL: Final = 0.5


class Sampler:
    """A thread of its own: a slow server holds up no rule. Writes nothing to disk."""

    def __init__(
        self,
        host: HostName,
        server: Server,
        counters: RuleCounters,
        groups: Callable[[], Collection[GroupItem]],
        ready: threading.Event,
    ) -> None:
        """`groups`: the plan's, asked for at each look; `ready`: set when the first plan is in place."""
        self._host, self._server, self._counters = host, server, counters
        self._groups, self._ready = groups, ready
        self._tally = RuleTally()
        self._complete = True
        self._changed = threading.Condition()
        self._asked = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rule-counters", daemon=True)
        self._log = structlog.get_logger("netwright.agent")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=2)
        self._counters.close()

    def ask(self) -> None:
        """Has it look now, and tell even that nothing changed; from any thread."""
        with self._changed:
            self._asked = True
            self._changed.notify()

    def _run(self) -> None:
        # What rules have counted before the first plan is in place came at times that nobody knows.
        while not self._ready.wait(_READY_POLL):
            if self._stopping:
                return
        self._look(asked=False)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._asked, INTERVAL)
                asked, self._asked = self._asked, False
            if self._stopping:
                return
            self._look(asked=asked)

    def _look(self, *, asked: bool) -> None:
        try:
            self._sample(asked=asked)
        except KernelRefusedError as refused:
            self._log.warning("counters_not_read", said=refused.said)
        except ServerGoneError:
            self._complete = True  # the watch tells that the server is gone

    def _sample(self, *, asked: bool) -> None:
        changed = self._tally.take(self._counters.read(self._groups()), time.time())
        self._complete = self._complete or changed is None
        if not (self._complete or changed or asked):
            return
        if not self._complete:
            told = CounterReport(self._host, complete=False, counts=changed or ())
            self._complete = not self._server.counters(told)
        if self._complete:
            told = CounterReport(self._host, complete=True, counts=self._tally.everything())
            self._server.counters(told)
            self._complete = False
