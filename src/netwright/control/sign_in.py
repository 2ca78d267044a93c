"""From what somebody shows to who that is, what it opens right now, and tokens for it."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control import identities
from netwright.control.attempts import Attempts
from netwright.control.known import Known
from netwright.control.passwords import Passwords
from netwright.control.sessions import Scope, bounded, hash_of, new_audit_id, read, refused, scoped
from netwright.control.world import World
from netwright.model.errors import BusyError, UnauthorizedError
from netwright.model.identity import Session, Token, User, token_end
from netwright.store import tokens, users
from netwright.store.rows import Where

_MOST_TOKENS: Final = 1000
"""Of one user at a time; the oldest go first."""


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """`who` is where it came from: guesses are counted by that."""

    user: Where
    """By id, or by name."""
    password: str
    who: str


class SignIn:
    """Everything raises UnauthorizedError where the proof does not hold, and tells nothing of why."""

    def __init__(
        self, world: World, passwords: Passwords, tell: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        """`tell` hears of each wrong password: where it came from, and whose it was to be."""
        self.world, self.passwords, self._tell = world, passwords, tell
        self._attempts = Attempts()
        self._sessions = Known[Session]()
        self._checked = Known[str]()
        self._key = secrets.token_bytes(32)

    def session(self, secret: str) -> Session:
        """What a token or an application credential's secret opens."""
        digest = hash_of(secret)
        number = self.world.identities.look(self._revision)
        found = self._sessions.get(digest, number)
        if found is None:
            found = self._read(digest)
            self._sessions.put(digest, number, found)
        if not found.lives(self.world.clock()):
            raise refused()
        return found

    def by_password(self, proof: PasswordProof, scope: Scope) -> Session:
        """What the password opens, without a token. Raises BusyError."""
        digest = self._digest(repr(proof.user), proof.password, repr(scope))
        number = self.world.identities.look(self._revision)
        found = self._sessions.get(digest, number)
        if found is None:
            user = self.user(proof)
            with self.world.look() as connection:
                project, role = scoped(connection, user, scope)
            found = Session(user, project, role, ("password",), new_audit_id(), self.world.clock(), None)
            self._sessions.put(digest, number, found)
        return found

    def user(self, proof: PasswordProof) -> User:
        """Whose password that is. Raises BusyError where too many, or too many wrong ones, came before."""
        with self.world.look() as connection:
            user = next(iter(users.find(connection, proof.user)), None)
        if user is None or not self._is_known(user, proof.password):
            self._check(user, proof)
        if user is None or not user.enabled:
            raise refused()
        return user

    def _check(self, user: User | None, proof: PasswordProof) -> None:
        """Raises UnauthorizedError, BusyError. Who there is and who not is told apart by nothing."""
        whose = repr(proof.user) if user is None else user.id
        if (pause := self._attempts.wait_s(proof.who, whose, time.monotonic())) > 0:
            raise BusyError("Too many wrong passwords: wait before the next.", pause)
        matched = self.passwords.match(proof.password, None if user is None else user.password_hash)
        if user is None or user.password_hash is None or not matched or not user.enabled:
            self._attempts.failed(proof.who, whose, time.monotonic())
            self._tell(proof.who, whose)
            raise refused()
        self._attempts.succeeded(proof.who, whose)
        self._checked.put(self._digest(user.id, proof.password), 0, user.password_hash)

    def _is_known(self, user: User, password: str) -> bool:
        """Whether that password was checked against that very hash before."""
        known = self._checked.get(self._digest(user.id, password), 0)
        return known is not None and known == user.password_hash

    def credential(self, which: Mapping[str, str], secret: str) -> Session:
        """What an application credential's secret opens, where id, name and user are those."""
        found = self.session(secret)
        if found.credential is None:
            raise refused()
        own = found.credential
        there = {"id": own.id, "name": own.name, "user_id": own.user_id, "user_name": found.user.name}
        if any(there[name] != wanted for name, wanted in which.items()):
            raise refused()
        return found

    def revoke(self, secret: str) -> None:
        """Takes a token back; an application credential is deleted, not revoked."""
        with identities.change(self.world) as work:
            tokens.delete(work.connection, {"hash": (hash_of(secret),)})

    def issue(
        self, user: User, scope: Scope, methods: tuple[str, ...], bound: Session | None = None
    ) -> tuple[str, Session]:
        """A new token and what it opens; never longer, nor more, than the session it is given for."""
        now = self.world.clock()
        credential, bound_end = (None, None) if bound is None else (bound.credential, bound.expires_at)
        secret = secrets.token_urlsafe(32)
        with self.world.work() as work:
            _refuse_changed(work.connection, user)
            project, role = scoped(work.connection, user, scope)
            if credential is not None and (project is None or project.id != credential.project_id):
                raise UnauthorizedError("An application credential is for its own project only.")
            token = Token(
                user_id=user.id,
                project_id=None if project is None else project.id,
                methods=methods,
                audit_id=new_audit_id(),
                issued_at=now,
                expires_at=token_end(now, bound_end),
                credential_id=None if credential is None else credential.id,
            )
            tokens.delete_ended(work.connection, now)
            tokens.insert(work.connection, hash_of(secret), token)
            tokens.keep_newest(work.connection, user.id, _MOST_TOKENS)
        role = bounded(role, credential)
        made = Session(user, project, role, methods, token.audit_id, now, token.expires_at, credential)
        return secret, made

    def _read(self, secret_hash: str) -> Session:
        with self.world.look() as connection:
            return read(connection, secret_hash, self.world.clock())

    def _revision(self) -> int:
        with self.world.look() as connection:
            return tokens.revision(connection)

    def _digest(self, *said: str) -> str:
        """Keyed, and the key is this process's: what is remembered proves nothing elsewhere."""
        text = "\0".join(f"{len(one)} {one}" for one in said)
        return hashlib.blake2b(text.encode(errors="surrogatepass"), key=self._key).hexdigest()


def _refuse_changed(connection: sa.Connection, user: User) -> None:
    """The proof was checked a moment ago: a user may have been disabled since, or have another password."""
    for now in users.find(connection, {"id": (user.id,)}):
        if now.enabled and now.password_hash == user.password_hash:
            return
    raise refused()
