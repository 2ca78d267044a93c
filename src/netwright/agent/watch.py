"""The stream of plan updates, kept open for as long as the agent lives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from netwright.agent.inbox import Inbox
from netwright.agent.server import Server
from netwright.model.errors import ServerGoneError
from netwright.model.ids import HostName
from netwright.wire.codec import WireError

_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0


class Watch:
    """A thread that reads the stream and opens it again, with growing pauses, when it ends."""

    def __init__(
        self,
        server: Server,
        host: HostName,
        inbox: Inbox,
        generation: Callable[[], int],
        asked: Callable[[], None],
    ) -> None:
        """`asked` is called when the server wants to know the rules' counters."""
        self._server, self._host, self._inbox = server, host, inbox
        self._generation, self._asked = generation, asked
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plan-watch", daemon=True)
        self._log = structlog.get_logger("netwright.agent")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a read in flight: the thread is a daemon and holds nothing."""
        self._stopping.set()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._stopping.is_set():
            try:
                updates = self._server.watch(self._host, self._generation(), self._asked)
                for number, update in enumerate(updates):
                    self._inbox.update(update)
                    if number == 0:
                        self._inbox.server_met()
                    wait = _FIRST_WAIT
            except (ServerGoneError, WireError) as error:
                if not self._stopping.is_set():
                    self._log.info("watch_ended", error=str(error), again_in=wait)
            self._stopping.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
