"""The database behind two doors: `read` sees one moment of it, `write` has it alone until it commits."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url

from netwright.store.migrate import migrate

_BEGIN: Final = "netwright_begin"
_POSTGRESQL_LOCK: Final = 0x6E657477
"""Writers queue on this advisory lock, so that seq order is commit order and no reader skips a change."""
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a plan's generation must not go back after a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-16384",
)


class Database:
    """Transactions on one database; tells its listeners after each commit."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._writer = threading.Lock()
        self._listeners: tuple[Callable[[], None], ...] = ()
        isolation: dict[str, str] = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = engine.execution_options(**isolation)
        self._writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment of the database."""
        with self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The only writing transaction: commits at the end of the block, or rolls back on an exception."""
        with self._writer, self._writing.begin() as connection:
            if not self._sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
            yield connection
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls the listener, in the writer's thread, after each commit of this process."""
        self._listeners = (*self._listeners, listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        """Ends what `listen` began."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def close(self) -> None:
        self.engine.dispose()


def open_engine(url: str) -> Database:
    """The database at a SQLAlchemy URL, brought to this version's tables.

    Raises sqlalchemy.exc.OperationalError where there is none to open.
    """
    sqlite = make_url(url).get_backend_name() == "sqlite"
    if sqlite and _pooled(url):
        _keep_private(Path(str(make_url(url).database)))
    # Values stay out of errors, and so out of logs: there are secrets among them.
    options: dict[str, object] = {"hide_parameters": True, "json_deserializer": msgspec.json.decode}
    if _pooled(url):
        options |= {"pool_size": 16, "max_overflow": 32}
    engine = sa.create_engine(url, **options)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    migrate(engine)
    return Database(engine)


def _keep_private(path: Path) -> None:
    """VPNs' private keys are in it. SQLite gives the files beside it the same mode."""
    with suppress(OSError):  # whoever opens it says better why that cannot be
        path.touch(mode=0o600)
        path.chmod(0o600)


def _pooled(url: str) -> bool:
    return make_url(url).database not in {None, "", ":memory:"}


def _prepare_sqlite(raw: sqlite3.Connection, record: object) -> None:
    """The driver's own transactions are off: BEGIN is ours, so that writers can say IMMEDIATE."""
    del record
    raw.isolation_level = None
    for pragma in _PRAGMAS:
        raw.execute(pragma)


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
