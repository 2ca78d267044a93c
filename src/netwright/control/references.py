"""Ids that a request's body names: each must be of a thing that the caller sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import sqlalchemy as sa

from netwright.control import policy, visibility
from netwright.control.bodies import Values
from netwright.control.nouns import Noun, Nouns
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.kinds import Anything, Checked, Emptiable, Kind, ListOf, OneOf, Record, Uuid
from netwright.model.resource import Resource
from netwright.store import rows


def refuse_unknown(
    connection: sa.Connection, nouns: Nouns, resource: Resource, values: Values, caller: Caller
) -> None:
    """Raises NotFoundError, and ForbiddenError for what the caller sees and may not build upon."""
    wanted: dict[tuple[str, str], bool] = {}
    for name, value in values.items():
        attribute = resource.by_name[name]
        for pair in _named(attribute.kind, value):
            wanted[pair] = wanted.get(pair, False) or attribute.own
    for (plural, thing), own in sorted(wanted.items()):
        noun = nouns.get(plural)
        if noun is None or _is_own(connection, noun, thing, caller):  # mostly, and found out at less cost
            continue
        refuse_unseen(connection, noun, thing, caller)
        if own and not caller.is_admin:
            raise policy.disallowed(f"{resource.singular} of another project's {noun.resource.singular}")


def refuse_unseen(connection: sa.Connection, noun: Noun, thing: str, caller: Caller) -> None:
    """Raises NotFoundError."""
    if noun.table is None:
        return
    where = {"id": (thing,), **visibility.seen(noun.resource, caller)}
    if not rows.exists(connection, noun.table, where):
        raise NotFoundError(noun.resource.error_noun, thing)


def _is_own(connection: sa.Connection, noun: Noun, thing: str, caller: Caller) -> bool:
    if caller.is_admin or noun.table is None or "project_id" not in noun.table.c:
        return False
    return rows.exists(connection, noun.table, {"id": (thing,), "project_id": (caller.project,)})


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
        case Checked(one) | Emptiable(one) if value is not None:
            yield from _named(one, value)
        case _:
            return


def _taken(kinds: Sequence[Kind], value: object) -> Kind:
    """The kind that a value, which is in its normal form, is of."""
    for kind in kinds:
        with suppress(InvalidError):
            if kind.read(value, "") == value:
                return kind
    return Anything()
