"""What a user can do with address groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netwright.control import text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import DEFAULT_PROJECT, Work
from netwright.model.errors import NotFoundError
from netwright.model.ids import AddressGroupId
from netwright.model.intent import AddressGroup, Prefix
from netwright.store import address_groups as store
from netwright.store.changes import Touched
from netwright.store.records import Record


@dataclass(frozen=True, slots=True)
class AddressGroupRequest:
    """An address group as a user asks for it; project and prefixes are for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    prefixes: tuple[Prefix, ...] = ()


def create_in(work: Work, request: AddressGroupRequest) -> AddressGroupId:
    """Raises InvalidError."""
    project = text.project(given(request.project_id, DEFAULT_PROJECT))
    blank = AddressGroup(AddressGroupId(work.world.new_id()), project, "")
    group = replace(_asked(blank, request), prefixes=store.in_order(request.prefixes))
    store.insert(work.connection, group, work.now)
    return group.id


def update_in(work: Work, old: AddressGroup, request: AddressGroupRequest) -> Record[AddressGroup]:
    """Name and description. Raises InvalidError."""
    store.save(work.connection, _asked(old, request), work.now)
    return store.get(work.connection, old.id)


def add_in(work: Work, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises NotFoundError; InvalidError where one is there already."""
    group = store.get(work.connection, group_id).value
    asked = store.in_order(prefixes)
    if twice := [str(prefix) for prefix in asked if prefix in group.prefixes]:
        raise invalid("addresses", f"{', '.join(twice)} already exist in the address group {group_id}.")
    store.add(work.connection, group_id, asked)
    return _changed(work, group)


def remove_in(work: Work, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises NotFoundError, for a prefix that is not there, too."""
    group = store.get(work.connection, group_id).value
    asked = store.in_order(prefixes)
    if missing := [str(prefix) for prefix in asked if prefix not in group.prefixes]:
        raise NotFoundError("Addresses", ", ".join(missing))
    store.remove(work.connection, group_id, asked)
    return _changed(work, group)


def delete_in(work: Work, group: AddressGroup) -> None:
    """Raises ConflictError while a rule names it."""
    if store.naming(work.connection, group.id):
        message = f"Address group {group.id} is in use on one or more security group rules."
        raise NamedConflictError("AddressGroupInUse", message)
    store.delete(work.connection, group.id)


def _changed(work: Work, group: AddressGroup) -> Record[AddressGroup]:
    """Its prefixes are others now."""
    store.save(work.connection, group, work.now)
    work.touch(Touched.ADDRESS_GROUP, group.id)
    return store.get(work.connection, group.id)


def _asked(group: AddressGroup, request: AddressGroupRequest) -> AddressGroup:
    return replace(
        group,
        name=text.line(given(request.name, group.name), "name"),
        description=text.prose(given(request.description, group.description), "description"),
    )
