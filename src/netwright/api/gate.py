"""Who asks, as the app is told to find out; and the paths that this takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from netwright.api.call import Identify, anybody
from netwright.api.metrics import Metrics
from netwright.control.requests import Requests

Doors = Callable[[Requests, Metrics], Sequence[Route]]
"""Further paths, which come before those of the Networking API."""


def no_doors(requests: Requests, metrics: Metrics) -> Sequence[Route]:
    del requests, metrics
    return ()


@dataclass(frozen=True, slots=True)
class Gate:
    identify: Identify = anybody
    doors: Doors = no_doors
    challenge: Callable[[str], str] = lambda _: ""
    """What a 401 says in WWW-Authenticate, by the server's own address."""


OPEN: Final = Gate()
"""Everybody is admin."""
