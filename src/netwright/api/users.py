"""Users over Identity v3."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.identity import (
    Ask,
    Body,
    View,
    flag_of,
    listing,
    matching,
    needed,
    rest_of,
    self_link,
    text_of,
)
from netwright.control import users as control
from netwright.control.application_credentials import refuse_restricted
from netwright.control.sign_in import PasswordProof
from netwright.control.users import UserRequest
from netwright.model.errors import NotFoundError
from netwright.model.identity import DOMAIN_ID, User

_KNOWN: Final = frozenset({"name", "password", "enabled", "default_project_id", "original_password"})
_FILTERS: Final = ("name", "enabled", "domain_id")


def create(ask: Ask) -> Response:
    ask.insist_on_admin()
    made = control.create(ask.call.world, ask.sign_in.passwords, _asked(ask.body("user")))
    return json_response({"user": view(ask, made)}, 201)


def update(ask: Ask) -> Response:
    ask.insist_on_admin()
    request = _asked(ask.body("user"))
    changed = control.update(ask.call.world, ask.sign_in.passwords, ask.call.path["user"], request)
    return json_response({"user": view(ask, changed)})


def delete(ask: Ask) -> Response:
    ask.insist_on_admin()
    control.delete(ask.call.world, ask.call.path["user"])
    return Response(status_code=204)


def get(ask: Ask) -> Response:
    """Other users are not found, but by admins."""
    wanted = ask.call.path["user"]
    if not ask.is_admin and wanted != ask.user_id:
        raise NotFoundError("User", wanted)
    return json_response({"user": view(ask, control.get(ask.call.world, wanted))})


def find(ask: Ask) -> Response:
    """All for an admin, else oneself."""
    named = ask.call.first("name")
    where = {} if named is None else {"name": (named,)}
    if not ask.is_admin:
        where["id"] = (ask.user_id,)
    found = control.find(ask.call.world, where)
    return listing(ask, "users", matching(ask, (view(ask, one) for one in found), *_FILTERS))


def change_password(ask: Ask) -> Response:
    """One's own: the old one must be known. Admins change others' by PATCH."""
    user, body = ask.call.path["user"], ask.body("user")
    ask.insist_on(user)
    if ask.session is not None:
        refuse_restricted(ask.session)
    proof = PasswordProof({"id": (user,)}, needed(body, "original_password"), ask.who)
    known = ask.sign_in.user(proof)
    request = UserRequest(password=needed(body, "password"))
    control.update(ask.call.world, ask.sign_in.passwords, known.id, request)
    return Response(status_code=204)


def view(ask: Ask, user: User) -> View:
    default = {} if user.default_project_id is None else {"default_project_id": user.default_project_id}
    return {
        **user.extra,
        "id": user.id,
        "name": user.name,
        "enabled": user.enabled,
        "domain_id": DOMAIN_ID,
        "password_expires_at": None,
        "options": {},
        "links": self_link(ask, f"users/{user.id}"),
        **default,
    }


def _asked(body: Body) -> UserRequest:
    return UserRequest(
        name=text_of(body, "name"),
        password=text_of(body, "password"),
        enabled=flag_of(body, "enabled"),
        default_project_id=text_of(body, "default_project_id"),
        extra=rest_of(body, _KNOWN),
    )
