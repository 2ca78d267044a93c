"""Projects as rows, and what of the Networking API's is theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.identity import Project
from netwright.model.ids import ProjectId
from netwright.store import identity_tables, rows
from netwright.store.governance_tables import quotas, rbac_policies
from netwright.store.identity_tables import projects, users
from netwright.store.tables import METADATA, answers, rules

_OWN_TABLES: Final = frozenset(
    {
        identity_tables.role_assignments,
        identity_tables.application_credentials,
        identity_tables.tokens,
        answers,
        quotas,
        rules,
    }
)
"""Those whose rows go with their project, or with what is its own."""


def insert(connection: sa.Connection, project: Project, now: datetime) -> None:
    connection.execute(projects.insert(), {**_values(project), "created_at": now})


def save(connection: sa.Connection, project: Project) -> None:
    connection.execute(projects.update().where(projects.c.id == project.id), _values(project))


def delete(connection: sa.Connection, project: ProjectId) -> None:
    """With its assignments, credentials, tokens, limits, kept answers and what lets it see others' things;
    it is no user's default."""
    for column in (quotas.c.project_id, answers.c.project_id, rbac_policies.c.target_project):
        connection.execute(sa.delete(column.table).where(column == project))
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


def belongings(connection: sa.Connection, project: ProjectId, apart: Collection[str]) -> Mapping[str, int]:
    """How many things it has, by table, `apart` from those of some tables."""
    counts = {
        table.name: _count(connection, table, project)
        for table in METADATA.sorted_tables
        if "project_id" in table.c and table not in _OWN_TABLES and table.name not in apart
    }
    return {name: count for name, count in counts.items() if count}


def _count(connection: sa.Connection, table: sa.Table, project: ProjectId) -> int:
    statement = sa.select(sa.func.count()).select_from(table).where(table.c.project_id == project)
    return connection.execute(statement).scalar_one()


def _values(project: Project) -> Mapping[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "enabled": project.enabled,
        "extra": dict(project.extra),
    }
