"""One HTTP request as a value, and what answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from netwright.api.patience import BODY_S
from netwright.api.problems import HttpProblemError
from netwright.control.requests import Requests
from netwright.control.world import World
from netwright.model.caller import Caller, Role
from netwright.model.errors import ForbiddenError
from netwright.model.ids import ProjectId

LARGEST_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Call:
    world: World
    requests: Requests
    """What the resources' paths ask."""
    path: Mapping[str, str]
    """The variable parts of the path."""
    query: Sequence[tuple[str, str]]
    body: bytes
    caller: Caller
    if_match: str | None
    """The header of that name."""
    idempotency_key: str | None
    """The header of that name."""
    base_url: str
    """Without a slash at its end."""
    url_path: str

    def first(self, name: str) -> str | None:
        """The query's first value of that name."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Mapping[str, object]:
        """The body. Raises HttpProblemError where it is not one JSON object."""
        try:
            found: object = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HttpProblemError(400, "HTTPBadRequest", f"The body is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise HttpProblemError(400, "HTTPBadRequest", "The body is not a JSON object.")
        return found


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Stranger:
    """One request's author, as far as the request itself tells."""

    headers: Mapping[str, str]
    """Names in lower case."""
    local: bool
    """Whether it came over the Unix socket."""
    address: str = ""
    """Where it came from."""
    method: str = "GET"
    path: str = "/"


Identify = Callable[[Stranger], Caller]
"""Raises UnauthorizedError."""


def anybody(stranger: Stranger) -> Caller:
    """Without authentication everybody is admin, in the project that the request names.

    Raises ForbiddenError for pages of other sites, for which a browser on this host would ask.
    """
    if "origin" in stranger.headers and not stranger.local:
        raise ForbiddenError("Without authentication, browsers may not ask for what pages want.")
    project = stranger.headers.get("x-project-id")
    return Caller(ProjectId(project) if project else None, Role.ADMIN)


def stranger_of(request: Request) -> Stranger:
    """A Unix socket's address is a path without a port; that the client has none is no sign of one: a
    connection that was reset has none either.
    """
    server, client = request.scope.get("server"), request.client
    return Stranger(
        headers=request.headers,
        local=server is not None and server[1] is None,
        address="" if client is None else client.host,
        method=request.method,
        path=request.url.path,
    )


async def receive(request: Request, requests: Requests, caller: Caller) -> Call:
    """Reads the request, but no more of its body than may be. Raises HttpProblemError."""
    return Call(
        world=requests.world,
        requests=requests,
        path=request.path_params,
        query=request.query_params.multi_items(),
        body=await _body(request),
        caller=caller,
        if_match=request.headers.get("if-match"),
        idempotency_key=request.headers.get("idempotency-key"),
        base_url=str(request.base_url).rstrip("/"),
        url_path=request.url.path,
    )


def json_response(view: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(view), status, media_type="application/json")


async def _body(request: Request) -> bytes:
    if request.method in {"GET", "HEAD", "DELETE"}:
        return b""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > LARGEST_BODY:
                    raise HttpProblemError(413, "HTTPRequestEntityTooLarge", "The body is larger than 1 MiB.")
    except TimeoutError as error:
        message = f"The body did not come within {BODY_S:.0f} seconds."
        raise HttpProblemError(408, "HTTPRequestTimeout", message) from error
    except ClientDisconnect as error:  # nobody is there to be told
        raise HttpProblemError(400, "HTTPBadRequest", "The body ended too early.") from error
    return bytes(found)
