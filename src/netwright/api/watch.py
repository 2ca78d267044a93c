"""The stream that an agent holds open: its plan, then what changes, as it changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from netwright.api import problems
from netwright.api.own import host_of
from netwright.control import plans
from netwright.control.refusals import invalid
from netwright.control.world import World
from netwright.model.errors import RequestError
from netwright.model.ids import HostName
from netwright.model.plan import PlanUpdate
from netwright.wire.codec import ASK_COUNTERS, encode_update

NDJSON: Final = "application/x-ndjson"
_POLL_S: Final = 2.0
"""How often the log is looked at for what other processes wrote."""
_POLLS_A_BLANK: Final = 10
"""A blank line after 20 s of silence tells both ends that the other is there."""


class Bell:
    """Wakes the watches of this process after each commit, from whatever thread made it."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._ears: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def ring(self) -> None:
        with self._lock:
            for event, loop in self._ears.items():
                with suppress(RuntimeError):  # the loop is closing, and its watches with it
                    loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Ends all watches."""
        self.closed = True
        self.ring()

    @contextmanager
    def heard(self) -> Iterator[asyncio.Event]:
        """An event that is set at each ring."""
        event = asyncio.Event()
        with self._lock:
            self._ears[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                del self._ears[event]


@dataclass(frozen=True, slots=True)
class Watch:
    """The endpoint `/v1/watch?host=H&generation=N`."""

    world: World
    bell: Bell

    async def __call__(self, request: Request) -> Response:
        try:
            host = host_of(request.query_params.get("host"))
            base = _generation(request.query_params.get("generation"))
        except RequestError as error:
            return problems.response(error)
        return StreamingResponse(self._lines(host, base), media_type=NDJSON)

    async def _lines(self, host: HostName, base: int) -> AsyncIterator[bytes]:
        with self.bell.heard() as event, self._present(host):
            generation, line = await run_in_threadpool(self._first, host, base)
            yield line
            polls, asked = 0, self.world.counters.asked
            while not self.bell.closed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await event.wait()
                event.clear()
                if asked != self.world.counters.asked:
                    asked = self.world.counters.asked
                    yield ASK_COUNTERS + b"\n"
                news = await run_in_threadpool(self._next, host, generation)
                polls = 0 if news else polls + 1
                if news:
                    generation, line = news
                    yield line
                elif polls >= _POLLS_A_BLANK:
                    polls = 0
                    yield b"\n"

    @contextmanager
    def _present(self, host: HostName) -> Iterator[None]:
        self.world.watching[host] += 1
        try:
            yield
        finally:
            self.world.watching[host] -= 1

    def _first(self, host: HostName, base: int) -> tuple[int, bytes]:
        """A delta if the log reaches back to the generation that the agent has, else the whole plan."""
        known = base > 0
        return _line(plans.delta(self.world, host, base) if known else plans.snapshot(self.world, host))

    def _next(self, host: HostName, generation: int) -> tuple[int, bytes] | None:
        if plans.generation(self.world) == generation:
            return None
        return _line(plans.delta(self.world, host, generation))


def _line(update: PlanUpdate) -> tuple[int, bytes]:
    return update.generation, encode_update(update) + b"\n"


def _generation(text: str | None) -> int:
    """0 where the agent has no plan."""
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid("generation", "must be a number.")
    return int(text)
