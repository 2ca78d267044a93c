"""What anybody can ask of any resource: policy, preconditions, quotas and the act, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from netwright.control import (
    bodies,
    limits,
    lists,
    policy,
    queries,
    references,
    retries,
    sharing,
    text,
    visibility,
)
from netwright.control.bodies import Values
from netwright.control.lists import dressed
from netwright.control.nouns import Noun, Nouns, View
from netwright.control.queries import Query
from netwright.control.sharing import Shared
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.caller import Caller
from netwright.model.errors import NotFoundError, PreconditionError
from netwright.model.ids import ProjectId
from netwright.model.kinds import Uuid
from netwright.model.resource import Resource, Verb
from netwright.store import rbac, rows, tags
from netwright.store.rows import Where
from netwright.store.tables import networks

V = TypeVar("V")
_MOST_PROJECTS: Final = 16


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, beneath which parent, and what must hold."""

    caller: Caller
    parent: str | None = None
    """The id of the parent that the path names."""
    revision: int | None = None
    """The revision that the thing must have (`If-Match`)."""
    key: str | None = None
    """What a retried creation is known by (`Idempotency-Key`)."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One thing, read once."""

    thing: Any  # what its noun's acts find
    view: View


@dataclass(frozen=True, slots=True)
class Requests:
    """All that can be asked of one world. Every method raises RequestError."""

    world: World
    nouns: Nouns

    def create(self, noun: Noun, asker: Asker, given: Sequence[Mapping[str, object]]) -> list[View]:
        """All of them or none."""
        resource = noun.resource
        named = [bodies.read(resource, Verb.CREATE, one) for one in given]
        policy.refuse_verb(resource, Verb.CREATE, asker.caller)
        with self.world.work(asker.caller) as work:
            asked = (resource.collection, asker.parent, named)
            act = partial(self._made, work, noun, asker, named)
            views = retries.once(work, asker.caller, asker.key, asked, act)
            policy.undress(resource, asker.caller, views)  # who asks again may have another role by now
            return views

    def _made(self, work: Work, noun: Noun, asker: Asker, named: Sequence[Values]) -> list[View]:
        resource = noun.resource
        wanted = [bodies.with_defaults(resource, values) for values in named]
        for values, by_user in zip(wanted, named, strict=True):
            self._prepare(work, noun, asker.caller, values, by_user)
        beneath = self._beneath(work.connection, noun, asker)
        wanted = [{**values, **beneath} for values in wanted]
        limits.refuse_over(work, resource.quota, noun.table, [str(one["project_id"]) for one in wanted])
        made = [noun.acts.create(work, values, asker.caller) for values in wanted]
        for view, values in zip(made, wanted, strict=True):
            if values.get("shared"):
                _share(work, resource, view, values)
            _tag(work, resource, view, values)
            self._revise(work, resource, view)
        return dressed(work.connection, resource, asker.caller, made, new=True)

    def update(self, noun: Noun, asker: Asker, thing: str, given: Mapping[str, object]) -> View:
        resource, caller = noun.resource, asker.caller
        values = bodies.read(resource, Verb.UPDATE, given)
        with self.world.work(asker.caller) as work:
            old = self._held(work.connection, noun, asker, thing, Verb.UPDATE)
            network = old.view.get("network_id")
            references.refuse_unknown(work.connection, self.nouns, resource, values, caller)
            policy.refuse_attributes(work.connection, resource, Verb.UPDATE, caller, values, network)
            new = noun.acts.update(work, old.thing, values, caller)
            _share(work, resource, new, values)
            self._revise(work, resource, new)
            return lists.told(work.world, work.connection, noun, caller, [new])[0]

    def delete(self, noun: Noun, asker: Asker, thing: str) -> None:
        with self.world.work(asker.caller) as work:
            old = self._held(work.connection, noun, asker, thing, Verb.DELETE)
            noun.acts.delete(work, old.thing)
            self._revise(work, noun.resource, old.view)

    def _revise(self, work: Work, resource: Resource, view: View) -> None:
        """Counts up what the thing is part of."""
        kind = resource.by_name[resource.revises].kind if resource.revises else None
        if isinstance(kind, Uuid) and (table := self.nouns[kind.of].table) is not None:
            rows.save(work.connection, table, {"id": view[resource.revises]}, work.now)

    def show(self, noun: Noun, asker: Asker, thing: str) -> View:
        policy.refuse_unseen(noun.resource, asker.caller, thing)
        with self.world.look() as connection:
            within = self._within(connection, noun, asker)
            view = self._one(connection, noun, asker.caller, thing, within).view
            return lists.told(self.world, connection, noun, asker.caller, [view])[0]

    def find(self, noun: Noun, asker: Asker, query: Query) -> list[View]:
        """Those that the caller sees and the query asks for, oldest first where it names no order."""
        queries.check(noun, asker.caller, query)
        if asker.caller.role < noun.resource.roles[Verb.LIST]:
            return []
        if noun.before_list is not None:
            for project in _projects(asker.caller, query):
                noun.before_list(self.world, project)
        with self.world.look() as connection:
            within = {**self._within(connection, noun, asker), **visibility.seen(noun.resource, asker.caller)}
            return lists.find(self.world, connection, noun, asker.caller, within, query)

    def change(
        self, noun: Noun, asker: Asker, thing: str, act: Callable[[Work, View], V], verb: Verb = Verb.UPDATE
    ) -> V:
        """Something else that can be done with a thing, by who may do that verb."""
        with self.world.work(asker.caller) as work:
            return act(work, self.held(work.connection, noun, asker, thing, verb))

    def act(self, noun: Noun, asker: Asker, thing: str, act: Callable[[Work, Any], View]) -> View:
        """The thing after something else was done with what the noun's acts found, by who may update it."""
        with self.world.work(asker.caller) as work:
            new = act(work, self._held(work.connection, noun, asker, thing, Verb.UPDATE).thing)
            return lists.told(self.world, work.connection, noun, asker.caller, [new])[0]

    def held(self, connection: sa.Connection, noun: Noun, asker: Asker, thing: str, verb: Verb) -> View:
        """The thing, which the caller may change so, as it has to be."""
        return self._held(connection, noun, asker, thing, verb).view

    def _held(self, connection: sa.Connection, noun: Noun, asker: Asker, thing: str, verb: Verb) -> _Found:
        policy.refuse_unseen(noun.resource, asker.caller, thing)
        beneath = self._beneath(connection, noun, asker)
        within = {name: (parent,) for name, parent in beneath.items()}
        old = self._one(connection, noun, asker.caller, thing, within)
        _refuse_change(connection, noun, asker.caller, old.view, verb)
        if asker.revision is not None and old.view.get("revision_number") != asker.revision:
            now = old.view.get("revision_number")
            message = f"Constrained to {asker.revision}, but current revision is {now}"
            raise PreconditionError(message, "If-Match")
        return old

    def _beneath(self, connection: sa.Connection, noun: Noun, asker: Asker) -> Values:
        """The parent that the path names, which the caller may change, as things of it bear it."""
        above = noun.resource.parent
        if above is None:
            return {}
        parent = self._parent(connection, noun, asker)
        _refuse_change(connection, self.nouns[above.plural], asker.caller, parent, Verb.UPDATE)
        return {above.attribute: parent["id"]}

    def _prepare(self, work: Work, noun: Noun, caller: Caller, values: Values, by_user: Values) -> None:
        resource = noun.resource
        network = values.get("network_id")
        project = bodies.take_project(values, caller) or _owner(work.connection, network)
        values["project_id"] = values["tenant_id"] = project
        references.refuse_unknown(work.connection, self.nouns, resource, by_user, caller)
        policy.refuse_attributes(work.connection, resource, Verb.CREATE, caller, by_user, network)

    @staticmethod
    def _one(connection: sa.Connection, noun: Noun, caller: Caller, thing: str, within: Where) -> _Found:
        for seen in visibility.ways(noun.resource, caller):
            for one in noun.acts.find(connection, {noun.resource.key: (thing,), **within, **seen}):
                return _Found(one, noun.acts.view(one))
        raise NotFoundError(noun.resource.error_noun, thing)

    def _within(self, connection: sa.Connection, noun: Noun, asker: Asker) -> Where:
        """Of the parent that the path names."""
        if noun.resource.parent is None or asker.parent is None:
            return {}
        return {noun.resource.parent.attribute: (self._parent(connection, noun, asker)["id"],)}

    def _parent(self, connection: sa.Connection, noun: Noun, asker: Asker) -> View:
        """The parent that the path names. Raises NotFoundError."""
        above = noun.resource.parent
        if above is None or asker.parent is None:
            raise NotFoundError(noun.resource.error_noun, asker.parent or "")
        return self._one(connection, self.nouns[above.plural], asker.caller, asker.parent, {}).view


def _refuse_change(connection: sa.Connection, noun: Noun, caller: Caller, view: View, verb: Verb) -> None:
    """Raises ForbiddenError."""
    policy.refuse_foreign(connection, noun.resource, verb, caller, view)
    policy.refuse_verb(noun.resource, verb, caller)


def _owner(connection: sa.Connection, network: object) -> str:
    """Whose a thing is that nobody says it of: its network's project's, if it is on one."""
    if network is None:
        return DEFAULT_PROJECT
    return connection.execute(_OWNER, {"network": network}).scalar() or DEFAULT_PROJECT


_OWNER: Final = sa.select(networks.c.project_id).where(networks.c.id == sa.bindparam("network"))


def _projects(caller: Caller, query: Query) -> list[ProjectId]:
    """Those whose things are asked for: an admin names them in a filter, others have their own."""
    named = query.filters.get("project_id", query.filters.get("tenant_id", ()))
    if caller.is_admin and named:
        return [text.project(str(project)) for project in named[:_MOST_PROJECTS]]
    return [caller.project or DEFAULT_PROJECT]


def _tag(work: Work, resource: Resource, view: View, values: Values) -> None:
    """What its body names, where the resource takes tags with it."""
    given = values.get("tags")
    if resource.tags and isinstance(given, list) and given:
        wanted = sorted(str(tag) for tag in given)
        tags.add(work.connection, str(view["id"]), wanted)
        view["tags"] = wanted


def _share(work: Work, resource: Resource, view: View, values: Values) -> None:
    """What its `shared` flag asks for."""
    if resource.rbac is not None and "shared" in values:
        thing = (str(view["id"]), str(view["project_id"]))
        if not values["shared"] and rbac.is_there(work.connection, thing[0], rbac.SHARED):
            sharing.refuse_used(work, Shared(resource.rbac, thing[0]))
        sharing.with_everybody(work, resource.rbac, thing, wanted=bool(values["shared"]))
