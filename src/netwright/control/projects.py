"""What an admin can do with projects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy.exc import IntegrityError

from netwright.control import identities, text
from netwright.control.given import UNSET, Left, given
from netwright.control.nouns import Noun
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.caller import OPERATOR
from netwright.model.errors import ConflictError, ForbiddenError
from netwright.model.identity import Project
from netwright.model.ids import ProjectId
from netwright.store import projects as store
from netwright.store import role_assignments
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


def delete(world: World, project: str, definitions: Sequence[Noun]) -> None:
    """With its limits, roles and proofs, and its things of those nouns that nobody uses; it has nothing else.

    Raises NotFoundError, ConflictError, ForbiddenError.
    """
    with identities.change(world) as work:
        there = store.get(work.connection, project)
        if there.id == DEFAULT_PROJECT:
            raise ForbiddenError(f"Project {there.id} stays: requests that name no project are about it.")
        _refuse_left(work, there.id, {str(noun.table) for noun in definitions})
        for noun in definitions:
            _delete_all(work, there.id, noun)
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


def _refuse_left(work: Work, project: ProjectId, apart: Collection[str]) -> None:
    """Raises ConflictError where the project has anything in tables but those."""
    left = store.belongings(work.connection, project, apart)
    if left:
        named = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in left.items())
        raise NamedConflictError("ProjectInUse", f"Project {project} still has {named}.")


def _delete_all(work: Work, project: ProjectId, noun: Noun) -> None:
    """All that the project has of the noun, as an admin may. Raises ConflictError for what is in use."""
    asked = replace(work, caller=OPERATOR)
    for thing in noun.acts.find(work.connection, {"project_id": (project,)}):
        try:
            noun.acts.delete(asked, thing)
        except ConflictError as error:
            raise NamedConflictError("ProjectInUse", f"Project {project} cannot go: {error}") from error


def _taken(project: Project) -> NamedConflictError:
    return NamedConflictError("ProjectExists", f"There is another project named {project.name!r}.", "name")
