"""Projects as rows, and what of the Networking API's is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.identity import Project
from netwright.model.ids import ProjectId
from netwright.store import identity_tables, rows
from netwright.store.governance_tables import quotas
from netwright.store.identity_tables import projects, users
from netwright.store.tables import METADATA, answers, groups, rules

_OWN_TABLES: Final = frozenset(
    {
        identity_tables.role_assignments,
        identity_tables.application_credentials,
        identity_tables.tokens,
        answers,
        quotas,
        groups,
        rules,
    }
)
"""Those that go with their project, and security groups, one of which does."""


def insert(connection: sa.Connection, project: Project, now: datetime) -> None:
    connection.execute(projects.insert(), {**_values(project), "created_at": now})


def save(connection: sa.Connection, project: Project) -> None:
    connection.execute(projects.update().where(projects.c.id == project.id), _values(project))


def delete(connection: sa.Connection, project: ProjectId) -> None:
    """With its assignments, credentials, tokens, limits and kept answers; it is no user's default."""
    for table in (quotas, answers):
        connection.execute(table.delete().where(table.c.project_id == project))
    theirs = users.update().where(users.c.default_project_id == project)
    connection.execute(theirs.values(default_project_id=None))
    rows.delete(connection, projects, project)


def get(connection: sa.Connection, project: str) -> Project:
    """Raises NotFoundError."""
    for found in find(connection, {"id": (project,)}):
        return found
    raise NotFoundError("Project", project)


def named(connection: sa.Connection, name: str) -> Project | None:
    return next(iter(find(connection, {"name": (name,)})), None)


def find(connection: sa.Connection, where: rows.Where) -> list[Project]:
    """The projects that match, oldest first."""
    statement = sa.select(projects).where(*rows.conditions(projects, where))
    found = connection.execute(statement.order_by(projects.c.created_at, projects.c.id))
    return [
        Project(ProjectId(row.id), row.name, row.description, enabled=row.enabled, extra=row.extra)
        for row in found
    ]


def belongings(connection: sa.Connection, project: ProjectId) -> Mapping[str, int]:
    """How many things it has, by table; its default security group is none."""
    counts = {
        table.name: _count(connection, table, table.c.project_id == project)
        for table in METADATA.sorted_tables
        if "project_id" in table.c and table not in _OWN_TABLES
    }
    own = (groups.c.project_id == project, sa.not_(groups.c.is_default))
    counts[groups.name] = _count(connection, groups, *own)
    return {name: count for name, count in counts.items() if count}


def _count(connection: sa.Connection, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table).where(*which)).scalar_one()


def _values(project: Project) -> Mapping[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "enabled": project.enabled,
        "extra": dict(project.extra),
    }
