"""What a user can do with logs of security groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netwright.control import text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import DEFAULT_PROJECT, Work
from netwright.model.ids import GroupId, LogId, PortId
from netwright.model.intent import Log, LogEvent
from netwright.store import groups, ports
from netwright.store import logs as store
from netwright.store.changes import Touched
from netwright.store.records import Record

RESOURCE_TYPE = "security_group"


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A log as a user asks for it; what it is about is for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    enabled: bool | Left = UNSET
    resource_type: str | Left = UNSET
    event: LogEvent = LogEvent.ALL
    group_id: GroupId | None = None
    port_id: PortId | None = None


def update_in(work: Work, old: Log, request: LogRequest) -> Record[Log]:
    """Name, description and whether it is enabled. Raises InvalidError."""
    log = _asked(old, request)
    store.save(work.connection, log, work.now)
    if log.enabled != old.enabled:
        _touch(work, log)
    return store.get(work.connection, log.id)


def delete_in(work: Work, log: Log) -> None:
    store.delete(work.connection, log.id)
    _touch(work, log)


def create_in(work: Work, request: LogRequest) -> LogId:
    kind: str = required(request.resource_type, "resource_type")
    if kind != RESOURCE_TYPE:
        raise invalid("resource_type", f"only '{RESOURCE_TYPE}' can be logged.")
    if request.group_id is not None:
        groups.get(work.connection, request.group_id)
    if request.port_id is not None:
        port = ports.get(work.connection, request.port_id).value
        if request.group_id is not None and request.group_id not in port.security_groups:
            message = f"Port {port.id} is not in security group {request.group_id}."
            raise NamedConflictError("InvalidResourceConstraint", message, "target_id")
    project = text.project(given(request.project_id, DEFAULT_PROJECT))
    blank = Log(LogId(work.world.new_id()), project, "", event=request.event)
    log = _asked(replace(blank, group_id=request.group_id, port_id=request.port_id), request)
    store.insert(work.connection, log, work.now)
    _touch(work, log)
    return log.id


def _asked(log: Log, request: LogRequest) -> Log:
    return replace(
        log,
        name=text.line(given(request.name, log.name), "name"),
        description=text.prose(given(request.description, log.description), "description"),
        enabled=given(request.enabled, log.enabled),
    )


def _touch(work: Work, log: Log) -> None:
    """What the log is about: its group, else its port, else all that the project has."""
    if log.group_id is not None:
        work.touch(Touched.GROUP, log.group_id)
    elif log.port_id is not None:
        work.touch(Touched.PORT, log.port_id)
    else:
        ports_of, groups_of = store.of_project(work.connection, log.project_id)
        work.touch(Touched.PORT, *sorted(ports_of))
        work.touch(Touched.GROUP, *sorted(groups_of))
