"""What the database keeps beside the values: when a thing was made and changed, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from netwright.model.ids import HostName, QosPolicyId
from netwright.model.intent import Port, Rule, SecurityGroup
from netwright.model.report import HostFacts, StageFailure

V = TypeVar("V")


class PortState(StrEnum):
    """The Networking API's port status."""

    ACTIVE = "ACTIVE"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class Stamps:
    created_at: datetime
    updated_at: datetime
    revision: int

    def revised(self, now: datetime) -> Stamps:
        """As rows.save leaves them."""
        return Stamps(self.created_at, now, self.revision + 1)


@dataclass(frozen=True, slots=True)
class Record(Generic[V]):
    """A value of the intent and its stamps."""

    value: V
    stamps: Stamps


@dataclass(frozen=True, slots=True)
class PortNotes:
    """What others keep with a port; nothing on hosts follows from it."""

    profile: Mapping[str, object] = field(default_factory=dict)
    """binding:profile."""
    data_plane_status: str | None = None
    propagate_uplink_status: bool = True
    dns_domain: str = ""


@dataclass(frozen=True, slots=True)
class DnsLabel:
    """What a port is called in its network's DNS; `shared`: others of its project may be called so, too."""

    name: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class PortRecord:
    value: Port
    stamps: Stamps
    state: PortState
    label: DnsLabel | None
    """None: it has its address's."""
    dns_domain: str
    """The network's."""
    networks_policy: QosPolicyId | None = None
    """The network's QoS policy."""
    notes: PortNotes = PortNotes()


@dataclass(frozen=True, slots=True)
class Written:
    """Parts of a rule as the user wrote them."""

    protocol: str | None = None
    prefix: str | None = None
    """The remote prefix, with what bits it has beyond its length."""


@dataclass(frozen=True, slots=True)
class RuleRecord:
    value: Rule
    stamps: Stamps
    written: Written
    in_default: bool = False
    """Whether its group is its project's default."""


@dataclass(frozen=True, slots=True)
class GroupRecord:
    value: SecurityGroup
    stamps: Stamps
    rules: tuple[RuleRecord, ...]
    is_default: bool


@dataclass(frozen=True, slots=True)
class HostRecord:
    name: HostName
    last_seen: datetime
    generation: int
    converged: bool
    failures: tuple[StageFailure, ...]
    facts: HostFacts
