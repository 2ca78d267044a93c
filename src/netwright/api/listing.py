"""A list's query as a value, and its answer: a page, links to those beside it, some of its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from netwright.api.call import Call
from netwright.control.nouns import View
from netwright.control.queries import MOST_ROWS, Query
from netwright.control.refusals import invalid
from netwright.model.resource import Resource

_MOST_VALUES: Final = 500
_PAGING: Final = frozenset({"limit", "marker", "page_reverse", "sort_key", "sort_dir", "fields"})


def query(call: Call) -> Query:
    """Raises InvalidError for a limit or a direction that makes no sense."""
    filters: dict[str, list[str]] = {}
    for name, value in call.query:
        if name not in _PAGING:
            filters.setdefault(name, []).append(value)
    for name, values in filters.items():
        if len(values) > _MOST_VALUES:
            raise invalid(name[:40], f"at most {_MOST_VALUES} values.")
    return Query(
        filters,
        _sort(call),
        _limit(call),
        call.first("marker"),
        backwards=(call.first("page_reverse") or "").lower() == "true",
    )


def body(resource: Resource, call: Call, asked: Query, views: Sequence[View]) -> View:
    """The answer."""
    found: View = {resource.plural: [chosen(call, view) for view in views]}
    if asked.limit is not None and (links := _links(resource, call, asked, views)):
        found[f"{resource.plural}_links"] = links
    return found


def chosen(call: Call, view: View) -> View:
    """Only the fields that the query names, or all where it names none."""
    fields = {value for name, value in call.query if name == "fields"}
    return {name: value for name, value in view.items() if name in fields} if fields else view


def _sort(call: Call) -> Sequence[tuple[str, bool]]:
    keys = [value for name, value in call.query if name == "sort_key"]
    ways = [value for name, value in call.query if name == "sort_dir"]
    if ways and len(ways) != len(keys):
        raise invalid("sort_dir", "the number of sort_keys and sort_dirs must be the same.")
    if unknown := set(ways) - {"asc", "desc"}:
        raise invalid("sort_dir", f"{min(unknown)[:40]!r} is neither 'asc' nor 'desc'.")
    return [(key, way == "desc") for key, way in zip(keys, ways or ["asc"] * len(keys), strict=True)]


def _limit(call: Call) -> int | None:
    text = call.first("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid("limit", f"{text[:40]!r} is not a number of entries.")
    return min(int(text), MOST_ROWS) or None


def _links(resource: Resource, call: Call, asked: Query, views: Sequence[View]) -> list[View]:
    """To the pages beside it: a page that is not full is the last one in the direction of walking."""
    kept = [(name, value) for name, value in call.query if name not in {"marker", "page_reverse"}]
    full = len(views) == asked.limit
    links: list[View] = []
    if full or asked.backwards:
        links.append({"rel": "next", "href": _href(call, [*kept, *_marker(resource, views[-1:])])})
    if full or not asked.backwards:
        reverse = ("page_reverse", "True")
        links.append(
            {"rel": "previous", "href": _href(call, [*kept, *_marker(resource, views[:1]), reverse])}
        )
    return links


def _marker(resource: Resource, views: Sequence[View]) -> Sequence[tuple[str, str]]:
    return [("marker", str(view[resource.id_name])) for view in views]


def _href(call: Call, asked: Sequence[tuple[str, str]]) -> str:
    return f"{call.base_url}{call.url_path}?{urlencode(asked)}"
