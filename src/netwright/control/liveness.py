"""When hosts were last heard of: in memory, for a host that says nothing new is not written down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from netwright.model.ids import HostName

PATIENCE: Final = timedelta(seconds=60)
"""After so long without a word a host is taken for dead."""


@dataclass(slots=True)
class Liveness:
    """Safe to use from several threads."""

    patience: timedelta = PATIENCE
    _heard: dict[HostName, datetime] = field(default_factory=dict)
    _since: datetime | None = None
    """When it began to listen without a break."""
    _last: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(self, now: datetime) -> None:
        """To be called several times in each `patience`.

        Where it was not (the server was stopped, its machine slept) or the clock was set, silence says
        nothing: all are waited for anew.
        """
        with self._lock:
            self._listen(now)

    def hear(self, host: HostName, now: datetime) -> None:
        with self._lock:
            self._heard[host] = now

    def is_heard(self, host: HostName, now: datetime) -> bool:
        """Whether it has spoken lately."""
        with self._lock:
            return host in self._heard and now - self._heard[host] < self.patience

    def last(self, host: HostName) -> datetime | None:
        """When it spoke last, if it has since the server began to listen."""
        with self._lock:
            return self._heard.get(host)

    def is_gone(self, host: HostName, now: datetime) -> bool:
        """Whether it has been silent for too long; a server that has just begun to listen cannot tell."""
        with self._lock:
            since = self._listen(now)
            return now - max(self._heard.get(host, since), since) >= self.patience

    def _listen(self, now: datetime) -> datetime:
        # Threads may come with their moments in another order: a little backwards is no break.
        ahead = None if self._last is None else now - self._last
        if self._since is None or ahead is None or abs(ahead) >= self.patience / 2:
            self._since = now
            self._heard = {host: min(at, now) for host, at in self._heard.items()}
        self._last = now
        return self._since
