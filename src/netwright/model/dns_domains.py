"""DNS domains as users declare them."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.model.ids import ProjectId


@dataclass(frozen=True, slots=True)
class PrivateDomain:
    """Of instances: those of one availability zone, or of all."""

    name: str
    availability_zone: str | None = None


@dataclass(frozen=True, slots=True)
class PublicDomain:
    """Of floating IPs: one project's, or everybody's."""

    name: str
    project_id: ProjectId | None = None


DnsDomain = PrivateDomain | PublicDomain
