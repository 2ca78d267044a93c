"""Projects' own limits, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from netwright.store.governance_tables import quotas


def limits(connection: sa.Connection, project: str) -> Mapping[str, int]:
    """By resource, those that the project has of its own."""
    found = connection.execute(_LIMITS, {"project": project})
    return {str(resource): int(limit) for resource, limit in found}


def save(connection: sa.Connection, project: str, resource: str, limit: int) -> None:
    """Writes it, whether or not there was one; -1: unlimited."""
    delete(connection, project, resource)
    connection.execute(quotas.insert(), {"project_id": project, "resource": resource, "limit": limit})


def delete(connection: sa.Connection, project: str, resource: str) -> None:
    """The default holds again."""
    row = (quotas.c.project_id == project, quotas.c.resource == resource)
    connection.execute(quotas.delete().where(*row))


def projects(connection: sa.Connection, resources: Collection[str]) -> list[str]:
    """Those that have a limit of their own for one of the resources, by name."""
    statement = sa.select(quotas.c.project_id).where(quotas.c.resource.in_(resources))
    return list(connection.execute(statement.distinct().order_by(quotas.c.project_id)).scalars())


_LIMITS: Final = sa.select(quotas.c.resource, quotas.c.limit).where(
    quotas.c.project_id == sa.bindparam("project")
)
"""Asked for each thing that is made."""
