"""What requests that may be retried were answered, by the key that the client gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from netwright.store.tables import answers


@dataclass(frozen=True, slots=True)
class Answer:
    """`asked` is a digest of the request, `made` what it was answered."""

    asked: str
    made: tuple[Mapping[str, object], ...]


def find(connection: sa.Connection, project: str, key: str) -> Answer | None:
    same = (answers.c.project_id == project, answers.c.key == key)
    row = connection.execute(sa.select(answers.c.asked, answers.c.made).where(*same)).first()
    return None if row is None else Answer(row.asked, tuple(row.made))


def keep(connection: sa.Connection, project: str, key: str, answer: Answer, now: datetime) -> None:
    values = {"project_id": project, "key": key, "asked": answer.asked, "made": list(answer.made), "at": now}
    connection.execute(answers.insert(), values)


def forget(connection: sa.Connection, before: datetime) -> None:
    """Those that are older."""
    connection.execute(answers.delete().where(answers.c.at < before))
