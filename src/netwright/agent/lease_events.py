"""Passes on what dnsmasq's script noted, in the order in which it happened, until whoever is told has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from netwright.kernel.inotify import DirectoryWatch
from netwright.kernel.lease_spool import LeaseSpool
from netwright.model.errors import ServerGoneError
from netwright.model.leases import LeaseEvent

LOOK: Final = 5.0
"""Seconds between two looks that nothing has called for, should the directory have been made anew."""
RETRY: Final = 1.0


class LeaseEvents:
    """A thread that `deliver` runs in; what it raises ServerGoneError for is told again.

    The order is that of each daemon's own telling: what another host's tells comes as it comes.
    """

    def __init__(
        self, spool: LeaseSpool, watch: DirectoryWatch, deliver: Callable[[Sequence[LeaseEvent]], None]
    ) -> None:
        """`watch`: of the spool's directory; it is closed with this."""
        self._spool, self._watch, self._deliver = spool, watch, deliver
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-events", daemon=True)
        self._log = structlog.get_logger("netwright.agent")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for what is being told, two seconds at most."""
        self._stopping.set()
        self._watch.wake()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._pass_on():
                    self._watch.wait(LOOK)
                else:
                    self._stopping.wait(RETRY)
        finally:
            self._watch.close()

    def _pass_on(self) -> bool:
        """Whether all is told that there was."""
        try:
            while not self._stopping.is_set() and (taken := self._spool.take()).lines:
                if taken.refused:
                    self._log.warning("lease_lines_refused", count=taken.refused)
                if taken.events:
                    self._deliver(taken.events)
                self._spool.done(taken)
        except ServerGoneError as error:
            self._log.info("leases_not_told", error=str(error), again_in=RETRY)
            return False
        except OSError as error:
            self._log.warning("leases_not_read", error=str(error), again_in=RETRY)
            return False
        return True
