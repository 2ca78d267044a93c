"""Who sent a request, by what it shows: a token, a password, or the Unix socket that it came over."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from netwright.api.call import Stranger, anybody
from netwright.control import projects
from netwright.control.sessions import OwnProject, ProjectById, ProjectByName, Scope, refused
from netwright.control.sign_in import PasswordProof, SignIn
from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError, UnauthorizedError
from netwright.model.identity import Session
from netwright.model.ids import ProjectId

_LONGEST: Final = 4096
"""Characters of what is shown."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A token, or an application credential's secret."""

    text: str


@dataclass(frozen=True, slots=True)
class NamePassword:
    name: str
    password: str


Proof: TypeAlias = Secret | NamePassword


def proof_of(headers: Mapping[str, str]) -> Proof | None:
    """What the request shows, in X-Auth-Token or Authorization. Raises UnauthorizedError."""
    if token := headers.get("x-auth-token"):
        return Secret(_bounded(token))
    shown = headers.get("authorization")
    if not shown:
        return None
    scheme, _, given = shown.partition(" ")
    match scheme.lower():
        case "bearer" if given.strip():
            return Secret(_bounded(given.strip()))
        case "basic":
            return _basic(_bounded(given.strip()))
        case _:
            raise UnauthorizedError("Authorization must be Basic or Bearer.")


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise refused()
    return text


def _basic(given: str) -> NamePassword:
    """RFC 7617, in UTF-8."""
    try:
        name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise UnauthorizedError("Authorization is not Basic as RFC 7617 has it.") from error
    if not colon or not name:
        raise refused()
    return NamePassword(name, password)


def acting(caller: Caller, wanted: ProjectId | None) -> Caller:
    """The caller in the project that the request names: an admin may name any, others only their own.

    Raises ForbiddenError.
    """
    if not wanted or wanted == caller.project:
        return caller
    if not caller.is_admin:
        raise ForbiddenError(f"This proof is for project {caller.project}, and the header names another.")
    return replace(caller, project=wanted)


class LocalIdentity:
    """Callers from the server's own users."""

    def __init__(self, sign_in: SignIn) -> None:
        self.sign_in = sign_in

    def __call__(self, stranger: Stranger) -> Caller:
        """Raises UnauthorizedError, ForbiddenError, BusyError."""
        session = self.session(stranger)
        if session is None:
            return anybody(stranger)
        wanted, caller = self._wanted(stranger.headers), session.caller()
        if caller is None:
            message = "This proof is for no project: scope the token to one, or name one in X-Project-Id."
            raise UnauthorizedError(message)
        return acting(caller, wanted)

    def _wanted(self, headers: Mapping[str, str]) -> ProjectId | None:
        """The project that the request names. Raises UnauthorizedError where there is none of that name."""
        match _named(headers):
            case ProjectById(wanted):
                return ProjectId(wanted)
            case ProjectByName(name):
                for found in projects.find(self.sign_in.world, {"name": (name,)}):
                    return found.id
                raise refused()
            case _:
                return None

    def session(self, stranger: Stranger) -> Session | None:
        """None: who comes by the Unix socket and shows nothing. Raises UnauthorizedError, BusyError."""
        match proof_of(stranger.headers):
            case None if stranger.local:
                return None
            case None:
                raise refused()
            case Secret(text):
                return self.sign_in.session(text)
            case NamePassword(name, password):
                proof = PasswordProof({"name": (name,)}, password, stranger.address)
                return self._by_password(proof, stranger.headers)

    def _by_password(self, proof: PasswordProof, headers: Mapping[str, str]) -> Session:
        """An admin may act for any project, others where they have a role."""
        own = self.sign_in.by_password(proof, OwnProject())
        scope = _named(headers)
        return own if scope is None or own.is_admin else self.sign_in.by_password(proof, scope)


def _named(headers: Mapping[str, str]) -> Scope | None:
    if by_id := headers.get("x-project-id"):
        return ProjectById(by_id)
    if by_name := headers.get("x-project-name"):
        # The bytes of a header come as Latin-1, whatever they are; names are UTF-8.
        return ProjectByName(by_name.encode("latin-1", "replace").decode(errors="replace"))
    return None
