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
from netwright.store.records import Record, Stamps


@dataclass(frozen=True, slots=True)
class AddressGroupRequest:
    """An address group as a user asks for it; project and prefixes are for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    prefixes: tuple[Prefix, ...] = ()


def create_in(work: Work, request: AddressGroupRequest) -> Record[AddressGroup]:
    """Raises InvalidError."""
    project = text.project(given(request.project_id, DEFAULT_PROJECT))
    blank = AddressGroup(AddressGroupId(work.world.new_id()), project, "")
    group = replace(_asked(blank, request), prefixes=store.in_order(request.prefixes))
    store.insert(work.connection, group, work.now)
    return Record(group, Stamps(work.now, work.now, 0))


def update_in(work: Work, old: Record[AddressGroup], request: AddressGroupRequest) -> Record[AddressGroup]:
    """Name and description. Raises InvalidError."""
    return _saved(work, old, _asked(old.value, request))


def add_in(work: Work, old: Record[AddressGroup], prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises InvalidError where one is there already."""
    group, there, asked = old.value, frozenset(old.value.prefixes), store.in_order(prefixes)
    if twice := [str(prefix) for prefix in asked if prefix in there]:
        raise invalid("addresses", f"{', '.join(twice)} already exist in the address group {group.id}.")
    store.add(work.connection, group.id, asked)
    work.touch(Touched.ADDRESS_GROUP, group.id)
    return _saved(work, old, replace(group, prefixes=store.in_order((*group.prefixes, *asked))))


def remove_in(work: Work, old: Record[AddressGroup], prefixes: Sequence[Prefix]) -> Record[AddressGroup]:
    """Raises NotFoundError for a prefix that is not there."""
    group, asked = old.value, dict.fromkeys(store.in_order(prefixes))
    if missing := asked.keys() - frozenset(group.prefixes):
        raise NotFoundError("Addresses", ", ".join(map(str, store.in_order(missing))))
    store.remove(work.connection, group.id, asked)
    work.touch(Touched.ADDRESS_GROUP, group.id)
    left = tuple(prefix for prefix in group.prefixes if prefix not in asked)
    return _saved(work, old, replace(group, prefixes=left))


def delete_in(work: Work, group: AddressGroup) -> None:
    """Raises ConflictError while a rule names it."""
    if store.naming(work.connection, group.id):
        message = f"Address group {group.id} is in use on one or more security group rules."
        raise NamedConflictError("AddressGroupInUse", message)
    store.delete(work.connection, group.id)


def _saved(work: Work, old: Record[AddressGroup], group: AddressGroup) -> Record[AddressGroup]:
    store.save(work.connection, group, work.now)
    return Record(group, old.stamps.revised(work.now))


def _asked(group: AddressGroup, request: AddressGroupRequest) -> AddressGroup:
    return replace(
        group,
        name=text.line(given(request.name, group.name), "name"),
        description=text.prose(given(request.description, group.description), "description"),
    )
