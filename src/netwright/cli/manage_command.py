"""What each command of `netwright-manage` is given: the store itself, and nova's options."""

from __future__ import annotations

import random
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import sqlalchemy as sa

from netwright.cli.output import Style, options, style_of
from netwright.control.world import World
from netwright.model.errors import InvalidError, NetwrightError
from netwright.model.ids import HostName
from netwright.nova.options import NetworkOptions
from netwright.nova.options_file import read_options
from netwright.store.engine import open_engine


class StoreGoneError(NetwrightError):
    """The database could not be opened."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One run of a command."""

    world: World
    options: NetworkOptions
    manager: str
    style: Style
    given: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """None where it was not given, or is empty: nova-manage dropped empty arguments."""
        value = self.given.get(name)
        return str(value) if value not in {None, ""} else None

    def required(self, name: str) -> str:
        """The text of an option without which the command means nothing. Raises InvalidError."""
        found = self.text(name)
        if found is None:
            raise InvalidError(f"--{name} must be given", name)
        return found

    def flag(self, name: str) -> bool:
        return bool(self.given.get(name))


Run = Callable[[Asked], int | None]


def command(name: str, params: Iterable[click.Parameter], run: Run, text: str) -> click.Command:
    """A click command; what `run` returns is the exit code, None for 0."""

    @click.pass_context
    def callback(context: click.Context, /, **given: object) -> int | None:
        above = context.find_root().params
        with opened(above) as world:
            files = _listed(above.get("config_file"))
            chosen = read_options(map(Path, files))
            manager = str(above.get("manager") or (_manager_of(chosen) if files else "flatdhcp"))
            return run(Asked(world, chosen, manager, style_of(given), given))

    return click.Command(name, params=[*params, *options()], callback=callback, help=text)


def option(name: str, text: str, *, metavar: str = "TEXT") -> click.Option:
    """`--a_name`, which may be written `--a-name`, too."""
    return click.Option(_spelled(name), metavar=metavar, help=text)


def switch(name: str, text: str) -> click.Option:
    return click.Option(_spelled(name), is_flag=True, help=text)


@contextmanager
def opened(given: Mapping[str, object]) -> Iterator[World]:
    """The store that --connection or --state-dir names. Raises InvalidError, StoreGoneError."""
    url = given.get("connection")
    if url is None:
        state = Path(str(given["state_dir"])).absolute()
        state.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{state / 'netwright.db'}"
    try:
        database = open_engine(str(url))
    except (sa.exc.ArgumentError, ImportError) as error:
        raise InvalidError(f"--connection: {error}", "connection") from error
    except sa.exc.SQLAlchemyError as error:
        raise StoreGoneError(f"the database does not open: {error}") from error
    try:
        yield World(
            database=database,
            host=HostName(socket.gethostname()),
            clock=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid.uuid4()),
            rng=random.SystemRandom(),
        )
    except sa.exc.OperationalError as error:
        raise StoreGoneError(f"the database failed: {error}") from error
    finally:
        database.close()


def _spelled(name: str) -> Sequence[str]:
    both = [f"--{name}", f"--{name.replace('_', '-')}"]
    return [*dict.fromkeys(both), name]


def _listed(given: object) -> tuple[str, ...]:
    return tuple(map(str, given)) if isinstance(given, tuple) else ()


MANAGERS: Final[Mapping[str, str]] = {
    "flat": "FlatManager",
    "flatdhcp": "FlatDHCPManager",
    "vlan": "VlanManager",
}


def _manager_of(chosen: NetworkOptions) -> str:
    last = chosen.network_manager.rsplit(".", 1)[-1]
    for name, known in MANAGERS.items():
        if last == known:
            return name
    raise InvalidError(f"network_manager: there is no {chosen.network_manager!r}", "network_manager")
