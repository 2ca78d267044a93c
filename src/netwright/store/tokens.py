"""Tokens as rows, by their hashes; and the count of what changed about who may do what."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from netwright.model.identity import CredentialId, Token, UserId
from netwright.model.ids import ProjectId
from netwright.store import rows
from netwright.store.identity_tables import identity_revision, tokens


def insert(connection: sa.Connection, token_hash: str, token: Token) -> None:
    values = {
        "hash": token_hash,
        "user_id": token.user_id,
        "project_id": token.project_id,
        "credential_id": token.credential_id,
        "methods": list(token.methods),
        "audit_id": token.audit_id,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
    }
    connection.execute(tokens.insert(), values)


def find(connection: sa.Connection, token_hash: str) -> Token | None:
    row = connection.execute(sa.select(tokens).where(tokens.c.hash == token_hash)).first()
    if row is None:
        return None
    return Token(
        user_id=UserId(row.user_id),
        project_id=row.project_id and ProjectId(row.project_id),
        methods=tuple(row.methods),
        audit_id=row.audit_id,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        credential_id=row.credential_id and CredentialId(row.credential_id),
    )


def delete(connection: sa.Connection, where: rows.Where) -> None:
    connection.execute(tokens.delete().where(*rows.conditions(tokens, where)))


def delete_ended(connection: sa.Connection, now: datetime) -> None:
    connection.execute(tokens.delete().where(tokens.c.expires_at <= now))


def keep_newest(connection: sa.Connection, user: UserId, most: int) -> None:
    """Deletes the user's oldest tokens beyond that many."""
    own = sa.select(tokens.c.hash).where(tokens.c.user_id == user)
    surplus = own.order_by(tokens.c.issued_at.desc(), tokens.c.hash).offset(most).limit(most)
    connection.execute(tokens.delete().where(tokens.c.hash.in_(surplus)))


def revision(connection: sa.Connection) -> int:
    """Counted up whenever a proof may have come to mean something else."""
    return connection.execute(sa.select(identity_revision.c.number)).scalar() or 0


def revise(connection: sa.Connection) -> None:
    counted = identity_revision.update().values(number=identity_revision.c.number + 1)
    if not connection.execute(counted).rowcount:
        connection.execute(identity_revision.insert(), {"number": 1})
