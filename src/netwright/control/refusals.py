"""Refusals with the name that the Networking API has for them."""

from __future__ import annotations

from typing import TypeVar

from netwright.control.given import UNSET, Left
from netwright.model.errors import ConflictError, InvalidError, NotFoundError

V = TypeVar("V")


class NamedConflictError(ConflictError):
    """A conflict whose `kind` is the Networking API's type of error."""

    def __init__(self, kind: str, message: str, field: str | None = None) -> None:
        super().__init__(message, field)
        self.kind = kind


class NamedNotFoundError(NotFoundError):
    """What is not there, in words of its own; `kind` is the Networking API's type of error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind.removesuffix("NotFound"), "")
        self.kind, self.message, self.args = kind, message, (message,)


class NamedInvalidError(InvalidError):
    """Invalid input in that part of the request, whose `kind` is the Networking API's type of error."""

    def __init__(self, kind: str, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}", field)
        self.kind = kind


def in_use(noun: str, reference: str, why: str) -> NamedConflictError:
    """`NetworkInUse` and its like."""
    return NamedConflictError(f"{noun}InUse", f"{noun} {reference} cannot be deleted: {why}.")


def invalid(field: str, why: str) -> InvalidError:
    """Malformed or contradictory input in that part of the request."""
    return InvalidError(f"{field}: {why}", field)


def missing(field: str) -> InvalidError:
    """A part of the request that cannot be left out."""
    return InvalidError(f"Failed to parse request. Required attribute '{field}' not specified.", field)


def required(value: V | Left, field: str) -> V:
    """The value. Raises InvalidError where it was not given."""
    if value is UNSET:
        raise missing(field)
    return value
