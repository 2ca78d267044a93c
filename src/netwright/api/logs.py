"""Logs of security groups over HTTP: the Networking API's extension `logging`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.api.fields import Fields
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import logs as control
from netwright.control.given import UNSET
from netwright.control.logs import RESOURCE_TYPE, LogRequest
from netwright.control.world import World
from netwright.model.ids import GroupId, LogId, PortId
from netwright.model.intent import Log, LogEvent
from netwright.store.records import Record
from netwright.store.rows import Where


class Logs:
    """Actions on logs."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = LogRequest(
            name=body.text("name"), description=body.text("description"), enabled=body.flag("enabled")
        )
        body.done(ATTRIBUTES)
        return view(control.update(world, LogId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, LogId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, LogId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def loggable(call: Call) -> Response:
    """What can be logged."""
    del call
    return json_response({"loggable_resources": [{"type": RESOURCE_TYPE}]})


def view(record: Record[Log]) -> View:
    log = record.value
    return {
        "id": log.id,
        **owned(log.project_id),
        "name": log.name,
        "description": log.description,
        "enabled": log.enabled,
        "event": log.event,
        "resource_type": RESOURCE_TYPE,
        "resource_id": log.group_id,
        "target_id": log.port_id,
        **stamped(record.stamps),
    }


def _new(body: Fields, project: str | None) -> LogRequest:
    event = body.one_of("event", LogEvent)
    group, port = body.optional("resource_id"), body.optional("target_id")
    request = LogRequest(
        project_id=asked_project(body, project),
        name=body.text("name"),
        description=body.text("description"),
        enabled=body.flag("enabled"),
        resource_type=body.text("resource_type"),
        event=LogEvent.ALL if event is None or event is UNSET else event,
        group_id=None if group is None else GroupId(group),
        port_id=None if port is None else PortId(port),
    )
    body.done(ATTRIBUTES)
    return request


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "name", "description", "enabled", "event", "resource_type",
    "resource_id", "target_id", "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="log",
    plural="logs",
    path="log/logs",
    actions=Logs(),
    attributes=ATTRIBUTES,
    columns={
        "id": "id", "name": "name", "project_id": "project_id", "tenant_id": "project_id",
        "event": "event", "resource_id": "resource_id", "target_id": "target_id",
    },
)  # fmt: skip
