"""A list as the query wants it: filtered, sorted, in pages, with some of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from netwright.api.call import Call
from netwright.control import policy, tags
from netwright.control.nouns import Noun, View
from netwright.control.refusals import invalid
from netwright.model.resource import Resource
from netwright.store.rows import Where

_MOST_SORT_KEYS: Final = 8


def where(noun: Noun, call: Call) -> Where:
    """The part of the filters that the database can do."""
    found: dict[str, list[object]] = {}
    unseen = policy.hidden(noun.resource, call.caller)
    for name, value in call.query:
        if name in noun.resource.columns and name not in unseen:
            found.setdefault(noun.resource.columns[name], []).append(value)
    if noun.resource.tags and noun.table is not None:
        return {**found, **tags.matching(noun.table, call.query)}
    return found


def listing(resource: Resource, call: Call, views: Iterable[View]) -> View:
    """The body of the answer. Raises InvalidError for a sort key, limit or marker that makes no sense."""
    found = _sorted(resource, call, _filtered(resource, call, views))
    page, links = _page(resource, call, found)
    body: View = {resource.plural: [chosen(call, view) for view in page]}
    if links:
        body[f"{resource.plural}_links"] = links
    return body


def chosen(call: Call, view: View) -> View:
    """Only the fields that the query names, or all where it names none."""
    fields = {value for name, value in call.query if name == "fields"}
    return {name: value for name, value in view.items() if name in fields} if fields else view


def _filtered(resource: Resource, call: Call, views: Iterable[View]) -> list[View]:
    """Attributes that the caller sees must match one of the values; others are no filters."""
    wanted: dict[str, set[str]] = {}
    unseen = policy.hidden(resource, call.caller)
    here = {one.name for one in resource.attributes if one.filters and one.column is None}
    for name, value in call.query:
        if name in here and name not in unseen:
            wanted.setdefault(name, set()).add(value)
    return [
        view for view in views if all(_matches(view.get(name), values) for name, values in wanted.items())
    ]


def _matches(value: object, wanted: set[str]) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in {word.lower() for word in wanted} or str(int(value)) in wanted
    if isinstance(value, list | tuple):
        return any(_contains(one, wanted) for one in value)
    return ("" if value is None else str(value)) in wanted


def _contains(one: object, wanted: set[str]) -> bool:
    """`fixed_ips=ip_address=10.0.0.5` asks for an element with that."""
    if isinstance(one, dict):
        return any(f"{name}={value}" in wanted for name, value in one.items())
    return str(one) in wanted


def _sorted(resource: Resource, call: Call, views: list[View]) -> list[View]:
    keys = [value for name, value in call.query if name == "sort_key"]
    ways = [value for name, value in call.query if name == "sort_dir"]
    if len(keys) > _MOST_SORT_KEYS:
        raise invalid("sort_key", f"at most {_MOST_SORT_KEYS}.")
    if ways and len(ways) != len(keys):
        raise invalid("sort_dir", "there must be as many as sort_key.")
    if not keys and call.first("limit") is not None:
        keys = [resource.key]
    # Sorting is stable, so the last key goes first.
    for key, way in reversed(list(zip(keys, ways or ["asc"] * len(keys), strict=True))):
        if key not in resource.by_name or key in policy.hidden(resource, call.caller):
            raise invalid("sort_key", f"{key[:40]!r} is not an attribute of a {resource.singular}.")
        if way not in {"asc", "desc"}:
            raise invalid("sort_dir", "must be 'asc' or 'desc'.")
        views = sorted(views, key=lambda view: _order(view.get(key)), reverse=way == "desc")  # used at once
    return views


def _order(value: object) -> tuple[int, int, str]:
    """Numbers by their size, before text; null first of all."""
    if value is None:
        return 0, 0, ""
    return (1, int(value), "") if isinstance(value, int) else (2, 0, str(value))


def _page(resource: Resource, call: Call, views: Sequence[View]) -> tuple[Sequence[View], list[View]]:
    limit, marker = _limit(call), call.first("marker")
    backwards = (call.first("page_reverse") or "").lower() == "true"
    ordered = list(reversed(views)) if backwards else list(views)
    if marker is not None:
        ids = [view.get(resource.key) for view in ordered]
        if marker not in ids:
            raise invalid("marker", f"there is no {marker[:40]!r} in the list.")
        ordered = ordered[ids.index(marker) + 1 :]
    if limit is None:
        page, more = ordered, False
    else:
        page, more = ordered[:limit], len(ordered) > limit
    if backwards:
        page = list(reversed(page))
    keys = [str(view.get(resource.key)) for view in page]
    return page, _links(
        call, keys, forwards=more or backwards, back=more if backwards else marker is not None
    )


def _limit(call: Call) -> int | None:
    text = call.first("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid("limit", f"{text[:40]!r} is not a number of entries.")
    return int(text) or None


def _links(call: Call, keys: Sequence[str], *, forwards: bool, back: bool) -> list[View]:
    """`keys`: of what is on the page."""
    if not keys or _limit(call) is None:
        return []
    kept = [(name, value) for name, value in call.query if name not in {"marker", "page_reverse"}]
    links: list[View] = []
    if forwards:
        links.append({"rel": "next", "href": _href(call, [*kept, ("marker", keys[-1])])})
    if back:
        reverse = [("marker", keys[0]), ("page_reverse", "True")]
        links.append({"rel": "previous", "href": _href(call, [*kept, *reverse])})
    return links


def _href(call: Call, query: Sequence[tuple[str, str]]) -> str:
    return f"{call.base_url}{call.url_path}?{urlencode(query)}"
