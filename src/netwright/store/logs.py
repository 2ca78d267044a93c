"""Logs of security groups as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import GroupId, LogId, PortId, ProjectId
from netwright.model.intent import Log, LogEvent
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.tables import groups, logs, ports


def insert(connection: sa.Connection, log: Log, now: datetime) -> None:
    rows.insert(connection, logs, _values(log), now)


def save(connection: sa.Connection, log: Log, now: datetime) -> None:
    rows.save(connection, logs, _values(log), now)


def delete(connection: sa.Connection, log: LogId) -> None:
    rows.delete(connection, logs, log)


def get(connection: sa.Connection, log: LogId) -> Record[Log]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (log,)}):
        return record
    raise NotFoundError("Log", log)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[Log]]:
    """The logs that match, oldest first."""
    found = rows.oldest_first(connection, logs, where)
    return [Record(_log(row), rows.stamps(row)) for row in found]


def enabled(connection: sa.Connection) -> list[Log]:
    """Those that are switched on, oldest first."""
    statement = sa.select(logs).where(logs.c.enabled).order_by(logs.c.created_at, logs.c.id)
    return [_log(row) for row in connection.execute(statement)]


def of_project(connection: sa.Connection, project: ProjectId) -> tuple[frozenset[PortId], frozenset[GroupId]]:
    """All ports and groups of a project: what a log that names neither is about."""
    theirs = connection.execute(sa.select(ports.c.id).where(ports.c.project_id == project)).scalars()
    named = connection.execute(sa.select(groups.c.id).where(groups.c.project_id == project)).scalars()
    return frozenset(map(PortId, theirs)), frozenset(map(GroupId, named))


def _values(log: Log) -> Mapping[str, object]:
    return {
        "id": log.id,
        "project_id": log.project_id,
        "name": log.name,
        "description": log.description,
        "enabled": log.enabled,
        "event": log.event.value,
        "resource_id": log.group_id,
        "target_id": log.port_id,
    }


def _log(row: rows.Row) -> Log:
    return Log(
        id=LogId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        description=row.description,
        enabled=row.enabled,
        event=LogEvent(row.event),
        group_id=None if row.resource_id is None else GroupId(row.resource_id),
        port_id=None if row.target_id is None else PortId(row.target_id),
    )
