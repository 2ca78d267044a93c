"""Nouns that are no more than their attributes: one row each, with checks and effects of the noun's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.resource import Resource
from netwright.store import documents as store
from netwright.store import rows
from netwright.store.rows import Where


def as_given(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Nothing to check."""
    del work, old, caller
    return values


def nothing_changes(work: Work, old: View | None, new: View | None) -> None:
    """No effect beyond the row."""
    del work, old, new


def shown_as_kept(connection: sa.Connection, views: list[View]) -> None:
    """Nothing to add."""
    del connection, views


@dataclass(frozen=True, slots=True)
class Documents:
    """Acts on the rows of one table, whose columns bear the attributes' names.

    `checked` sees what was there (None for a new one) and the values, and gives those that are to be kept;
    `changed` tells hosts and other things after the write, and before a deletion (new is None) may refuse it;
    `shown` adds what is not kept in the row.
    """

    resource: Resource
    table: sa.Table
    checked: Callable[[Work, View | None, Values, Caller], Values] = as_given
    changed: Callable[[Work, View | None, View | None], None] = nothing_changes
    shown: Callable[[sa.Connection, list[View]], None] = shown_as_kept

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        values = self.checked(work, None, {**values, "id": work.world.new_id()}, caller)
        store.insert(work.connection, self.table, self._kept(values), work.now)
        new = self._one(work.connection, str(values["id"]))
        self.changed(work, None, new)
        return new

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        values = self.checked(work, old, values, caller)
        store.save(work.connection, self.table, str(old["id"]), self._kept(values), work.now)
        new = self._one(work.connection, str(old["id"]))
        self.changed(work, old, new)
        return new

    def delete(self, work: Work, old: View) -> None:
        self.changed(work, old, None)
        rows.delete(work.connection, self.table, str(old["id"]))

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        views = [self._view(row) for row in store.find(connection, self.table, where)]
        self.shown(connection, views)
        return views

    def view(self, thing: View) -> View:
        return thing

    def _one(self, connection: sa.Connection, thing: str) -> View:
        return self.find(connection, {"id": (thing,)})[0]

    def _kept(self, values: Values) -> Values:
        return {name: value for name, value in values.items() if name in self.table.c}

    def _view(self, row: dict[str, object]) -> View:
        view = {name: row[name] for name in self.resource.by_name if name in row}
        if "project_id" in row:
            view["project_id"] = view["tenant_id"] = row["project_id"]
        return view | {name: value for name, value in _stamped(row).items() if name in self.resource.by_name}


def _stamped(row: dict[str, object]) -> View:
    made, changed = row.get("created_at"), row.get("updated_at")
    if not isinstance(made, datetime) or not isinstance(changed, datetime):
        return {}
    return {
        "created_at": moment(made),
        "updated_at": moment(changed),
        "revision_number": row["revision"],
    }


def moment(when: datetime) -> str:
    """As the Networking API writes it."""
    return f"{when.isoformat(timespec='seconds').removesuffix('+00:00')}Z"  # strftime takes ten times as long
