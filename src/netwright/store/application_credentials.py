"""Application credentials as rows, each with the hash of its secret."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.identity import ROLES, ApplicationCredential, CredentialId, UserId, role_name
from netwright.model.ids import ProjectId
from netwright.store import rows
from netwright.store.identity_tables import application_credentials as table


def insert(
    connection: sa.Connection, credential: ApplicationCredential, secret_hash: str, now: datetime
) -> None:
    """Raises sqlalchemy.exc.IntegrityError where the user has one of that name, or anyone that secret."""
    values = {
        "id": credential.id,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "name": credential.name,
        "description": credential.description,
        "role": role_name(credential.role),
        "unrestricted": credential.unrestricted,
        "expires_at": credential.expires_at,
    }
    connection.execute(table.insert(), {**values, "secret_hash": secret_hash, "created_at": now})


def delete(connection: sa.Connection, credential: CredentialId) -> None:
    """With the tokens that were given for it."""
    rows.delete(connection, table, credential)


def delete_in(connection: sa.Connection, user: UserId, project: ProjectId) -> None:
    """The user's in the project."""
    connection.execute(table.delete().where(table.c.user_id == user, table.c.project_id == project))


def get(connection: sa.Connection, credential: str) -> ApplicationCredential:
    """Raises NotFoundError."""
    for found in find(connection, {"id": (credential,)}):
        return found
    raise NotFoundError("ApplicationCredential", credential)


def find(connection: sa.Connection, where: rows.Where) -> list[ApplicationCredential]:
    """Those that match, oldest first; `secret_hash` is a column like others."""
    statement = sa.select(table).where(*rows.conditions(table, where))
    found = connection.execute(statement.order_by(table.c.created_at, table.c.id))
    return [
        ApplicationCredential(
            id=CredentialId(row.id),
            user_id=UserId(row.user_id),
            project_id=ProjectId(row.project_id),
            name=row.name,
            role=ROLES[row.role],
            description=row.description,
            expires_at=row.expires_at,
            unrestricted=row.unrestricted,
        )
        for row in found
    ]
