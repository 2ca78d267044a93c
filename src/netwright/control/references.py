"""Ids that a request's body names: each must be of a thing that the caller sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import sqlalchemy as sa

from netwright.control import visibility
from netwright.control.bodies import Values
from netwright.control.nouns import Nouns
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.kinds import Anything, Kind, ListOf, OneOf, Record, Uuid
from netwright.model.resource import Resource
from netwright.store import rows


def refuse_unknown(
    connection: sa.Connection, nouns: Nouns, resource: Resource, values: Values, caller: Caller
) -> None:
    """Raises NotFoundError."""
    wanted = {pair for name, value in values.items() for pair in _named(resource.by_name[name].kind, value)}
    for one in sorted(wanted):
        refuse_unseen(connection, nouns, one, caller)


def refuse_unseen(connection: sa.Connection, nouns: Nouns, one: tuple[str, str], caller: Caller) -> None:
    """One thing, by its plural and its id. Raises NotFoundError."""
    plural, thing = one
    noun = nouns.get(plural)
    if noun is None or noun.table is None:
        return
    where = {"id": (thing,), **visibility.seen(noun.resource, caller)}
    if not rows.exists(connection, noun.table, where):
        raise NotFoundError(noun.resource.error_noun, thing)


def _named(kind: Kind, value: object) -> Iterator[tuple[str, str]]:
    """The ids in a value, each with the plural of what it is the id of."""
    match kind:
        case Uuid(of) if of and isinstance(value, str):
            yield of, value
        case OneOf(kinds):
            yield from _named(_taken(kinds, value), value)
        case ListOf(one) if isinstance(value, list):
            for member in value:
                yield from _named(one, member)
        case Record(members) if isinstance(value, dict):
            for name, member in value.items():
                yield from _named(members[name].kind, member)
        case _:
            return


def _taken(kinds: Sequence[Kind], value: object) -> Kind:
    """The kind that a value, which is in its normal form, is of."""
    for kind in kinds:
        with suppress(InvalidError):
            if kind.read(value, "") == value:
                return kind
    return Anything()
