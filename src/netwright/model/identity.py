"""Who may ask: projects, users, what they may do where, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NewType

from netwright.model.caller import Caller, Role
from netwright.model.ids import ProjectId

UserId = NewType("UserId", str)
CredentialId = NewType("CredentialId", str)

DOMAIN_ID: Final = "default"
DOMAIN_NAME: Final = "Default"
"""The one domain: projects and users are not divided any further."""

ROLES: Final[Mapping[str, Role]] = {"admin": Role.ADMIN, "member": Role.MEMBER, "reader": Role.READER}
"""By name, which is the id too; each may do what those after it may."""

TOKEN_LIFE: Final = timedelta(hours=1)
"""As long as Keystone's."""


@dataclass(frozen=True, slots=True)
class Project:
    id: ProjectId
    name: str
    description: str = ""
    enabled: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)
    """Attributes that others keep with it; they mean nothing here."""


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    name: str
    password_hash: str | None = field(repr=False)
    """As argon2 writes it; None: no password lets this user in."""
    enabled: bool = True
    default_project_id: ProjectId | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a user may do in a project."""

    user_id: UserId
    project_id: ProjectId
    role: Role


@dataclass(frozen=True, slots=True)
class Token:
    """A short-lived proof that was given for another; without a project it opens Identity only."""

    user_id: UserId
    project_id: ProjectId | None
    methods: tuple[str, ...]
    audit_id: str
    issued_at: datetime
    expires_at: datetime
    credential_id: CredentialId | None = None
    """The application credential that it was given for, which bounds what it may."""


@dataclass(frozen=True, slots=True)
class ApplicationCredential:
    """A long-lived secret for a program: acts for its user in one project, with at most that role."""

    id: CredentialId
    user_id: UserId
    project_id: ProjectId
    name: str
    role: Role
    description: str = ""
    expires_at: datetime | None = None
    unrestricted: bool = False
    """Whether it may make and delete others of its kind."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a proof means right now."""

    user: User
    project: Project | None
    role: Role | None
    """None without a project."""
    methods: tuple[str, ...]
    audit_id: str
    issued_at: datetime
    expires_at: datetime | None
    credential: ApplicationCredential | None = None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    def lives(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at

    def caller(self) -> Caller | None:
        """As the Networking API sees it; None where there is no project to act in."""
        if self.project is None or self.role is None:
            return None
        return Caller(self.project.id, self.role, self.user.id, self.user.name)


def token_end(now: datetime, bound: datetime | None) -> datetime:
    """When a token given now ends: with its life, or with what it was given for if that is sooner."""
    end = now + TOKEN_LIFE
    return end if bound is None else min(end, bound)


def roles_within(role: Role) -> tuple[str, ...]:
    """A role's name and those of the roles that it has in it, the widest first."""
    return tuple(name for name, one in ROLES.items() if one <= role)


def role_name(role: Role) -> str:
    return roles_within(role)[0]
