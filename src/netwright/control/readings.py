"""Acts on what can only be read: it follows from other things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError
from netwright.store.rows import Where


@dataclass(frozen=True, slots=True)
class Reading:
    """Its resource has no other verbs than list and show, so that nothing else is ever asked of it."""

    read: Callable[[sa.Connection, Where], list[View]]

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del work, values, caller
        raise _READ_ONLY

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        del work, old, values, caller
        raise _READ_ONLY

    def delete(self, work: Work, old: View) -> None:
        del work, old
        raise _READ_ONLY

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return self.read(connection, where)


_READ_ONLY = ForbiddenError("It can only be read.")
