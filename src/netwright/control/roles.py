"""Who may do what where."""

from __future__ import annotations

from netwright.control import identities
from netwright.control.world import World
from netwright.model.caller import Role
from netwright.model.errors import NotFoundError
from netwright.model.identity import ROLES, Assignment, UserId, role_name
from netwright.model.ids import ProjectId
from netwright.store import application_credentials, projects, users
from netwright.store import role_assignments as store
from netwright.store.rows import Where


def assign(world: World, user: str, project: str, role: str) -> None:
    """Whether or not it was so before. Raises NotFoundError."""
    with identities.change(world) as work:
        owner = users.get(work.connection, user).id
        store.save(work.connection, Assignment(owner, projects.get(work.connection, project).id, _role(role)))


def unassign(world: World, user: str, project: str, role: str) -> None:
    """The user's application credentials for a project go with the last role there. Raises NotFoundError."""
    with identities.change(world) as work:
        gone = _assignment(user, project, role)
        if not store.delete(work.connection, gone):
            raise NotFoundError("RoleAssignment", f"{role_name(gone.role)} of {user} in {project}")
        if store.widest(work.connection, gone.user_id, gone.project_id) is None:
            application_credentials.delete_in(work.connection, gone.user_id, gone.project_id)


def find(world: World, where: Where) -> list[Assignment]:
    """Those whose columns match."""
    with world.look() as connection:
        return store.find(connection, where)


def assigned(world: World, user: str, project: str, role: str) -> None:
    """Raises NotFoundError where it is not so."""
    wanted = _assignment(user, project, role)
    if wanted not in find(world, {"user_id": (user,), "project_id": (project,)}):
        raise NotFoundError("RoleAssignment", f"{role_name(wanted.role)} of {user} in {project}")


def _assignment(user: str, project: str, role: str) -> Assignment:
    return Assignment(UserId(user), ProjectId(project), _role(role))


def _role(name: str) -> Role:
    found = ROLES.get(name)
    if found is None:
        raise NotFoundError("Role", name)
    return found
