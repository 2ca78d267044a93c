"""The three ways to know who asks, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

from netwright.api import identity_paths
from netwright.api.gate import Gate
from netwright.api.identify import LocalIdentity
from netwright.control import projects
from netwright.control.passwords import Passwords
from netwright.control.sign_in import SignIn
from netwright.control.world import World
from netwright.model.errors import InvalidError


class IdentityMode(StrEnum):
    NONE = "none"
    """Everybody is admin."""
    LOCAL = "local"
    """The server has users of its own."""
    KEYSTONE = "keystone"
    """A Keystone elsewhere says who asks."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    mode: IdentityMode = IdentityMode.NONE
    keystone_config: Path | None = None


def gate_of(world: World, settings: IdentitySettings) -> Gate:
    """Raises InvalidError where the mode lacks something."""
    return _GATES[settings.mode](world, settings)


def _open(world: World, settings: IdentitySettings) -> Gate:
    del world, settings
    return Gate()


def _local(world: World, settings: IdentitySettings) -> Gate:
    del settings
    projects.make_first(world)
    local = LocalIdentity(SignIn(world, Passwords(), _tell_refused))
    return Gate(local, partial(identity_paths.routes, local), lambda base: f'Keystone uri="{base}/v3"')


def _tell_refused(address: str, user: str) -> None:
    _LOG.warning("sign_in_refused", address=address, user=user)


def _keystone(world: World, settings: IdentitySettings) -> Gate:
    del world
    if settings.keystone_config is None:
        raise InvalidError("--identity keystone needs --keystone-config", "--keystone-config")
    if find_spec("keystonemiddleware") is None:
        raise InvalidError("--identity keystone needs: pip install 'netwright[keystone]'", "--identity")
    from netwright.api.keystone import KeystoneIdentity  # noqa: PLC0415  # an extra, and half a second

    keystone = KeystoneIdentity(settings.keystone_config)
    return Gate(keystone, challenge=lambda _: f'Keystone uri="{keystone.uri}"')


_LOG: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("netwright.api")
_GATES: Final[Mapping[IdentityMode, Callable[[World, IdentitySettings], Gate]]] = {
    IdentityMode.NONE: _open,
    IdentityMode.LOCAL: _local,
    IdentityMode.KEYSTONE: _keystone,
}
