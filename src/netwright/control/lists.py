"""Lists: filtered, sorted and in pages, by the database where it can be, else on what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from netwright.control import policy, queries
from netwright.control.nouns import Noun, View
from netwright.control.queries import Query
from netwright.control.refusals import invalid
from netwright.control.world import World
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError
from netwright.model.resource import Reach, Resource
from netwright.store import pages, rbac, tags
from netwright.store.pages import NoSuchMarkerError
from netwright.store.rows import Where


def find(
    world: World, connection: sa.Connection, noun: Noun, caller: Caller, within: Where, query: Query
) -> list[View]:
    """Those of `within` that the query asks for. Raises InvalidError."""
    where, left = queries.conditions(noun, caller, query)
    wanted = {**within, **where}
    page, id_name = None if left else queries.page(noun, query), noun.resource.id_name
    if page is None or noun.table is None:
        views = told(world, connection, noun, caller, _views(connection, noun, wanted))
        return _paged(_sorted(_filtered(views, left), id_name, query), id_name, query)
    try:
        ids = pages.ids(connection, noun.table, wanted, page)
    except NoSuchMarkerError:
        raise _no_marker(query) from None
    found = {view[id_name]: view for view in _views(connection, noun, {"id": ids})} if ids else {}
    return told(world, connection, noun, caller, [found[one] for one in ids])


def told(
    world: World, connection: sa.Connection, noun: Noun, caller: Caller, views: list[View]
) -> list[View]:
    """With what is known from elsewhere, which is nothing yet of a new thing."""
    if noun.tell is not None:
        noun.tell(world, connection, views)
    return dressed(connection, noun.resource, caller, views)


def dressed(
    connection: sa.Connection, resource: Resource, caller: Caller, views: list[View], *, new: bool = False
) -> list[View]:
    """With tags (what is new: of its body) and what is shared, without what the caller does not see."""
    if resource.tags and views:
        tagged = {} if new else tags.of(connection, [str(view["id"]) for view in views])
        for view in views:
            view["tags"] = tagged.get(str(view["id"]), view.get("tags", []))
    if resource.rbac is not None and resource.reach is Reach.PROJECT and views:
        shared = rbac.shared_with(connection, resource.rbac, caller.project)
        for view in views:
            view["shared"] = view["id"] in shared
    policy.undress(resource, caller, views)
    return views


def _views(connection: sa.Connection, noun: Noun, where: Where) -> list[View]:
    return list(map(noun.acts.view, noun.acts.find(connection, where)))


def _filtered(views: list[View], wanted: Mapping[str, Sequence[str]]) -> list[View]:
    if not wanted:
        return views
    return [
        view
        for view in views
        if all(name in view and queries.matches(view[name], values) for name, values in wanted.items())
    ]


def _sorted(views: list[View], id_name: str, query: Query) -> list[View]:
    keys = query.sort
    if query.limit is not None and all(name != id_name for name, _ in keys):
        keys = (*keys, (id_name, False))
    for key, down in reversed(keys):  # sorting is stable, so the last key goes first
        views = sorted(views, key=lambda view: _order(view.get(key)), reverse=down)
    return views


def _order(value: object) -> tuple[int, int, str]:
    """Numbers by their size, before text; null first of all."""
    if value is None:
        return 0, 0, ""
    return (1, int(value), "") if isinstance(value, int) else (2, 0, str(value))


def _paged(views: list[View], id_name: str, query: Query) -> list[View]:
    ordered = views[::-1] if query.backwards else views
    if query.marker is not None:
        ids = [view.get(id_name) for view in ordered]
        if query.marker not in ids:
            raise _no_marker(query)
        ordered = ordered[ids.index(query.marker) + 1 :]
    page = ordered if query.limit is None else ordered[: query.limit]
    return page[::-1] if query.backwards else page


def _no_marker(query: Query) -> InvalidError:
    return invalid("marker", f"there is no {(query.marker or '')[:40]!r} in the list.")
