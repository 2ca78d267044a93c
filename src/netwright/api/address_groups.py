"""Address groups over HTTP, and the two requests that change which prefixes they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from starlette.responses import Response

from netwright.api import crud
from netwright.api.call import Call, Handler, json_response
from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import address_groups as control
from netwright.control.address_groups import AddressGroupRequest
from netwright.control.bodies import Values
from netwright.control.nouns import Noun, View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.intent import AddressGroup, Prefix
from netwright.model.resources.address_groups import ADDRESSES
from netwright.store import address_groups as store
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.rows import Where

Change = Callable[[Work, Record[AddressGroup], Sequence[Prefix]], Record[AddressGroup]]


class AddressGroups:
    """Acts on address groups."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        body = Fields(values)
        request = AddressGroupRequest(
            project_id=asked_project(body),
            name=body.text("name"),
            description=body.text("description"),
            prefixes=_prefixes(values.get("addresses")),
        )
        return view(control.create_in(work, request))

    def update(self, work: Work, old: Record[AddressGroup], values: Values, caller: Caller) -> View:
        del caller
        body = Fields(values)
        request = AddressGroupRequest(name=body.text("name"), description=body.text("description"))
        return view(control.update_in(work, old, request))

    def delete(self, work: Work, old: Record[AddressGroup]) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[Record[AddressGroup]]:
        return store.find(connection, where)

    def view(self, thing: Record[AddressGroup]) -> View:
        return view(thing)


def view(record: Record[AddressGroup]) -> View:
    group = record.value
    return {
        "id": group.id,
        **owned(group.project_id),
        "name": group.name,
        "description": group.description,
        "addresses": [str(prefix) for prefix in group.prefixes],
        **stamped(record.stamps),
    }


def changing(noun: Noun, change: Change) -> Handler:
    """What answers add_addresses or remove_addresses."""

    def handler(call: Call) -> Response:
        given = crud.value_of(call.json(), "addresses")
        prefixes = _prefixes(ADDRESSES.read(given, "addresses"))
        shown = call.requests.act(
            noun, crud.asker(call), call.path["id"], lambda work, old: view(change(work, old, prefixes))
        )
        return json_response({noun.resource.singular: shown})

    return handler


def _prefixes(listed: object) -> tuple[Prefix, ...]:
    """Of what the descriptor has read."""
    return tuple(rows.prefix(str(one)) for one in listed) if isinstance(listed, list) else ()
