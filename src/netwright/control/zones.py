"""Availability zones, of which there is one, and who provides services."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from netwright.control.agents import ZONE, last_word
from netwright.control.nouns import View
from netwright.control.world import World
from netwright.model.errors import NotFoundError
from netwright.store import hosts
from netwright.store.rows import Where


def zones(connection: sa.Connection, where: Where) -> list[View]:
    """None before there is a host."""
    del where
    things = ("network", "router") if hosts.every(connection) else ()
    return [{"name": ZONE, "resource": thing, "state": "unavailable"} for thing in things]


def tell(world: World, connection: sa.Connection, views: list[View]) -> None:
    """A zone is available while one of its hosts speaks."""
    since = world.clock() - world.liveness.patience
    if any(last_word(world, host.name, host.last_seen) > since for host in hosts.every(connection)):
        for view in views:
            view["state"] = "available"


def providers(connection: sa.Connection, where: Where) -> list[View]:
    del connection, where
    return [{"service_type": "L3_ROUTER_NAT", "name": "netwright", "default": True}]


def known(hints: Iterable[object]) -> list[str]:
    """The hints of a body. Raises NotFoundError for a zone that is not there."""
    found = [str(hint) for hint in hints]
    for hint in found:
        if hint != ZONE:
            raise NotFoundError("AvailabilityZone", hint)
    return found
