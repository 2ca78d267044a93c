"""Logs of security groups over HTTP: the Networking API's extension `logging`."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import logs as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET
from netwright.control.logs import RESOURCE_TYPE, LogRequest
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import GroupId, PortId
from netwright.model.intent import Log, LogEvent
from netwright.store import logs as store
from netwright.store.records import Record
from netwright.store.rows import Where


class Logs:
    """Acts on logs."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = control.create_in(work, _new(Fields(values)))
        return view(store.get(work.connection, made))

    def update(self, work: Work, old: Record[Log], values: Values, caller: Caller) -> View:
        del caller
        return view(control.update_in(work, old.value, _changed(Fields(values))))

    def delete(self, work: Work, old: Record[Log]) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[Record[Log]]:
        return store.find(connection, where)

    def view(self, thing: Record[Log]) -> View:
        return view(thing)


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


def _changed(body: Fields) -> LogRequest:
    return LogRequest(
        name=body.text("name"), description=body.text("description"), enabled=body.flag("enabled")
    )


def _new(body: Fields) -> LogRequest:
    event = body.one_of("event", LogEvent)
    group, port = body.optional("resource_id"), body.optional("target_id")
    return LogRequest(
        project_id=asked_project(body),
        name=body.text("name"),
        description=body.text("description"),
        enabled=body.flag("enabled"),
        resource_type=body.text("resource_type"),
        event=LogEvent.ALL if event is UNSET else event,
        group_id=None if group is None else GroupId(group),
        port_id=None if port is None else PortId(port),
    )
