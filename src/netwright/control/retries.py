"""A request with a key (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header) is done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from netwright.control import text
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.caller import Caller
from netwright.store import answers
from netwright.store.answers import Answer

KEPT: Final = timedelta(hours=24)


def once(
    work: Work, caller: Caller, key: str | None, asked: Sequence[object], act: Callable[[], list[View]]
) -> list[View]:
    """What `act` makes, or what it made when the same user asked the same with that key.

    Raises ConflictError, InvalidError for a key that is none.
    """
    if key is None:
        return act()
    if not key.strip():
        raise invalid("Idempotency-Key", "must not be empty.")
    project = caller.project or DEFAULT_PROJECT
    key, digest = _digest((caller.user_id, text.line(key, "Idempotency-Key"))), _digest(asked)
    before = answers.find(work.connection, project, key)
    if before is None:
        made = act()
        answers.keep(work.connection, project, key, Answer(digest, tuple(made)), work.now)
        return made
    if before.asked != digest:
        message = "Idempotency-Key: it was given with another request."
        raise NamedConflictError("IdempotencyKeyReused", message, "Idempotency-Key")
    return [dict(view) for view in before.made]


def forget_old(world: World) -> None:
    """Answers are kept for a day."""
    with world.database.write() as connection:
        answers.forget(connection, world.clock() - KEPT)


def _digest(asked: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
