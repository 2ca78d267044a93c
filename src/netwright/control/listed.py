"""Nouns that nobody makes, changes or deletes: what there is follows from other things."""

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
class Listed:
    """Acts on them."""

    make: Callable[[sa.Connection, Where], list[View]]

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del work, values, caller
        raise ForbiddenError("It cannot be created.")

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        del work, old, values, caller
        raise ForbiddenError("It cannot be changed.")

    def delete(self, work: Work, old: View) -> None:
        del work, old
        raise ForbiddenError("It cannot be deleted.")

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return self.make(connection, where)

    def view(self, thing: View) -> View:
        return thing
