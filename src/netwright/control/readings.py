"""Nouns that nobody makes: they are told from what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import sqlalchemy as sa

from netwright.control import policy
from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.resource import Resource, Verb
from netwright.store.rows import Where


@dataclass(frozen=True, slots=True)
class Readings:
    """Acts of a resource whose verbs are to list and to show."""

    resource: Resource
    told: Callable[[sa.Connection, Where], list[View]]

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del work, values, caller
        self._refuse(Verb.CREATE)

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        del work, old, values, caller
        self._refuse(Verb.UPDATE)

    def delete(self, work: Work, old: View) -> None:
        del work, old
        self._refuse(Verb.DELETE)

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return self.told(connection, where)

    def _refuse(self, verb: Verb) -> NoReturn:
        raise policy.disallowed(f"{verb}_{self.resource.singular}")
