"""Names and ids, as people write them, to objects."""

from __future__ import annotations

from http import HTTPStatus

from netwright.cli.client import Client
from netwright.cli.errors import RefusedError
from netwright.cli.identity_nouns import PROJECT
from netwright.cli.nouns import BY_PLURAL, Item, Join, Noun
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import UUID_FORM


def find(client: Client, noun: Noun, reference: str) -> Item:
    """The object of that id, else the one of that name. Raises NotFoundError, InvalidError if ambiguous."""
    if reference and (noun.is_identity or UUID_FORM.fullmatch(reference.lower())):
        try:
            return client.show(noun, reference)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND or noun.name == "id":
                raise
    elif noun.name == "id" or not reference:
        raise NotFoundError(noun.word, reference)
    return _only(noun, reference, client.list(noun, [(noun.name, reference)]))


def find_id(client: Client, noun: Noun, reference: str) -> str:
    """The id of what `find` finds."""
    return str(find(client, noun, reference)["id"])


def find_project_id(client: Client, reference: str) -> str:
    """What `find_id` finds of projects; what is given, where the server keeps none of its own."""
    try:
        return find_id(client, PROJECT, reference)
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return reference


def _only(noun: Noun, reference: str, found: list[Item]) -> Item:
    named = [item for item in found if item.get(noun.name) == reference]
    if not named:
        raise NotFoundError(noun.word, reference)
    if len(named) > 1:
        ids = ", ".join(str(item["id"]) for item in named)
        raise InvalidError(
            f"there are {len(named)} {noun.words} named {reference!r}, name one by its id: {ids}"
        )
    return named[0]


def joined(client: Client, noun: Noun, items: list[Item], wanted: tuple[str, ...]) -> list[Item]:
    """The items with the further columns that their noun's joins give, where those are wanted."""
    joins = [join for join in noun.joins if join.key in wanted] if items else []
    tables = {join.key: _table(client, join) for join in joins}
    return [
        {**item, **{join.key: tables[join.key].get(str(item.get(join.mine)), []) for join in joins}}
        for item in items
    ]


def _table(client: Client, join: Join) -> dict[str, list[object]]:
    table: dict[str, list[object]] = {}
    for other in client.list(BY_PLURAL[join.plural]):
        table.setdefault(str(other.get(join.theirs)), []).append(other.get(join.take) or other.get("id"))
    return table
