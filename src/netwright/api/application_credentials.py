"""Application credentials over Identity v3."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.identity import (
    Ask,
    Body,
    View,
    flag_of,
    listing,
    matching,
    moment,
    needed,
    self_link,
    text_of,
)
from netwright.control import application_credentials as control
from netwright.control.application_credentials import CredentialRequest
from netwright.control.given import given
from netwright.control.refusals import invalid
from netwright.model.caller import Role
from netwright.model.errors import ForbiddenError, InvalidError, NotFoundError
from netwright.model.identity import ROLES, ApplicationCredential, roles_within


def create(ask: Ask) -> Response:
    """One's own, in the project of one's token; who comes by the socket says which project."""
    user, body = ask.call.path["user"], ask.body("application_credential")
    project = _project(ask, user, body)
    most = Role.ADMIN if ask.session is None or ask.session.role is None else ask.session.role
    made, secret = control.create(ask.call.world, user, project, _asked(body), most)
    return json_response({"application_credential": {**view(ask, made), "secret": secret}}, 201)


def delete(ask: Ask) -> Response:
    user = ask.call.path["user"]
    ask.insist_on(user)
    if ask.session is not None:
        control.refuse_restricted(ask.session)
    control.delete(ask.call.world, user, ask.call.path["id"])
    return Response(status_code=204)


def get(ask: Ask) -> Response:
    for one in _of_user(ask):
        if one.id == ask.call.path["id"]:
            return json_response({"application_credential": view(ask, one)})
    raise NotFoundError("ApplicationCredential", ask.call.path["id"])


def find(ask: Ask) -> Response:
    views = matching(ask, (view(ask, one) for one in _of_user(ask)), "name")
    return listing(ask, "application_credentials", views)


def view(ask: Ask, one: ApplicationCredential) -> View:
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "roles": [{"id": name, "name": name, "domain_id": None} for name in roles_within(one.role)],
        "expires_at": moment(one.expires_at),
        "unrestricted": one.unrestricted,
        "system": None,
        "links": self_link(ask, f"users/{one.user_id}/application_credentials/{one.id}"),
    }


def _of_user(ask: Ask) -> list[ApplicationCredential]:
    user = ask.call.path["user"]
    ask.insist_on(user)
    return control.find(ask.call.world, {"user_id": (user,)})


def _project(ask: Ask, user: str, body: Body) -> str:
    """Raises ForbiddenError, InvalidError."""
    if ask.session is None:
        return needed(body, "project_id")
    if user != ask.session.user.id:
        raise ForbiddenError("Application credentials are made by the user whose they are.")
    control.refuse_restricted(ask.session)
    if ask.session.project is None:
        raise ForbiddenError(
            "An application credential is made in the project of one's token: this has none."
        )
    own = ask.session.project.id
    if given(text_of(body, "project_id"), own) != own:
        raise ForbiddenError("An application credential is made in the project of one's token.")
    return own


def _asked(body: Body) -> CredentialRequest:
    if body.get("access_rules"):
        raise invalid("access_rules", "there are none here: give the credential a narrower role.")
    secret = text_of(body, "secret")
    return CredentialRequest(
        name=needed(body, "name"),
        role=_role(body.get("roles")),
        description=given(text_of(body, "description"), ""),
        secret=given(secret, None),
        expires_at=_moment(given(text_of(body, "expires_at"), None)),
        unrestricted=given(flag_of(body, "unrestricted"), False),  # noqa: FBT003 - the default
    )


def _role(roles: object) -> Role | None:
    """The widest of the list of objects with an id or a name; None: the user's own."""
    if roles is None or roles == []:
        return None
    try:
        named = [one.get("id") or one.get("name") for one in roles] if isinstance(roles, list) else [None]
        return max(ROLES[str(name)] for name in named)
    except (AttributeError, KeyError) as error:
        raise invalid("roles", f"must be a list of objects with an id from {', '.join(ROLES)}.") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError("expires_at: must be a moment like 2030-01-31T00:00:00Z.", "expires_at") from error
