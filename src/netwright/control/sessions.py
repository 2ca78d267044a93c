"""What a proof opens right now, read from the database."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import sqlalchemy as sa

from netwright.model.caller import Role
from netwright.model.errors import UnauthorizedError
from netwright.model.identity import ApplicationCredential, Project, Session, Token, User
from netwright.store import application_credentials, projects, role_assignments, tokens, users

_REFUSED: Final = "The request you have made requires authentication."


@dataclass(frozen=True, slots=True)
class ProjectById:
    id: str


@dataclass(frozen=True, slots=True)
class ProjectByName:
    name: str


@dataclass(frozen=True, slots=True)
class NoProject:
    """Asked for in so many words."""


@dataclass(frozen=True, slots=True)
class DefaultProject:
    """The user's default project, or none."""


@dataclass(frozen=True, slots=True)
class OwnProject:
    """The user's default project, else the only one, else none."""


Scope: TypeAlias = ProjectById | ProjectByName | NoProject | DefaultProject | OwnProject


def read(connection: sa.Connection, secret_hash: str, now: datetime) -> Session:
    """Of a token, or of an application credential's secret. Raises UnauthorizedError."""
    token = tokens.find(connection, secret_hash)
    if token is not None:
        return _of_token(connection, token, now)
    for credential in application_credentials.find(connection, {"secret_hash": (secret_hash,)}):
        return _of_credential(connection, credential, now)
    raise refused()


def scoped(connection: sa.Connection, user: User, scope: Scope) -> tuple[Project | None, Role | None]:
    """The project that is meant, and the user's role there. Raises UnauthorizedError where there is none."""
    match scope:
        case NoProject():
            return None, None
        case ProjectById(wanted):
            found = projects.find(connection, {"id": (wanted,)})
        case ProjectByName(name):
            found = projects.find(connection, {"name": (name,)})
        case DefaultProject():
            found = _own(connection, user, only=False)
        case OwnProject():
            found = _own(connection, user, only=True)
    if not found and isinstance(scope, DefaultProject | OwnProject):
        return None, None
    role = role_assignments.widest(connection, user.id, found[0].id) if found else None
    if role is None or not found[0].enabled:
        raise refused()
    return found[0], role


def bounded(role: Role | None, credential: ApplicationCredential | None) -> Role | None:
    """No more than the credential has."""
    return role if role is None or credential is None else min(role, credential.role)


def hash_of(secret: str) -> str:
    """As secrets are kept. They are long and random: a slow hash would add nothing."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def new_audit_id() -> str:
    return secrets.token_urlsafe(16)


def refused() -> UnauthorizedError:
    """Tells nothing of why."""
    return UnauthorizedError(_REFUSED)


def _of_token(connection: sa.Connection, token: Token, now: datetime) -> Session:
    user = users.get(connection, token.user_id)
    if not user.enabled or token.expires_at <= now:
        raise refused()
    credential = token.credential_id and application_credentials.get(connection, token.credential_id)
    scope = NoProject() if token.project_id is None else ProjectById(token.project_id)
    project, role = scoped(connection, user, scope)
    return Session(
        user=user,
        project=project,
        role=bounded(role, credential or None),
        methods=token.methods,
        audit_id=token.audit_id,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        credential=credential or None,
    )


def _of_credential(connection: sa.Connection, credential: ApplicationCredential, now: datetime) -> Session:
    user = users.get(connection, credential.user_id)
    if not user.enabled:
        raise refused()
    project, role = scoped(connection, user, ProjectById(credential.project_id))
    return Session(
        user=user,
        project=project,
        role=bounded(role, credential),
        methods=("application_credential",),
        audit_id=new_audit_id(),
        issued_at=now,
        expires_at=credential.expires_at,
        credential=credential,
    )


def _own(connection: sa.Connection, user: User, *, only: bool) -> list[Project]:
    theirs = {one.project_id for one in role_assignments.find(connection, {"user_id": (user.id,)})}
    found = [one for one in projects.find(connection, {"id": theirs or ("",)}) if one.enabled]
    default = [one for one in found if one.id == user.default_project_id]
    return default or (found if only and len(found) == 1 else [])
