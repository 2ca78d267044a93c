"""What a user can do with security groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from netwright.control import default_rules, limits, rules, text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, in_use
from netwright.control.rules import touch_remote
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.errors import NotFoundError
from netwright.model.ids import GroupId, ProjectId
from netwright.model.intent import Revocation, SecurityGroup
from netwright.store import groups as store
from netwright.store.changes import Touched
from netwright.store.records import GroupRecord
from netwright.store.rows import Where
from netwright.store.tables import rules as rules_table

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """A group as a user asks for it; the project is for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    stateful: bool | Left = UNSET
    revocation: Revocation | Left = UNSET


def update_in(work: Work, old: GroupRecord, request: GroupRequest) -> GroupRecord:
    """Raises InvalidError, ConflictError."""
    group = _asked(old.value, request)
    if group.name != old.value.name and DEFAULT in {group.name, old.value.name}:
        message = "Updating the name of, or to, the default security group is not allowed."
        raise NamedConflictError("SecurityGroupCannotUpdateDefault", message, "name")
    if group.stateful != old.value.stateful and store.ports_of(work.connection, group.id):
        raise NamedConflictError(
            "SecurityGroupInUse", f"stateful: Security Group {group.id} is used by ports.", "stateful"
        )
    store.save(work.connection, group, work.now)
    work.touch(Touched.GROUP, group.id)
    if group.name != old.value.name:
        work.touch(Touched.GROUP_NAME, group.id)
    return store.get(work.connection, group.id)


def delete_in(work: Work, record: GroupRecord) -> None:
    """With the rules that name it as their remote. Raises ConflictError while ports use it.

    Only an admin takes away a project's default group, which the project's next request makes anew.
    """
    group_id = record.value.id
    if record.is_default and not (work.caller and work.caller.is_admin):
        message = "Insufficient rights for removing default security group."
        raise NamedConflictError("SecurityGroupCannotRemoveDefault", message)
    if store.ports_of(work.connection, group_id):
        raise in_use("SecurityGroup", group_id, "ports use it")
    for rule in record.rules:
        touch_remote(work, rule.value)
    naming = store.find_rules(work.connection, {"remote_group_id": (group_id,)})
    work.touch(Touched.GROUP, group_id, *(rule.value.group_id for rule in naming))
    store.delete(work.connection, group_id)


def get(world: World, group_id: GroupId) -> GroupRecord:
    """Raises NotFoundError."""
    with world.look() as connection:
        return store.get(connection, group_id)


def find(world: World, where: Where, project: str | None = None) -> list[GroupRecord]:
    """Those whose columns match, oldest first; the project's default group is made if it is not there yet."""
    ensure_default(world, text.project(project or DEFAULT_PROJECT))
    with world.look() as connection:
        return store.find(connection, where)


def ensure_default(world: World, project: ProjectId) -> None:
    """Makes the project's default group if it is not there yet."""
    with world.look() as connection:
        if store.default_of(connection, project) is not None:
            return
    with world.work() as work:
        default_of(work, project)


def default_of(work: Work, project: ProjectId) -> GroupId:
    """The project's default group, made now if this is its first use."""
    found = store.default_of(work.connection, project)
    if found is not None:
        return found
    blank = SecurityGroup(GroupId(work.world.new_id()), project, DEFAULT, "Default security group")
    return _make(work, blank, is_default=True)


def known(connection: sa.Connection, wanted: Sequence[GroupId]) -> tuple[GroupId, ...]:
    """Each once. Raises NotFoundError where one is not there, ConflictError where they do not go together."""
    once = tuple(dict.fromkeys(wanted))
    there = store.existing(connection, once) if once else frozenset()
    for group in once:
        if group not in there:
            raise NotFoundError("SecurityGroup", group)
    if len(once) > 1 and store.are_mixed(connection, once):
        what = "Cannot apply both stateful and stateless security groups on the same port at the same time"
        raise NamedConflictError("SecurityGroupConflict", f"security_groups: {what}.", "security_groups")
    return once


def create_in(work: Work, request: GroupRequest) -> GroupId:
    """One group, as a part of a larger transaction."""
    project = text.project(given(request.project_id, DEFAULT_PROJECT))
    default_of(work, project)
    group = _asked(SecurityGroup(GroupId(work.world.new_id()), project, ""), request)
    if group.name == DEFAULT:
        message = "Default security group already exists."
        raise NamedConflictError("SecurityGroupDefaultAlreadyExists", message, "name")
    made = _make(work, group, is_default=False)
    limits.refuse_beyond(work, "security_group_rule", rules_table, project)
    return made


def _asked(group: SecurityGroup, request: GroupRequest) -> SecurityGroup:
    return replace(
        group,
        name=text.line(given(request.name, group.name), "name"),
        description=text.prose(given(request.description, group.description), "description"),
        stateful=given(request.stateful, group.stateful),
        revocation=given(request.revocation, group.revocation),
    )


def _make(work: Work, group: SecurityGroup, *, is_default: bool) -> GroupId:
    """With the rules that new groups of its kind have."""
    store.insert(work.connection, group, work.now, is_default=is_default)
    for request in default_rules.requests_for(work.connection, group, is_default=is_default):
        rule = rules.rule_of(work, group, request)
        store.insert_rule(work.connection, rule, request.written, work.now)
    work.touch(Touched.GROUP, group.id)
    return group.id
