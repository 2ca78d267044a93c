"""What an agent tells the server of its host."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.model.ids import HostName, LinkName, PortId
from netwright.model.intent import Prefix


@dataclass(frozen=True, slots=True)
class StageFailure:
    """A stage that did not reach its desired state, and what the kernel or the helper said."""

    stage: str
    said: str
    pending: int
    """How many objects still differ."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the server must know of a host to refuse what it cannot provide."""

    routes: tuple[Prefix, ...] = ()
    """Destinations of the host's own routes, default routes and ours apart."""
    uplink_mtu: int = 1500
    """MTU of the link that holds the default route."""
    links: tuple[LinkName, ...] = ()
    """The host's own links: not ours, not loopback."""
    firewall: str = "nftables"
    """The engine that enforces security groups there."""


@dataclass(frozen=True, slots=True)
class PortStatus:
    id: PortId
    up: bool
    """Whether the port's link is made, filtered and up in the kernel."""


@dataclass(frozen=True, slots=True)
class VmmLink:
    """A link named like a port's (`tap` and 11 characters) that a VMM made or took away."""

    name: LinkName
    present: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What the agent tells the server.

    With `complete`, `ports` and `vmm_links` list all there are, and what is not listed is down or
    absent; without it, only those that changed since the last report, so that one port's report
    does not grow with the number of ports.
    """

    host: HostName
    generation: int
    converged: bool
    complete: bool
    failures: tuple[StageFailure, ...] = ()
    ports: tuple[PortStatus, ...] = ()
    vmm_links: tuple[VmmLink, ...] = ()
    facts: HostFacts = HostFacts()
