"""Who may do what where, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.model.caller import Role
from netwright.model.identity import ROLES, Assignment, UserId, role_name
from netwright.model.ids import ProjectId
from netwright.store import rows
from netwright.store.identity_tables import role_assignments


def save(connection: sa.Connection, assignment: Assignment) -> None:
    """Whether or not it was there."""
    delete(connection, assignment)
    connection.execute(role_assignments.insert(), _where(assignment))


def delete(connection: sa.Connection, assignment: Assignment) -> bool:
    """Whether it was there."""
    which = (role_assignments.c[name] == value for name, value in _where(assignment).items())
    return connection.execute(role_assignments.delete().where(*which)).rowcount > 0


def find(connection: sa.Connection, where: rows.Where) -> list[Assignment]:
    """Those that match, by user, project and role."""
    statement = sa.select(role_assignments).where(*rows.conditions(role_assignments, where))
    columns = (role_assignments.c[name] for name in ("user_id", "project_id", "role"))
    return [
        Assignment(UserId(row.user_id), ProjectId(row.project_id), ROLES[row.role])
        for row in connection.execute(statement.order_by(*columns))
    ]


def widest(connection: sa.Connection, user: UserId, project: ProjectId) -> Role | None:
    """The user's role in the project; None: the user has nothing to do there."""
    found = find(connection, {"user_id": (user,), "project_id": (project,)})
    return max((one.role for one in found), default=None)


def _where(assignment: Assignment) -> dict[str, str]:
    return {
        "user_id": assignment.user_id,
        "project_id": assignment.project_id,
        "role": role_name(assignment.role),
    }
