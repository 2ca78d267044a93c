"""Errors as the Networking API tells them: a status and a NeutronError body."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

from netwright.control.refusals import NamedConflictError, NamedInvalidError, NamedNotFoundError
from netwright.model.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PreconditionError,
    RequestError,
    UnauthorizedError,
)

_STATUS: Final = (
    (InvalidError, 400),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (PreconditionError, 412),
    (BusyError, 429),
)


class HttpProblemError(RequestError):
    """A request that never gets as far as an action: too large, not JSON, no such path or method."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


def response(error: RequestError, challenge: str = "") -> Response:
    """`challenge`: what a 401 says of how to prove who asks."""
    status, kind = _told(error)
    told = body(status, kind, error.message)
    if status == 401 and challenge:
        told.headers["www-authenticate"] = challenge
    if isinstance(error, BusyError):
        told.headers["retry-after"] = str(max(1, round(error.wait_s)))
    return told


def body(status: int, kind: str, message: str) -> Response:
    text = {"NeutronError": {"type": kind, "message": message, "detail": ""}}
    return Response(msgspec.json.encode(text), status, media_type="application/json")


def _told(error: RequestError) -> tuple[int, str]:
    if isinstance(error, HttpProblemError):
        return error.status, error.kind
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    if isinstance(error, NamedConflictError | NamedInvalidError | NamedNotFoundError):
        return status, error.kind
    return status, f"{error.noun}NotFound" if isinstance(error, NotFoundError) else _KIND[status]


_KIND: Final = {
    400: "InvalidInput",
    401: "Unauthorized",
    403: "PolicyNotAuthorized",
    409: "Conflict",
    412: "RevisionNumberConstraintFailed",
    429: "TooManyRequests",
}
