"""What users can do with long-lived secrets for their programs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError

from netwright.control import identities, text
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.sessions import hash_of
from netwright.control.world import World
from netwright.model.caller import Role
from netwright.model.errors import ForbiddenError, NotFoundError
from netwright.model.identity import ApplicationCredential, CredentialId, Session, role_name
from netwright.store import application_credentials as store
from netwright.store import projects, role_assignments, users
from netwright.store.rows import Where

PREFIX: Final = "nwt-"
"""How secrets begin that are made here: what looks for leaked ones knows them by that."""
SHORTEST_SECRET: Final = 32
"""Characters of a secret that a user brings: it is kept under a fast hash."""
_LONGEST_SECRET: Final = 1024
_LONGEST_DESCRIPTION: Final = 4096


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    name: str
    role: Role | None = None
    """None: the user's own."""
    description: str = ""
    secret: str | None = None
    """None: one is made."""
    expires_at: datetime | None = None
    unrestricted: bool = False


def create(
    world: World, user: str, project: str, request: CredentialRequest, most: Role = Role.ADMIN
) -> tuple[ApplicationCredential, str]:
    """A credential of the user in the project, and its secret, which nobody is told again.

    `most` is what the proof that asks for it may itself: no credential begets one that may more.

    Raises InvalidError, NotFoundError, ConflictError, ForbiddenError where the role is above the user's.
    """
    secret = request.secret or PREFIX + secrets.token_urlsafe(32)
    if not SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
        raise invalid("secret", f"must have from {SHORTEST_SECRET} to {_LONGEST_SECRET} characters.")
    if request.expires_at is not None and request.expires_at <= world.clock():
        raise invalid("expires_at", "must be in the future.")
    with identities.change(world) as work:
        owner = users.get(work.connection, user)
        there = projects.get(work.connection, project)
        own = role_assignments.widest(work.connection, owner.id, there.id)
        if own is None:
            raise ForbiddenError(f"User {owner.name} has no role in project {project}.")
        own = min(own, most)
        role = own if request.role is None else request.role
        if role > own:
            raise ForbiddenError(f"role {role_name(role)} is above the own one here, {role_name(own)}.")
        made = ApplicationCredential(
            id=CredentialId(world.new_id()),
            user_id=owner.id,
            project_id=there.id,
            name=_name(request.name),
            role=role,
            description=text.prose(request.description, "description", _LONGEST_DESCRIPTION),
            expires_at=request.expires_at,
            unrestricted=request.unrestricted,
        )
        try:
            store.insert(work.connection, made, hash_of(secret), work.now)
        except IntegrityError as error:
            message = f"There is another application credential named {made.name!r}, or with this secret."
            raise NamedConflictError("ApplicationCredentialExists", message, "name") from error
        return made, secret


def delete(world: World, user: str, credential: str) -> None:
    """With the tokens that were given for it. Raises NotFoundError."""
    with identities.change(world) as work:
        found = store.get(work.connection, credential)
        if found.user_id != user:
            raise NotFoundError("ApplicationCredential", credential)
        store.delete(work.connection, found.id)


def find(world: World, where: Where) -> list[ApplicationCredential]:
    """Those whose columns match, oldest first."""
    with world.look() as connection:
        return store.find(connection, where)


def refuse_restricted(session: Session) -> None:
    """Raises ForbiddenError for programs that may not make or delete proofs of their own kind."""
    if session.credential is not None and not session.credential.unrestricted:
        raise ForbiddenError("A restricted application credential cannot do that.")


def _name(name: str) -> str:
    if not name.strip():
        raise invalid("name", "must not be empty.")
    return text.line(name, "name")
