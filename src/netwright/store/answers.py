"""What requests that may be retried were answered, sealed, by what is made of the client's key."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from netwright.store.tables import answers


def find(connection: sa.Connection, project: str, key: str) -> bytes | None:
    same = (answers.c.project_id == project, answers.c.key == key)
    return connection.execute(sa.select(answers.c.sealed).where(*same)).scalar()


def keep(connection: sa.Connection, project: str, key: str, sealed: bytes, now: datetime) -> None:
    connection.execute(answers.insert(), {"project_id": project, "key": key, "sealed": sealed, "at": now})


def forget(connection: sa.Connection, before: datetime) -> None:
    """Those that are older."""
    connection.execute(answers.delete().where(answers.c.at < before))
