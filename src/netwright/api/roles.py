"""Roles and who has them, over Identity v3."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.identity import Ask, View, listing, matching, needed, self_link
from netwright.control import projects, roles, users
from netwright.control.refusals import NamedConflictError
from netwright.model.errors import ForbiddenError, NotFoundError
from netwright.model.identity import DOMAIN_ID, DOMAIN_NAME, ROLES, Assignment, role_name

_DOMAIN: Final = {"id": DOMAIN_ID, "name": DOMAIN_NAME}


def find(ask: Ask) -> Response:
    views = [_view(ask, name) for name in ROLES]
    return listing(ask, "roles", matching(ask, views, "name", "domain_id"))


def get(ask: Ask) -> Response:
    wanted = ask.call.path["role"]
    if wanted not in ROLES:
        raise NotFoundError("Role", wanted)
    return json_response({"role": _view(ask, wanted)})


def create(ask: Ask) -> Response:
    """What a role may is written in the code: there are no others."""
    ask.insist_on_admin()
    wanted = needed(ask.body("role"), "name")
    if wanted in ROLES:
        raise NamedConflictError("RoleExists", f"There is a role named {wanted!r}.", "name")
    raise ForbiddenError(f"The roles are {', '.join(ROLES)}; there can be no others.")


def refuse_change(ask: Ask) -> Response:
    raise ForbiddenError(f"The role {ask.call.path['role'][:40]!r} cannot be changed.")


def assign(ask: Ask) -> Response:
    ask.insist_on_admin()
    roles.assign(ask.call.world, *_named(ask))
    return Response(status_code=204)


def unassign(ask: Ask) -> Response:
    ask.insist_on_admin()
    roles.unassign(ask.call.world, *_named(ask))
    return Response(status_code=204)


def check(ask: Ask) -> Response:
    ask.insist_on(ask.call.path["user"])
    roles.assigned(ask.call.world, *_named(ask))
    return Response(status_code=204)


def find_assigned(ask: Ask) -> Response:
    """A user's roles in a project."""
    user, project = ask.call.path["user"], ask.call.path["project"]
    ask.insist_on(user)
    users.get(ask.call.world, user)
    projects.get(ask.call.world, project)
    found = roles.find(ask.call.world, {"user_id": (user,), "project_id": (project,)})
    return listing(ask, "roles", [_view(ask, role_name(one.role)) for one in found])


def find_assignments(ask: Ask) -> Response:
    """All for an admin, else one's own."""
    where: dict[str, Collection[object]] = {
        column: (value,) for name, column in _COLUMNS.items() if (value := ask.call.first(name)) is not None
    }
    if not ask.is_admin:
        where["user_id"] = (ask.user_id,) if where.get("user_id") in {None, (ask.user_id,)} else ()
    asked = {name for name, _ in ask.call.query}
    found = [] if asked & _NOT_HERE else roles.find(ask.call.world, where)
    named = "include_names" in asked and ask.call.first("include_names") not in {"0", "False", "false"}
    return listing(ask, "role_assignments", [_assignment(ask, one, named=named) for one in found])


_COLUMNS: Final = {"user.id": "user_id", "scope.project.id": "project_id", "role.id": "role"}
_NOT_HERE: Final = frozenset({"group.id", "scope.domain.id", "scope.system", "scope.OS-INHERIT:inherited_to"})


def _assignment(ask: Ask, one: Assignment, *, named: bool) -> View:
    role, user, project = role_name(one.role), View(id=one.user_id), View(id=one.project_id)
    if named:
        user |= {"name": users.get(ask.call.world, one.user_id).name, "domain": _DOMAIN}
        project |= {"name": projects.get(ask.call.world, one.project_id).name, "domain": _DOMAIN}
    path = f"projects/{one.project_id}/users/{one.user_id}/roles/{role}"
    return {
        "role": {"id": role, "name": role} if named else {"id": role},
        "user": user,
        "scope": {"project": project},
        "links": {"assignment": self_link(ask, path)["self"]},
    }


def _named(ask: Ask) -> tuple[str, str, str]:
    return ask.call.path["user"], ask.call.path["project"], ask.call.path["role"]


def _view(ask: Ask, name: str) -> View:
    return {
        "id": name,
        "name": name,
        "domain_id": None,
        "description": None,
        "options": {},
        "links": self_link(ask, f"roles/{name}"),
    }
