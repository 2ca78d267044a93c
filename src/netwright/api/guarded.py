"""Asynchronous paths that are for admins: the gate is asked in a thread before they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from netwright.api import problems
from netwright.api.call import stranger_of
from netwright.api.gate import Gate
from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError, RequestError


@dataclass(frozen=True, slots=True)
class Guarded:
    gate: Gate
    inner: Callable[[Request], Awaitable[Response]]

    async def answer(self, request: Request) -> Response:
        try:
            insist_on_admin(await run_in_threadpool(self.gate.identify, stranger_of(request)))
        except RequestError as error:
            return problems.response(error, self.gate.challenge(str(request.base_url).rstrip("/")))
        return await self.inner(request)


def insist_on_admin(caller: Caller) -> None:
    """Raises ForbiddenError."""
    if not caller.is_admin:
        raise ForbiddenError("This is for agents and admins.")
