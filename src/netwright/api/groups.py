"""Security groups over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.api import rules
from netwright.api.fields import Fields
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import groups as control
from netwright.control.given import UNSET, Left
from netwright.control.groups import GroupRequest
from netwright.control.world import World
from netwright.model.ids import GroupId
from netwright.model.intent import Revocation
from netwright.store.records import GroupRecord
from netwright.store.rows import Where


class Groups:
    """Actions on security groups."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = GroupRequest(
            name=body.text("name"),
            description=body.text("description"),
            stateful=body.flag("stateful"),
            revocation=_revocation(body),
        )
        body.done(ATTRIBUTES)
        return view(control.update(world, GroupId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, GroupId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, GroupId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        return [view(record) for record in control.find(world, where, project)]


def view(record: GroupRecord) -> View:
    group = record.value
    return {
        "id": group.id,
        **owned(group.project_id),
        "name": group.name,
        "description": group.description,
        "stateful": group.stateful,
        "netwright:revocation": group.revocation,
        "shared": False,
        "security_group_rules": [rules.view(rule) for rule in record.rules],
        **stamped(record.stamps),
    }


def _new(body: Fields, project: str | None) -> GroupRequest:
    request = GroupRequest(
        project_id=asked_project(body, project),
        name=body.text("name"),
        description=body.text("description"),
        stateful=body.flag("stateful"),
        revocation=_revocation(body),
    )
    body.done(ATTRIBUTES)
    return request


def _revocation(body: Fields) -> Revocation | Left:
    asked = body.one_of("netwright:revocation", Revocation)
    return UNSET if asked is None else asked


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "name", "description", "stateful", "shared",
    "security_group_rules", "netwright:revocation", "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="security_group",
    plural="security_groups",
    path="security-groups",
    actions=Groups(),
    attributes=ATTRIBUTES,
    columns={"id": "id", "name": "name", "project_id": "project_id", "tenant_id": "project_id"},
)
