"""How many of a thing a project may have: counted when one is made, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from netwright.control import text
from netwright.control.classic_floating_refusals import FloatingIpLimitExceeded
from netwright.control.classic_refusals import FixedIpLimitExceeded, NetworkLimitExceeded, OverQuota
from netwright.control.refusals import invalid
from netwright.control.world import World
from netwright.model.classic import Life
from netwright.model.ids import MOST_INTEGER
from netwright.store import classic_fixed_ips, classic_floating_ips, classic_networks
from netwright.store import quotas as store

FIXED_IPS: Final = "fixed_ips"
FLOATING_IPS: Final = "floating_ips"
NETWORKS: Final = "networks"
RESOURCES: Final = (FIXED_IPS, FLOATING_IPS, NETWORKS)
UNLIMITED: Final = -1
_REFUSALS: Final[Mapping[str, type[OverQuota]]] = {
    FIXED_IPS: FixedIpLimitExceeded,
    FLOATING_IPS: FloatingIpLimitExceeded,
    NETWORKS: NetworkLimitExceeded,
}


def limits(world: World, project: str) -> Mapping[str, int]:
    """Those that the project has of its own, by resource; for others the defaults hold."""
    with world.look() as connection:
        return store.limits(connection, project)


def set_limit(world: World, project: str, resource: str, limit: int | None) -> None:
    """-1: none; no limit given: the default again. Raises InvalidError."""
    if resource not in RESOURCES:
        raise invalid("resource", f"{resource!r} is none of {', '.join(RESOURCES)}.")
    if limit is not None and not UNLIMITED <= limit <= MOST_INTEGER:
        raise invalid("limit", f"must be -1 (none), or from 0 to {MOST_INTEGER}.")
    owner = text.project(project)
    with world.work() as work:
        if limit is None:
            store.delete(work.connection, owner, resource)
        else:
            store.save(work.connection, owner, resource, limit)


def used(connection: sa.Connection, project: str, resource: str) -> int:
    """Fixed IPs that interfaces have, floating IPs but the auto-assigned, or networks."""
    if resource == FLOATING_IPS:
        return classic_floating_ips.count(connection, project)
    if resource == NETWORKS:
        return classic_networks.count(connection, project)
    where = {"project_id": (project,), "life": (Life.ALLOCATED.value,)}
    return classic_fixed_ips.count(connection, where)


def refuse_one_more(connection: sa.Connection, project: str, resource: str, default: int) -> None:
    """Raises OverQuota by its resource's name where the project has as many as it may."""
    limit = store.limits(connection, project).get(resource, default)
    if limit != UNLIMITED and used(connection, project, resource) >= limit:
        raise _REFUSALS[resource](resource, limit)
