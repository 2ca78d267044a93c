"""Worlds for tests: a fresh database each, a counting clock, ids and random choices from a seed."""

from __future__ import annotations

import atexit
import itertools
import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from netwright.control.world import World
from netwright.model.ids import HostName
from netwright.store.engine import open_engine

HOST = HostName("h1")
OTHER_HOST = HostName("h2")


def put_ready_database(path: Path) -> None:
    """An empty database with today's tables at the path, where there is none yet: copying one is quicker than making it."""
    if not path.exists():
        shutil.copy(_template(), path)


@lru_cache(maxsize=1)
def _template() -> Path:
    directory = tempfile.mkdtemp(prefix="netwright-test-")
    atexit.register(shutil.rmtree, directory)
    path = Path(directory) / "template.db"
    open_engine(f"sqlite:///{path}").close()
    return path


@contextmanager
def world(seed: int = 0) -> Iterator[World]:
    """A world on a database of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="netwright-test-") as directory:
        path = Path(directory) / "netwright.db"
        put_ready_database(path)
        database = open_engine(f"sqlite:///{path}")
        rng = random.Random(seed)
        seconds = itertools.count()
        begun = datetime(2026, 1, 1, tzinfo=UTC)
        try:
            yield World(
                database=database,
                host=HOST,
                clock=lambda: begun + timedelta(seconds=next(seconds)),
                new_id=lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                rng=rng,
            )
        finally:
            database.close()
