"""Which project has which network and router by one request for all of them, as rows."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from netwright.model.ids import NetworkId, RouterId
from netwright.store.router_tables import auto_allocated_topologies as table


class Topology(NamedTuple):
    network: NetworkId
    router: RouterId | None
    """None: its project has deleted it."""


def find(connection: sa.Connection, project: str) -> Topology | None:
    row = connection.execute(sa.select(table).where(table.c.project_id == project)).first()
    if row is None:
        return None
    return Topology(NetworkId(row.network_id), None if row.router_id is None else RouterId(row.router_id))


def insert(connection: sa.Connection, project: str, topology: Topology) -> None:
    values = {"project_id": project, "network_id": topology.network, "router_id": topology.router}
    connection.execute(table.insert(), values)
