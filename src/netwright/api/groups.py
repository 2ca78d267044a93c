"""Security groups over HTTP."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.api import rules
from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import groups as control
from netwright.control.bodies import Values
from netwright.control.groups import GroupRequest
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.intent import Revocation
from netwright.store import groups as store
from netwright.store.records import GroupRecord
from netwright.store.rows import Where


class Groups:
    """Acts on security groups."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = control.create_in(work, _new(Fields(values)))
        return view(store.get(work.connection, made))

    def update(self, work: Work, old: GroupRecord, values: Values, caller: Caller) -> View:
        del caller
        return view(control.update_in(work, old, _changed(Fields(values))))

    def delete(self, work: Work, old: GroupRecord) -> None:
        control.delete_in(work, old)

    def find(self, connection: sa.Connection, where: Where) -> list[GroupRecord]:
        return store.find(connection, where)

    def view(self, thing: GroupRecord) -> View:
        return view(thing)


def view(record: GroupRecord) -> View:
    group = record.value
    return {
        "id": group.id,
        **owned(group.project_id),
        "name": group.name,
        "description": group.description,
        "stateful": group.stateful,
        "netwright:revocation": group.revocation,
        "shared": False,
        "security_group_rules": [rules.view(rule) for rule in record.rules],
        **stamped(record.stamps),
    }


def _changed(body: Fields) -> GroupRequest:
    return GroupRequest(
        name=body.text("name"),
        description=body.text("description"),
        stateful=body.flag("stateful"),
        revocation=body.one_of("netwright:revocation", Revocation),
    )


def _new(body: Fields) -> GroupRequest:
    return GroupRequest(
        project_id=asked_project(body),
        name=body.text("name"),
        description=body.text("description"),
        stateful=body.flag("stateful"),
        revocation=body.one_of("netwright:revocation", Revocation),
    )
