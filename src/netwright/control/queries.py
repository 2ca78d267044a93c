"""What a list is asked for, as a value, and how much of it the database can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from netwright.control import tags
from netwright.control.nouns import Noun
from netwright.control.refusals import invalid
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError
from netwright.model.kinds import Digits, Flag, IpAddress, ListOf, MacAddress, Number, Prefix, Record
from netwright.model.resource import Attribute
from netwright.store import rbac
from netwright.store.pages import Page
from netwright.store.rows import Condition, Either, NotIn, Since, Where

MOST_ROWS: Final = 1000
"""Of one page; a larger `limit` means this one."""
CHANGED_SINCE: Final = "changed_since"
_MOST_SORT_KEYS: Final = 8
_STAMPS: Final = {"created_at": "created_at", "updated_at": "updated_at", "revision_number": "revision"}
_SHOWN: Final = 40
_PART: Final = "_substr"


@dataclass(frozen=True, slots=True)
class Query:
    """One list: which things, in which order, which part of them."""

    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Attributes, and the texts of which each must be one."""
    sort: Sequence[tuple[str, bool]] = ()
    """Attributes, and whether the largest comes first."""
    limit: int | None = None
    marker: str | None = None
    """The id of the last one before the page, or, backwards, of the first behind it."""
    backwards: bool = False


def check(noun: Noun, caller: Caller, query: Query) -> None:
    """Raises InvalidError for what is no filter, or no sort key."""
    resource = noun.resource
    for name in query.filters:
        attribute = resource.by_name.get(name)
        known = (
            name in noun.filters
            or _is_about_tags(noun, name)
            or (attribute is not None and attribute.filters)
        )
        if not known and not (name == CHANGED_SINCE and "updated_at" in resource.by_name):
            raise invalid(name[:_SHOWN], f"is not a valid filter of {resource.plural}.")
    if len(query.sort) > _MOST_SORT_KEYS:
        raise invalid("sort_key", f"at most {_MOST_SORT_KEYS}.")
    for key, _ in query.sort:
        attribute = resource.by_name.get(key)
        if attribute is None or not _is_sortable(attribute) or caller.role < attribute.see:
            raise invalid("sort_key", f"{key[:_SHOWN]!r} is an invalid attribute for sort keys.")


def conditions(noun: Noun, caller: Caller, query: Query) -> tuple[Where, Mapping[str, Sequence[str]]]:
    """The filters that the database can do, and those that are left. Raises InvalidError."""
    where: dict[str, Condition] = {}
    left: dict[str, Sequence[str]] = {}
    for name, values in query.filters.items():
        if _is_about_tags(noun, name) and noun.table is not None:
            where |= tags.matching(noun.table, [(name, value) for value in values])
            continue
        found = _condition(noun, caller, name, values)
        if found is None:
            left[name] = values
        else:
            where[f"asked {name}"] = Either([found])
    return where, left


def page(noun: Noun, query: Query) -> Page | None:
    """The page, where the database can find it; None: it is done on what is shown."""
    columns = {**_STAMPS, **noun.resource.columns}
    if noun.table is None or "id" not in noun.table.c or (query.limit is None and query.marker is None):
        return None
    if any(name not in columns or columns[name] not in noun.table.c for name, _ in query.sort):
        return None
    order = tuple((columns[name], down) for name, down in query.sort)
    return Page(order, query.limit, query.marker, query.backwards)


def matches(shown: object, wanted: Sequence[str]) -> bool:
    """Whether what is shown is one of these texts; of a list, whether something in it is."""
    if isinstance(shown, bool):
        return str(shown).lower() in {word.lower() for word in wanted} or str(int(shown)) in wanted
    if isinstance(shown, list | tuple):
        return any(_contains(one, wanted) for one in shown)
    return ("" if shown is None else str(shown)) in wanted


def _condition(noun: Noun, caller: Caller, name: str, values: Sequence[str]) -> Where | None:
    resource = noun.resource
    if name in noun.filters:
        return noun.filters[name](values, caller)
    if name == CHANGED_SINCE:
        return {"updated_at": Since(_moment(values[0]))} if noun.table is not None else None
    if name == "shared" and resource.rbac is not None:
        return _shared(resource.rbac, caller, values)
    attribute = resource.by_name[name]
    if caller.role < attribute.see:
        return {}  # what the caller does not see tells nothing
    if attribute.column is None or (noun.table is not None and attribute.column not in noun.table.c):
        return None
    found: Where = {attribute.column: [one for text in values for one in _normal(attribute, text)]}
    private = name in resource.private and not caller.is_admin
    return {**found, "project_id": (caller.project,)} if private else found


def _shared(object_type: str, caller: Caller, values: Sequence[str]) -> Where:
    wanted = {Flag().read(value, "shared") for value in values}
    if len(wanted) == 2:
        return {}
    ids = rbac.ids_shared(object_type, caller.project)
    return {"id": ids if True in wanted else NotIn(ids)}


def _normal(attribute: Attribute, text: str) -> Sequence[object]:
    """The values that the text stands for: nothing given asks for null, too, where there can be one."""
    if text == "":
        return [None] if isinstance(attribute.kind, Flag | Number | Digits) else ["", None]
    if isinstance(attribute.kind, Flag | Number):
        return [attribute.kind.read(text, attribute.name)]
    if isinstance(attribute.kind, Digits):
        return [attribute.kind.number.read(text, attribute.name)]
    if isinstance(attribute.kind, MacAddress | IpAddress | Prefix):
        try:
            return [attribute.kind.read(text, attribute.name)]
        except InvalidError:
            return [text]  # nothing is that
    return [text]


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(CHANGED_SINCE, f"{text[:_SHOWN]!r} is not a time like 2026-01-31T12:00:00.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_about_tags(noun: Noun, name: str) -> bool:
    return name in tags.FILTERS and noun.resource.tags and noun.table is not None


def _is_sortable(attribute: Attribute) -> bool:
    return not isinstance(attribute.kind, ListOf | Record)


def _contains(one: object, wanted: Sequence[str]) -> bool:
    """`fixed_ips=ip_address=10.0.0.5` asks for an element with that, `ip_address_substr=10.0.` for a part."""
    if not isinstance(one, dict):
        return str(one) in wanted
    parts: dict[str, list[str]] = {}
    for text in wanted:
        name, _, value = text.partition("=")
        parts.setdefault(name, []).append(value)
    return all(_has(one, name, values) for name, values in parts.items())


def _has(one: Mapping[str, object], name: str, values: Sequence[str]) -> bool:
    if name in one:
        return str(one[name]) in values
    whole = name.removesuffix(_PART)
    return whole != name and whole in one and any(value in str(one[whole]) for value in values)
