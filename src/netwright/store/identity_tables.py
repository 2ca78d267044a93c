"""The tables of identity: who there is, what they may do where, and the hashes of what proves it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from netwright.store.tables import ID, METADATA, NAME, UtcTime

projects: Final = sa.Table(
    "projects",
    METADATA,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("name", NAME, nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("extra", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

users: Final = sa.Table(
    "users",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False, unique=True),
    sa.Column("password_hash", sa.String(255)),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("default_project_id", NAME),
    sa.Column("extra", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)


def _user(*, key: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("users.id", ondelete="CASCADE")
    return sa.Column("user_id", ID, owner, primary_key=key, nullable=False, index=not key)


def _project(*, key: bool = False, nullable: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("projects.id", ondelete="CASCADE")
    return sa.Column("project_id", NAME, owner, primary_key=key, nullable=nullable, index=True)


role_assignments: Final = sa.Table(
    "role_assignments",
    METADATA,
    _user(key=True),
    _project(key=True),
    sa.Column("role", sa.String(8), primary_key=True),
)

application_credentials: Final = sa.Table(
    "application_credentials",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _user(),
    _project(),
    sa.Column("name", NAME, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("unrestricted", sa.Boolean, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

tokens: Final = sa.Table(
    "tokens",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    _user(),
    _project(nullable=True),
    sa.Column(
        "credential_id", ID, sa.ForeignKey("application_credentials.id", ondelete="CASCADE"), index=True
    ),
    sa.Column("methods", sa.JSON, nullable=False),
    sa.Column("audit_id", sa.String(32), nullable=False),
    sa.Column("issued_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
"""By SHA-256 of the token: who reads the database has nobody's."""

identity_revision: Final = sa.Table(
    "identity_revision",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
)
"""At most one row, counted up by each change that could make a proof mean something else."""
