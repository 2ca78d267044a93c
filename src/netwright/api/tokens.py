"""Tokens over Identity v3: given for passwords, tokens and application credentials; checked; taken back."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.catalog import catalog
from netwright.api.identity import Ask, Body, View, moment, needed, object_of, text_of
from netwright.control.given import UNSET
from netwright.control.refusals import invalid
from netwright.control.sessions import DefaultProject, NoProject, ProjectById, ProjectByName, Scope, refused
from netwright.control.sign_in import PasswordProof
from netwright.model.errors import NotFoundError, UnauthorizedError
from netwright.model.identity import DOMAIN_ID, DOMAIN_NAME, Session, User, roles_within, token_end
from netwright.store.rows import Where

_DOMAIN: Final = {"id": DOMAIN_ID, "name": DOMAIN_NAME}


def issue(ask: Ask) -> Response:
    """A new token, in the header X-Subject-Token."""
    auth = ask.body("auth")
    identity = object_of(auth, "identity")
    methods = identity.get("methods")
    if not isinstance(methods, list) or len(methods) != 1:
        raise invalid("methods", "must be a list with one method.")
    scope = _scope(auth.get("scope"))
    match methods[0]:
        case "password":
            user = ask.sign_in.user(_password(ask, object_of(identity, "password")))
            secret, session = ask.sign_in.issue(user, scope, ("password",))
        case "token":
            secret, session = _rescoped(ask, needed(object_of(identity, "token"), "id"), scope)
        case "application_credential":
            secret, session = _for_credential(ask, object_of(identity, "application_credential"), scope)
        case _:
            raise UnauthorizedError("Methods are password, token and application_credential.")
    return _told(ask, session, secret, 201)


def show(ask: Ask) -> Response:
    """What a token opens: one's own, or for admins anybody's."""
    return _told(ask, _subject(ask), ask.subject, 200)


def revoke(ask: Ask) -> Response:
    _subject(ask)
    ask.sign_in.revoke(ask.subject)
    return Response(status_code=204)


def _subject(ask: Ask) -> Session:
    if not ask.subject:
        raise invalid("X-Subject-Token", "the header must be given.")
    try:
        found = ask.sign_in.session(ask.subject)
    except UnauthorizedError as error:
        raise NotFoundError("Token", "that") from error
    if not ask.is_admin and found.user.id != ask.user_id:
        raise NotFoundError("Token", "that")
    return found


def _password(ask: Ask, body: Body) -> PasswordProof:
    user = object_of(body, "user")
    return PasswordProof(_user(user), needed(user, "password"), ask.who)


def _user(user: Body) -> Where:
    if (by_id := text_of(user, "id")) is not UNSET:
        return {"id": (by_id,)}
    _insist_on_domain(user)
    return {"name": (needed(user, "name"),)}


def _owner(user: Body) -> dict[str, str]:
    if (by_id := text_of(user, "id")) is not UNSET:
        return {"user_id": by_id}
    _insist_on_domain(user)
    return {"user_name": needed(user, "name")}


def _rescoped(ask: Ask, shown: str, scope: Scope) -> tuple[str, Session]:
    before = ask.sign_in.session(shown)
    methods = tuple(dict.fromkeys((*before.methods, "token")))
    return ask.sign_in.issue(before.user, scope, methods, before)


def _for_credential(ask: Ask, body: Body, scope: Scope) -> tuple[str, Session]:
    if (by_id := text_of(body, "id")) is not UNSET:
        which = {"id": by_id}
    else:
        which = {"name": needed(body, "name"), **_owner(object_of(body, "user"))}
    found = ask.sign_in.credential(which, needed(body, "secret"))
    own = DefaultProject() if found.project is None else ProjectById(found.project.id)
    asked = own if isinstance(scope, DefaultProject) else scope
    return ask.sign_in.issue(found.user, asked, ("application_credential",), found)


def _scope(asked: object) -> Scope:
    """Raises InvalidError, and UnauthorizedError for what nobody has a role in."""
    if asked is None:
        return DefaultProject()
    if asked == "unscoped" or (isinstance(asked, dict) and "unscoped" in asked):
        return NoProject()
    if not isinstance(asked, dict):
        raise invalid("scope", "must be an object or 'unscoped'.")
    if "project" not in asked:
        raise UnauthorizedError("Nobody has a role but in projects: name one as the scope.")
    project = object_of(asked, "project")
    if (by_id := text_of(project, "id")) is not UNSET:
        return ProjectById(by_id)
    _insist_on_domain(project)
    return ProjectByName(needed(project, "name"))


def _insist_on_domain(body: Body) -> None:
    """The domain may be left out, for there is one; another one has nobody in it."""
    if body.get("domain") is None:
        return
    domain = object_of(body, "domain")
    if text_of(domain, "id") not in {UNSET, DOMAIN_ID} or text_of(domain, "name") not in {UNSET, DOMAIN_NAME}:
        raise refused()


def _told(ask: Ask, session: Session, secret: str, status: int) -> Response:
    token = view(session)
    if ask.call.first("nocatalog") is None and session.project is not None:
        token["catalog"] = catalog(ask.call.base_url)
    answer = json_response({"token": token}, status)
    answer.headers["x-subject-token"] = secret
    answer.headers["vary"] = "X-Auth-Token"
    return answer


def view(session: Session) -> View:
    end = session.expires_at or token_end(session.issued_at, None)
    return {
        "methods": session.methods,
        "user": _user_view(session.user),
        "audit_ids": [session.audit_id],
        "issued_at": moment(session.issued_at),
        "expires_at": moment(end),
        **_where(session),
        **_by_whom(session),
    }


def _user_view(user: User) -> View:
    return {"id": user.id, "name": user.name, "domain": _DOMAIN, "password_expires_at": None}


def _where(session: Session) -> View:
    if session.project is None or session.role is None:
        return {}
    return {
        "project": {"id": session.project.id, "name": session.project.name, "domain": _DOMAIN},
        "is_domain": False,
        "roles": [{"id": name, "name": name} for name in roles_within(session.role)],
    }


def _by_whom(session: Session) -> View:
    if session.credential is None:
        return {}
    one = session.credential
    return {
        "application_credential": {
            "id": one.id,
            "name": one.name,
            "restricted": not one.unrestricted,
        }
    }
