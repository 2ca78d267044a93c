"""What an admin can do with projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy.exc import IntegrityError

from netwright.control import identities, text
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.errors import ForbiddenError
from netwright.model.identity import Project
from netwright.model.ids import ProjectId
from netwright.store import groups, role_assignments
from netwright.store import projects as store
from netwright.store.changes import Touched
from netwright.store.rows import Where

FIRST_NAME: Final = "admin"
"""Of the project that is there from the beginning, as other clouds call it."""
_LONGEST_DESCRIPTION: Final = 4096


@dataclass(frozen=True, slots=True)
class ProjectRequest:
    name: str | Left = UNSET
    description: str | Left = UNSET
    enabled: bool | Left = UNSET
    extra: Mapping[str, object] = field(default_factory=dict)


def create(world: World, request: ProjectRequest) -> Project:
    """Raises InvalidError, ConflictError."""
    required(request.name, "name")
    with identities.change(world) as work:
        made = _asked(Project(ProjectId(work.world.new_id()), ""), request)
        try:
            store.insert(work.connection, made, work.now)
        except IntegrityError as error:
            raise _taken(made) from error
        return made


def make_first(world: World) -> None:
    """The project that requests are about which name none, and what was made before there were projects."""
    if not find(world, {"id": (DEFAULT_PROJECT,)}):
        first = Project(DEFAULT_PROJECT, FIRST_NAME, "What requests are about that name no project.")
        with identities.change(world) as work:
            store.insert(work.connection, first, work.now)


def update(world: World, project: str, request: ProjectRequest) -> Project:
    """Raises NotFoundError, InvalidError, ConflictError."""
    with identities.change(world) as work:
        changed = _asked(store.get(work.connection, project), request)
        try:
            store.save(work.connection, changed)
        except IntegrityError as error:
            raise _taken(changed) from error
        return changed


def delete(world: World, project: str) -> None:
    """With its default security group, limits, roles and proofs, but nothing else that it has.

    Raises NotFoundError, ConflictError, ForbiddenError.
    """
    with identities.change(world) as work:
        there = store.get(work.connection, project)
        if there.id == DEFAULT_PROJECT:
            raise ForbiddenError(f"Project {there.id} stays: requests that name no project are about it.")
        left = store.belongings(work.connection, there.id)
        if left:
            named = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in left.items())
            raise NamedConflictError("ProjectInUse", f"Project {there.id} still has {named}.")
        _delete_default_group(work, there.id)
        store.delete(work.connection, there.id)


def get(world: World, project: str) -> Project:
    """Raises NotFoundError."""
    with world.look() as connection:
        return store.get(connection, project)


def find(world: World, where: Where) -> list[Project]:
    """Those whose columns match, oldest first."""
    with world.look() as connection:
        return store.find(connection, where)


def of_user(world: World, user: str) -> list[Project]:
    """Where the user has something to do."""
    with world.look() as connection:
        theirs = {one.project_id for one in role_assignments.find(connection, {"user_id": (user,)})}
        return store.find(connection, {"id": theirs}) if theirs else []


def _asked(project: Project, request: ProjectRequest) -> Project:
    name = text.line(given(request.name, project.name), "name")
    if not name.strip():
        raise invalid("name", "must not be empty.")
    return replace(
        project,
        name=name,
        description=text.prose(
            given(request.description, project.description), "description", _LONGEST_DESCRIPTION
        ),
        enabled=given(request.enabled, project.enabled),
        extra=identities.kept(request.extra, project.extra),
    )


def _delete_default_group(work: Work, project: ProjectId) -> None:
    group = groups.default_of(work.connection, project)
    if group is not None:
        naming = groups.find_rules(work.connection, {"remote_group_id": (group,)})
        work.touch(Touched.GROUP, group, *(rule.value.group_id for rule in naming))
        groups.delete(work.connection, group)


def _taken(project: Project) -> NamedConflictError:
    return NamedConflictError("ProjectExists", f"There is another project named {project.name!r}.", "name")
