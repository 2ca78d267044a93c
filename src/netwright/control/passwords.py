"""Passwords: what one may be, its hash, and a check whose cost guessers cannot pile up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from netwright.control.refusals import invalid
from netwright.model.errors import BusyError

SHORTEST: Final = 8
"""Characters (NIST SP 800-63B)."""
LONGEST: Final = 1024

_AT_ONCE: Final = 2
_WAITING: Final = 8
"""Requests that may wait for their turn; each holds one of the server's threads."""
_AGAIN_S: Final = 1.0

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id; time, memory in KiB: OWASP's password storage cheat sheet."""


def checked(password: str, user_name: str, field: str = "password") -> str:
    """The password. Raises InvalidError where it may not be one."""
    if len(password) < SHORTEST:
        raise invalid(field, f"must have at least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise invalid(field, f"must have at most {LONGEST} characters.")
    if not password.isprintable():
        raise invalid(field, "must be made of characters that can be printed.")
    if password.casefold() == user_name.casefold():
        raise invalid(field, "must not be the user's name.")
    return password


class Passwords:
    """Hashes and checks passwords, few at once: one costs 19 MiB and some 20 ms."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._here = 0
        self._nobodys = _HASHER.hash("a password that nobody has")

    def hash(self, password: str) -> str:
        """Raises BusyError."""
        with self._turn():
            return _HASHER.hash(password)

    def match(self, password: str, password_hash: str | None) -> bool:
        """Takes as long where there is no hash, so that time does not tell who exists. Raises BusyError."""
        with self._turn():
            try:
                matched = _HASHER.verify(password_hash or self._nobodys, password)
            except (VerificationError, InvalidHashError):
                return False
            return matched and password_hash is not None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            if self._here >= _AT_ONCE + _WAITING:
                raise BusyError("Too many passwords are being checked: try again.", _AGAIN_S)
            self._here += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self._here -= 1
