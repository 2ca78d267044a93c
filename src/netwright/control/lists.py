"""Lists: filtered, sorted and in pages, by the database where it can be, else on what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from netwright.control import policy, queries
from netwright.control.nouns import Noun, View
from netwright.control.queries import Query
from netwright.control.refusals import invalid
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError
from netwright.model.resource import Reach, Resource
from netwright.store import pages, rbac, tags
from netwright.store.pages import NoSuchMarkerError
from netwright.store.rows import Where


def find(connection: sa.Connection, noun: Noun, caller: Caller, within: Where, query: Query) -> list[View]:
    """Those of `within` that the query asks for. Raises InvalidError."""
    where, left = queries.conditions(noun, caller, query)
    wanted = {**within, **where}
    page = None if left else queries.page(noun, query)
    if page is not None and noun.table is not None:
        try:
            ids = pages.ids(connection, noun.table, wanted, page)
        except NoSuchMarkerError:
            raise _no_marker(query) from None
        found = (
            {view[noun.resource.id_name]: view for view in noun.acts.find(connection, {"id": ids})}
            if ids
            else {}
        )
        return dressed(connection, noun.resource, caller, [found[one] for one in ids])
    views = dressed(connection, noun.resource, caller, noun.acts.find(connection, wanted))
    return _paged(_sorted(_filtered(views, left), noun.resource.id_name, query), noun.resource.id_name, query)


def dressed(
    connection: sa.Connection, resource: Resource, caller: Caller, views: list[View], *, new: bool = False
) -> list[View]:
    """With tags (what is new has none) and what is shared, without what the caller does not see."""
    if resource.tags and views:
        tagged = {} if new else tags.of(connection, [str(view["id"]) for view in views])
        for view in views:
            view["tags"] = tagged.get(str(view["id"]), [])
    if resource.rbac is not None and resource.reach is Reach.PROJECT:
        shared = rbac.shared_with(connection, resource.rbac, caller.project)
        for view in views:
            view["shared"] = view["id"] in shared
    for name in policy.hidden(resource, caller):
        for view in views:
            view.pop(name, None)
    return views


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
