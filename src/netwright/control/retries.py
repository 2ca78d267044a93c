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
from netwright.control.seals import seal_of
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.caller import Caller
from netwright.store import answers

KEPT: Final = timedelta(hours=24)


def once(
    work: Work, caller: Caller, key: str | None, asked: Sequence[object], act: Callable[[], list[View]]
) -> list[View]:
    """What `act` makes, or what it made when the same user asked the same with that key.

    There are secrets in what is made: it is kept so that the key alone opens it.

    Raises ConflictError, InvalidError for a key that is none.
    """
    if key is None:
        return act()
    if not key.strip():
        raise invalid("Idempotency-Key", "must not be empty.")
    project = caller.project or DEFAULT_PROJECT
    seal = seal_of((project, caller.user_id or "", text.line(key, "Idempotency-Key")))
    digest = _digest(asked)
    before = answers.find(work.connection, project, seal.name)
    if before is None:
        made = act()
        closed = seal.close(json.dumps(made).encode(), digest)
        answers.keep(work.connection, project, seal.name, closed, work.now)
        return made
    opened = seal.open(before, digest)
    if opened is None:
        message = "Idempotency-Key: it was given with another request."
        raise NamedConflictError("IdempotencyKeyReused", message, "Idempotency-Key")
    views: list[View] = json.loads(opened)
    return views


def forget_old(world: World) -> None:
    """Answers are kept for a day."""
    with world.database.write() as connection:
        answers.forget(connection, world.clock() - KEPT)


def _digest(asked: Sequence[object]) -> bytes:
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=_plain).encode()).digest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
