"""Reports on their way to the server, from a thread of their own: a slow server never holds the host up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from netwright.agent.server import Server
from netwright.model.errors import ServerGoneError
from netwright.model.report import PortStatus, Report, VmmLink

RETRY: Final = 1.0
"""Seconds."""
EVERY: Final = 15.0
"""Seconds after which the server is told that this host lives, if there is nothing else to tell."""


class Reporter:
    """Merges reports that wait; after a failure the next one is complete."""

    def __init__(self, server: Server, complete: Callable[[], None], every: float = EVERY) -> None:
        """`complete` asks for a complete report: the server may have missed one."""
        self._every = every
        self._last: Report | None = None
        self._server = server
        self._ask_complete = complete
        self._changed = threading.Condition()
        self._waiting: Report | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._log = structlog.get_logger("netwright.agent")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=2)

    def send(self, report: Report) -> None:
        """Queues it; what already waits and is not repeated in it is kept."""
        with self._changed:
            self._waiting = merge(self._waiting, report)
            self._changed.notify()

    def _run(self) -> None:
        while report := self._next():
            try:
                self._server.report(report)
                self._last = report
            except ServerGoneError as error:
                if self._stopping:
                    return
                if report is self._last:
                    continue  # no news are lost, and the watch tells when the server is there again
                self._log.info("report_refused", error=str(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, RETRY)
                self._ask_complete()

    def _next(self) -> Report | None:
        """What waits, or after a while without anything a report without news; None to stop."""
        with self._changed:
            while not (self._stopping or self._waiting):
                if not self._changed.wait(self._every) and not self._waiting and self._last:
                    self._last = replace(self._last, complete=False, ports=(), vmm_links=())
                    return self._last
            report, self._waiting = self._waiting, None
            return report


def merge(first: Report | None, second: Report) -> Report:
    """One report that says what both say, the second last."""
    if first is None or second.complete:
        return second
    ports: dict[str, PortStatus] = {status.id: status for status in (*first.ports, *second.ports)}
    links: dict[str, VmmLink] = {link.name: link for link in (*first.vmm_links, *second.vmm_links)}
    return replace(
        second,
        complete=first.complete,
        ports=tuple(ports.values()),
        vmm_links=tuple(links.values()),
    )
