"""What a resource of the Networking API is, as a table: names, how to read it, show it and act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from netwright.api.fields import Fields
from netwright.control.given import UNSET, Left
from netwright.control.world import World
from netwright.store.records import Stamps
from netwright.store.rows import Where

View = dict[str, object]


class Actions(Protocol):
    """What can be done with one kind of resource; each raises RequestError."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]: ...
    def update(self, world: World, resource_id: str, body: Fields) -> View: ...
    def delete(self, world: World, resource_id: str) -> None: ...
    def get(self, world: World, resource_id: str) -> View: ...
    def find(self, world: World, where: Where, project: str | None) -> list[View]: ...


@dataclass(frozen=True, slots=True)
class Resource:
    """`columns` are the attributes that the database can filter by, and the columns' names there."""

    singular: str
    plural: str
    path: str
    actions: Actions
    attributes: frozenset[str]
    columns: Mapping[str, str]
    root: str = "/v2.0"
    """What its path begins with: the Networking API's, or that of netwright's own."""


def stamped(stamps: Stamps) -> View:
    return {
        "created_at": moment(stamps.created_at),
        "updated_at": moment(stamps.updated_at),
        "revision_number": stamps.revision,
    }


def moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def owned(project: str | None) -> View:
    return {"project_id": project, "tenant_id": project}


def asked_project(body: Fields, header: str | None) -> str | Left:
    """The project that the body names, by either of its names, or that the request's header does."""
    project, tenant = body.optional("project_id"), body.optional("tenant_id")
    return project or tenant or header or UNSET
