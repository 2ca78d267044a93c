"""What a user can do with address groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netwright.control import text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.errors import NotFoundError
from netwright.model.ids import AddressGroupId
from netwright.model.intent import AddressGroup, Prefix
from netwright.store import address_groups as store
from netwright.store.changes import Touched
from netwright.store.records import Record
from netwright.store.rows import Where


@dataclass(frozen=True, slots=True)
class AddressGroupRequest:
    """An address group as a user asks for it; project and prefixes are for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    prefixes: tuple[Prefix, ...] = ()


def create(world: World, requests: Sequence[AddressGroupRequest]) -> list[Record[AddressGroup]]:
    """All of them or none. Raises InvalidError."""
    with world.work() as work:
        made = [create_in(work, request) for request in requests]
        return [store.get(work.connection, group) for group in made]


def create_in(work: Work, request: AddressGroupRequest) -> AddressGroupId:
    """One address group, as a part of a larger transaction."""
    project = text.project(given(request.project_id, DEFAULT_PROJECT))
    blank = AddressGroup(AddressGroupId(work.world.new_id()), project, "")
    group = replace(_asked(blank, request), prefixes=store.in_order(request.prefixes))
    store.insert(work.connection, group, work.now)
    return group.id


def update(world: World, group_id: AddressGroupId, request: AddressGroupRequest) -> Record[AddressGroup]:
    """Name and description. Raises NotFoundError, InvalidError."""
    with world.work() as work:
        return update_in(work, group_id, request)


def update_in(work: Work, group_id: AddressGroupId, request: AddressGroupRequest) -> Record[AddressGroup]:
    """`update` as a part of a larger transaction."""
    old = store.get(work.connection, group_id).value
    store.save(work.connection, _asked(old, request), work.now)
    return store.get(work.connection, group_id)


def add(world: World, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises NotFoundError; InvalidError where one is there already."""
    with world.work() as work:
        return add_in(work, group_id, prefixes)


def add_in(work: Work, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """`add` as a part of a larger transaction."""
    group = store.get(work.connection, group_id).value
    asked = store.in_order(prefixes)
    if twice := [str(prefix) for prefix in asked if prefix in group.prefixes]:
        raise invalid("addresses", f"{', '.join(twice)} already exist in the address group {group_id}.")
    store.add(work.connection, group_id, asked)
    return _changed(work, group)


def remove(world: World, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises NotFoundError, for a prefix that is not there, too."""
    with world.work() as work:
        return remove_in(work, group_id, prefixes)


def remove_in(work: Work, group_id: AddressGroupId, prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """`remove` as a part of a larger transaction."""
    group = store.get(work.connection, group_id).value
    asked = store.in_order(prefixes)
    if missing := [str(prefix) for prefix in asked if prefix not in group.prefixes]:
        raise NotFoundError("Addresses", ", ".join(missing))
    store.remove(work.connection, group_id, asked)
    return _changed(work, group)


def delete(world: World, group_id: AddressGroupId) -> None:
    """Raises NotFoundError, ConflictError while a rule names it."""
    with world.work() as work:
        delete_in(work, group_id)


def delete_in(work: Work, group_id: AddressGroupId) -> None:
    """`delete` as a part of a larger transaction."""
    store.get(work.connection, group_id)
    if store.naming(work.connection, group_id):
        message = f"Address group {group_id} is in use on one or more security group rules."
        raise NamedConflictError("AddressGroupInUse", message)
    store.delete(work.connection, group_id)


def get(world: World, group_id: AddressGroupId) -> Record[AddressGroup]:
    """Raises NotFoundError."""
    with world.look() as connection:
        return store.get(connection, group_id)


def find(world: World, where: Where) -> list[Record[AddressGroup]]:
    """Those whose columns match, oldest first."""
    with world.look() as connection:
        return store.find(connection, where)


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
