"""What every call of a manager works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from netwright.control.world import DEFAULT_PROJECT, World
from netwright.model.ids import HostName, ProjectId
from netwright.nova.given import part, text_of
from netwright.nova.host_side import HostSide
from netwright.nova.options import NetworkOptions

Notifier = Callable[[str, Mapping[str, object]], None]


class InstanceNames(Protocol):
    """Where instances' names are kept (nova/dns_entries.py)."""

    def add_instance(self, instance: object, address: str) -> None:
        """The address under the instance's names."""

    def remove_instance(self, instance: object, address: str) -> None:
        """None of them is the address's any more."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """The store, the options, the host that the manager is on, and what acts there."""

    world: World
    options: NetworkOptions
    host: HostName
    side: HostSide
    is_agents: bool
    """Whether agents do the hosts' part, each its own, and this process may be on none of them."""
    dns: InstanceNames
    notify: Notifier


@dataclass(frozen=True, slots=True)
class Traits:
    """A manager's class attributes."""

    dhcp: bool
    creates_bridge: bool
    creates_vlan: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: nova's request context, as far as it matters here."""

    project_id: ProjectId
    is_admin: bool


def caller(context: object) -> Caller:
    """An object with project_id and is_admin. Raises InvalidError."""
    project = ProjectId(text_of(context, "project_id", "context") or DEFAULT_PROJECT)
    return Caller(project, bool(part(context, "is_admin")))
