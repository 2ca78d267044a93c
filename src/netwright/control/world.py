"""What actions need of the world, and one transaction of theirs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from netwright.control.counters import Counters
from netwright.control.known import Identities
from netwright.control.liveness import Liveness
from netwright.model.caller import Caller
from netwright.model.ids import HostName, ProjectId
from netwright.store import changes
from netwright.store.changes import Change, Touched
from netwright.store.engine import Database

DEFAULT_PROJECT = ProjectId("default")


@dataclass(frozen=True, slots=True)
class Work:
    """One writing transaction, and the log of what it touches."""

    world: World
    connection: sa.Connection
    now: datetime
    log: list[Change]
    caller: Caller | None = None
    """Who asks, where somebody does."""

    def touch(self, noun: Touched, *ids: str, host: HostName | None = None) -> None:
        """Says what changed, so that plans follow; `host`: that one's alone."""
        self.log.extend(Change(noun, touched, host) for touched in ids)


@dataclass(frozen=True, slots=True)
class World:
    database: Database
    host: HostName
    """The host that ports are bound to where a request names none."""
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    rng: random.Random
    watching: Counter[HostName] = field(default_factory=Counter)
    """How many watches each host's agent holds open in this process."""
    counters: Counters = field(default_factory=Counters)
    liveness: Liveness = field(default_factory=Liveness)
    identities: Identities = field(default_factory=Identities)
    quotas: Mapping[str, int] = field(default_factory=dict)
    """The Networking API's quotas of projects that have none of their own; what is not named has no limit."""

    @contextmanager
    def work(self, caller: Caller | None = None) -> Iterator[Work]:
        """All of the block is committed, with its log, or nothing is."""
        with self.database.write() as connection:
            work = Work(self, connection, self.clock().replace(microsecond=0), [], caller)
            yield work
            changes.record(connection, work.log)

    @contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """One moment of the database, to read."""
        with self.database.read() as connection:
            yield connection
