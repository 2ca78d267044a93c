"""Users as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.identity import User, UserId
from netwright.model.ids import ProjectId
from netwright.store import rows
from netwright.store.identity_tables import users


def insert(connection: sa.Connection, user: User, now: datetime) -> None:
    connection.execute(users.insert(), {**_values(user), "created_at": now})


def save(connection: sa.Connection, user: User) -> None:
    connection.execute(users.update().where(users.c.id == user.id), _values(user))


def delete(connection: sa.Connection, user: UserId) -> None:
    """With all that proves that somebody is this user."""
    rows.delete(connection, users, user)


def get(connection: sa.Connection, user: str) -> User:
    """Raises NotFoundError."""
    for found in find(connection, {"id": (user,)}):
        return found
    raise NotFoundError("User", user)


def named(connection: sa.Connection, name: str) -> User | None:
    return next(iter(find(connection, {"name": (name,)})), None)


def find(connection: sa.Connection, where: rows.Where) -> list[User]:
    """The users that match, oldest first."""
    statement = sa.select(users).where(*rows.conditions(users, where))
    found = connection.execute(statement.order_by(users.c.created_at, users.c.id))
    return [
        User(
            id=UserId(row.id),
            name=row.name,
            password_hash=row.password_hash,
            enabled=row.enabled,
            default_project_id=row.default_project_id and ProjectId(row.default_project_id),
            extra=row.extra,
        )
        for row in found
    ]


def _values(user: User) -> Mapping[str, object]:
    return {
        "id": user.id,
        "name": user.name,
        "password_hash": user.password_hash,
        "enabled": user.enabled,
        "default_project_id": user.default_project_id,
        "extra": dict(user.extra),
    }
