"""The API on a Unix socket and an address, in a thread of its own.

Who may open the socket (mode 0660) may do all. Who comes by the address proves who that is, unless there is
no authentication: then it must be a loopback address, and whoever reaches that may do all.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from netwright.api.app import create_app
from netwright.api.gate import OPEN, Gate
from netwright.api.patience import PatientProtocol
from netwright.api.watch import Bell
from netwright.control.liveness import PATIENCE, Liveness
from netwright.control.world import World
from netwright.model.errors import NetwrightError
from netwright.model.ids import HostName
from netwright.store.engine import Database, open_engine

SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 256
_GRACE_S: Final = 1
_START_S: Final = 30.0
_LOG: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("netwright.api")


class CannotListenError(NetwrightError):
    """The socket or the address is another server's."""


class Server:
    """One running API. `start` returns when it listens, `stop` when it has answered what it had begun."""

    def __init__(
        self,
        app: Starlette,
        bell: Bell,
        database: Database,
        socket_path: Path,
        listen: tuple[str, int] | None,
        registry: CollectorRegistry,
    ) -> None:
        self.app, self.database, self.socket_path = app, database, socket_path
        self.address: tuple[str, int] | None = listen
        """Where it listens beside the socket; with port 0, the port it got, once started."""
        self.registry = registry
        """Where the whole process counts; /metrics shows it."""
        self._bell = bell
        loop = "uvloop" if find_spec("uvloop") else "asyncio"
        config = uvicorn.Config(
            app,
            loop=loop,
            http=PatientProtocol,
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # uvicorn would believe whoever comes from this host
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._uvicorn = _Uvicorn(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises CannotListenError."""
        # The address first: where it is refused, no socket file is left behind.
        sockets = [] if self.address is None else [_tcp_socket(self.address)]
        try:
            sockets.append(_unix_socket(self.socket_path))
        except CannotListenError:
            for listening in sockets:
                listening.close()
            raise
        if self.address is not None:
            self.address = sockets[0].getsockname()[:2]
        self.database.listen(self._bell.ring)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=(sockets,), name="netwright-api", daemon=True
        )
        self._thread.start()
        if not self._uvicorn.ready.wait(_START_S):
            raise CannotListenError("the server did not start")
        _LOG.info("api_listening", socket=str(self.socket_path), address=self.address)

    def stop(self) -> None:
        """Ends the watches and closes the database."""
        self.database.ignore(self._bell.ring)
        self._bell.close()
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self.socket_path.unlink(missing_ok=True)
        self.database.close()
        _LOG.info("api_stopped", socket=str(self.socket_path))


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is, beside where it is."""

    patience: timedelta = PATIENCE
    """After so long without a report a host is taken for dead."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """Those of projects that have none of their own; what is not named has no limit."""
    gate: Callable[[World], Gate] = lambda _: OPEN
    """Makes what tells who asks; without it everybody is admin."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and prefixes of those that are believed whom they ask for (X-Forwarded-For, -Proto)."""


def open_server(
    database_url: str,
    host_name: HostName,
    socket_path: Path,
    listen: tuple[str, int] | None = None,
    settings: Settings = Settings(),
) -> Server:
    """Opens the database and builds all that a server needs; it is not started yet."""
    database = open_engine(database_url)
    world = World(
        database=database,
        host=host_name,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
        rng=random.SystemRandom(),
        liveness=Liveness(settings.patience),
        quotas=settings.quotas,
    )
    bell = Bell()
    registry = CollectorRegistry()
    app = create_app(world, registry, bell, settings.gate(world))
    if settings.trusted_proxies:
        trusted = [told for proxy in settings.trusted_proxies for told in _as_told(proxy)]
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    return Server(app, bell, database, socket_path, listen, registry)


def _as_told(proxy: str) -> list[str]:
    """An IPv4 prefix also as a socket of both versions tells it (RFC 4291, 2.5.5.2)."""
    prefix = ip_network(proxy)
    if prefix.version == 6:
        return [str(prefix)]
    return [str(prefix), f"::ffff:{prefix.network_address}/{96 + prefix.prefixlen}"]


class _Uvicorn(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _unix_socket(path: Path) -> socket.socket:
    """Listening, under its final name only when its mode is right; takes the place of a dead server's."""
    if _answers(path):
        raise CannotListenError(f"another server listens on {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    made.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(made))
    except OSError as error:
        listening.close()
        raise CannotListenError(f"{path}: {error.strerror or error}") from error
    made.chmod(SOCKET_MODE)
    listening.listen(_BACKLOG)
    made.rename(path)
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _tcp_socket(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise CannotListenError(f"{address[0]} port {address[1]}: {error.strerror}") from error
    listening.listen(_BACKLOG)
    return listening
