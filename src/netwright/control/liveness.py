"""When hosts were last heard of: in memory, for a host that says nothing new is not written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from netwright.model.ids import HostName

PATIENCE: Final = timedelta(seconds=60)
"""After so long without a word a host is taken for dead."""


@dataclass(slots=True)
class Liveness:
    """Safe to use from several threads: each step is one of a dictionary's."""

    patience: timedelta = PATIENCE
    _heard: dict[HostName, datetime] = field(default_factory=dict)
    _since: list[datetime] = field(default_factory=list)

    def hear(self, host: HostName, now: datetime) -> None:
        self._heard[host] = now

    def is_heard(self, host: HostName, now: datetime) -> bool:
        """Whether it has spoken lately."""
        return host in self._heard and now - self._heard[host] < self.patience

    def is_gone(self, host: HostName, now: datetime) -> bool:
        """Whether it has been silent for too long; a server that has just begun to listen cannot tell."""
        if not self._since:
            self._since.append(now)
        return now - max(self._heard.get(host, self._since[0]), self._since[0]) >= self.patience
