"""Projects over Identity v3."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.identity import Ask, Body, View, flag_of, listing, matching, rest_of, self_link, text_of
from netwright.control import projects as control
from netwright.control.projects import ProjectRequest
from netwright.model.errors import NotFoundError
from netwright.model.identity import DOMAIN_ID, Project

_KNOWN: Final = frozenset({"name", "description", "enabled"})
_DEFINITIONS: Final = (
    "rbac_policies",
    "subnetpools",
    "address_scopes",
    "security_groups",
    "address_groups",
    "policies",
)
"""What only says something, and goes with its project unless it is in use: pools before their scopes, rules
before what they name."""
_FILTERS: Final = ("name", "enabled", "domain_id", "parent_id", "is_domain")


def create(ask: Ask) -> Response:
    ask.insist_on_admin()
    made = control.create(ask.call.world, _asked(ask.body("project")))
    return json_response({"project": view(ask, made)}, 201)


def update(ask: Ask) -> Response:
    ask.insist_on_admin()
    changed = control.update(ask.call.world, ask.call.path["project"], _asked(ask.body("project")))
    return json_response({"project": view(ask, changed)})


def delete(ask: Ask) -> Response:
    ask.insist_on_admin()
    nouns = ask.call.requests.nouns
    control.delete(ask.call.world, ask.call.path["project"], [nouns[plural] for plural in _DEFINITIONS])
    return Response(status_code=204)


def get(ask: Ask) -> Response:
    """Others' projects are not found, but by admins."""
    wanted = ask.call.path["project"]
    found = control.get(ask.call.world, wanted)
    if not ask.is_admin and found not in control.of_user(ask.call.world, ask.user_id):
        raise NotFoundError("Project", wanted)
    return json_response({"project": view(ask, found)})


def find(ask: Ask) -> Response:
    """All for an admin, else one's own."""
    if not ask.is_admin:
        return find_own(ask)
    named = ask.call.first("name")
    found = control.find(ask.call.world, {} if named is None else {"name": (named,)})
    return _listed(ask, found)


def find_own(ask: Ask) -> Response:
    return _listed(ask, control.of_user(ask.call.world, ask.user_id))


def find_of_user(ask: Ask) -> Response:
    user = ask.call.path["user"]
    ask.insist_on(user)
    return _listed(ask, control.of_user(ask.call.world, user))


def view(ask: Ask, project: Project) -> View:
    return {
        "tags": [],
        **project.extra,
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "enabled": project.enabled,
        "domain_id": DOMAIN_ID,
        "parent_id": DOMAIN_ID,
        "is_domain": False,
        "options": {},
        "links": self_link(ask, f"projects/{project.id}"),
    }


def _listed(ask: Ask, found: list[Project]) -> Response:
    return listing(ask, "projects", matching(ask, (view(ask, one) for one in found), *_FILTERS))


def _asked(body: Body) -> ProjectRequest:
    return ProjectRequest(
        name=text_of(body, "name"),
        description=text_of(body, "description"),
        enabled=flag_of(body, "enabled"),
        extra=rest_of(body, _KNOWN),
    )
