"""A row of the table of resources: the descriptor of one, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.world import Work, World
from netwright.model.caller import Caller
from netwright.model.ids import ProjectId
from netwright.model.resource import Resource
from netwright.store.rows import Where

R = TypeVar("R")
View = dict[str, object]
"""All attributes of one thing, as the Networking API shows them."""
Filter: TypeAlias = "Callable[[Sequence[str], Caller], Where | None]"
"""The texts of which one must hold, and who asks, as a condition on the noun's table; None: it is looked for
in what is shown. Raises InvalidError."""


class Acts(Protocol[R]):
    """What can be done with one kind of thing, within a transaction; each raises RequestError.

    What `find` gives is all that is read of a thing: of it a view is made, and with it the thing is changed.
    """

    def create(self, work: Work, values: Values, caller: Caller) -> View: ...
    def update(self, work: Work, old: R, values: Values, caller: Caller) -> View: ...
    def delete(self, work: Work, old: R) -> None: ...
    def find(self, connection: sa.Connection, where: Where) -> list[R]: ...
    def view(self, thing: R) -> View: ...


@dataclass(frozen=True, slots=True)
class Noun:
    resource: Resource
    acts: Acts[Any]  # nobody but the acts themselves looks into what they find
    table: sa.Table | None = None
    """Where its rows are: what a quota counts."""
    before_list: Callable[[World, ProjectId], None] | None = None
    """Makes what a project has without asking for it."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    """Filters of a list that are no column's, by their names."""
    tell: Callable[[World, sa.Connection, list[View]], None] | None = None
    """Adds to views what is known from elsewhere than the noun's own rows."""


Nouns = Mapping[str, Noun]
"""By the plural of each."""
