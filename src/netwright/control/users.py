"""What can be done with users and their passwords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import IntegrityError

from netwright.control import identities, passwords, text
from netwright.control.given import UNSET, Left, given
from netwright.control.passwords import Passwords
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import World
from netwright.model.identity import User, UserId
from netwright.model.ids import ProjectId
from netwright.store import tokens
from netwright.store import users as store
from netwright.store.rows import Where


@dataclass(frozen=True, slots=True)
class UserRequest:
    name: str | Left = UNSET
    password: str | Left = UNSET
    """A user without one does not get in by password."""
    enabled: bool | Left = UNSET
    default_project_id: str | Left | None = UNSET
    extra: Mapping[str, object] = field(default_factory=dict)


def create(world: World, hasher: Passwords, request: UserRequest) -> User:
    """Raises InvalidError, ConflictError, BusyError."""
    required(request.name, "name")
    made = _asked(User(UserId(world.new_id()), "", None), request)
    made = replace(made, password_hash=_hash(hasher, made, request))
    with identities.change(world) as work:
        try:
            store.insert(work.connection, made, work.now)
        except IntegrityError as error:
            raise _taken(made) from error
        return made


def update(world: World, hasher: Passwords, user: str, request: UserRequest) -> User:
    """A new password, or being disabled, ends the user's tokens.

    Raises NotFoundError, InvalidError, ConflictError, BusyError.
    """
    new_hash = _hash(hasher, get(world, user), request)  # before the database is ours alone: it takes time
    with identities.change(world) as work:
        old = store.get(work.connection, user)
        changed = replace(_asked(old, request), password_hash=new_hash or old.password_hash)
        try:
            store.save(work.connection, changed)
        except IntegrityError as error:
            raise _taken(changed) from error
        if changed.password_hash != old.password_hash or not changed.enabled:
            tokens.delete(work.connection, {"user_id": (old.id,)})
        return changed


def delete(world: World, user: str) -> None:
    """With roles and proofs. Raises NotFoundError."""
    with identities.change(world) as work:
        store.delete(work.connection, store.get(work.connection, user).id)


def get(world: World, user: str) -> User:
    """Raises NotFoundError."""
    with world.look() as connection:
        return store.get(connection, user)


def find(world: World, where: Where) -> list[User]:
    """Those whose columns match, oldest first."""
    with world.look() as connection:
        return store.find(connection, where)


def _asked(user: User, request: UserRequest) -> User:
    """All but the password."""
    name = text.line(given(request.name, user.name), "name")
    if not name.strip():
        raise invalid("name", "must not be empty.")
    project = given(request.default_project_id, user.default_project_id)
    return replace(
        user,
        name=name,
        enabled=given(request.enabled, user.enabled),
        default_project_id=ProjectId(text.line(project, "default_project_id")) if project else None,
        extra=identities.kept(request.extra, user.extra),
    )


def _hash(hasher: Passwords, user: User, request: UserRequest) -> str | None:
    if request.password is UNSET:
        return None
    return hasher.hash(passwords.checked(request.password, user.name))


def _taken(user: User) -> NamedConflictError:
    return NamedConflictError("UserExists", f"There is another user named {user.name!r}.", "name")
