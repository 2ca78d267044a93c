"""Tags: texts that a user puts on a thing, and finds things by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import sqlalchemy as sa

from netwright.control.nouns import Noun, View
from netwright.control.refusals import invalid
from netwright.control.world import Work
from netwright.model.errors import NotFoundError
from netwright.model.kinds import ListOf
from netwright.model.resource import TAG
from netwright.store import rows
from netwright.store import tags as store
from netwright.store.rows import Either, Where

MOST: Final = 50
"""Tags of one thing."""
_WANTED: Final = ListOf(TAG, most=MOST, unique=True)


def read(value: object) -> list[str]:
    """The tags of a body. Raises InvalidError."""
    return [str(tag) for tag in _WANTED.read(value, "tags")]


def replace(work: Work, noun: Noun, thing: View, wanted: Collection[str]) -> None:
    """Those, and no others."""
    old = _of(work, thing)
    if set(old) == set(wanted):
        return
    store.remove(work.connection, str(thing["id"]))
    store.add(work.connection, str(thing["id"]), wanted)
    _count_up(work, noun, thing)


def add(work: Work, noun: Noun, thing: View, more: Collection[str]) -> list[str]:
    """Beside those that it has; all of them then. Raises InvalidError where they are too many."""
    for tag in more:
        TAG.read(tag, "tags")
    old = _of(work, thing)
    new = sorted({*old, *more})
    if len(new) > MOST:
        raise invalid("tags", f"at most {MOST}.")
    replace(work, noun, thing, new)
    return new


def remove(work: Work, noun: Noun, thing: View, tag: str) -> None:
    """Raises NotFoundError where it does not have it."""
    if not store.remove(work.connection, str(thing["id"]), tag):
        raise NotFoundError("Tag", tag)
    _count_up(work, noun, thing)


def matching(table: sa.Table, query: Iterable[tuple[str, str]]) -> Where:
    """What the filters of a query ask for, each with texts joined by commas."""
    found: dict[str, Either] = {}
    for at, (name, value) in enumerate(query):
        if name in _CHOSEN and (wanted := {tag for tag in value.split(",") if tag}):
            found[f"{name} {at}"] = Either([{"id": _CHOSEN[name](table, wanted)}])
    return found


def _of(work: Work, thing: View) -> Collection[str]:
    return store.of(work.connection, (str(thing["id"]),)).get(str(thing["id"]), ())


def _count_up(work: Work, noun: Noun, thing: View) -> None:
    if noun.table is not None:
        rows.save(work.connection, noun.table, {"id": thing["id"]}, work.now)


def _all(table: sa.Table, wanted: Collection[str]) -> sa.Select[tuple[str]]:
    del table
    return store.with_all(wanted)


def _any(table: sa.Table, wanted: Collection[str]) -> sa.Select[tuple[str]]:
    del table
    return store.with_any(wanted)


def _not_all(table: sa.Table, wanted: Collection[str]) -> sa.Select[tuple[str]]:
    return sa.select(table.c.id).where(table.c.id.not_in(store.with_all(wanted)))


def _none(table: sa.Table, wanted: Collection[str]) -> sa.Select[tuple[str]]:
    return sa.select(table.c.id).where(table.c.id.not_in(store.with_any(wanted)))


_CHOSEN: Final[Mapping[str, Callable[[sa.Table, Collection[str]], sa.Select[tuple[str]]]]] = {
    "tags": _all,
    "tags-any": _any,
    "not-tags": _not_all,
    "not-tags-any": _none,
}
FILTERS: Final = frozenset(_CHOSEN)
