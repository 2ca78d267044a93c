"""Agents: what users set of them, and what admins put on them or took from them, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from netwright.model.ids import NetworkId
from netwright.store.governance_tables import agent_schedules, agents
from netwright.store.tables import hosts


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an agent beside what its host says."""

    admin_state_up: bool = True
    description: str | None = None
    forgotten_at: datetime | None = None


def kept(connection: sa.Connection) -> Mapping[str, Kept]:
    """By id, those of which something is kept."""
    found = connection.execute(sa.select(agents))
    return {row.id: Kept(row.admin_state_up, row.description, row.forgotten_at) for row in found}


def keep(connection: sa.Connection, agent: str, what: Kept) -> None:
    """Writes it, whether or not there was anything."""
    values = {
        "admin_state_up": what.admin_state_up,
        "description": what.description,
        "forgotten_at": what.forgotten_at,
    }
    if not connection.execute(agents.update().where(agents.c.id == agent), values).rowcount:
        connection.execute(agents.insert(), {"id": agent, **values})


def first_seen(connection: sa.Connection) -> Mapping[str, datetime]:
    """When each host spoke first, by its name."""
    statement = sa.select(
        hosts.c.name, sa.func.coalesce(hosts.c.first_seen, hosts.c.last_seen, type_=hosts.c.last_seen.type)
    )
    return {str(name): when for name, when in connection.execute(statement)}


def scheduled(
    connection: sa.Connection, *, agent: str | None = None, thing: str | None = None
) -> Mapping[str, bool]:
    """Of an agent: the things put on it (true) or taken from it; of a thing: the agents."""
    other = agent_schedules.c.resource_id if thing is None else agent_schedules.c.agent_id
    chosen = agent_schedules.c.agent_id == agent if thing is None else agent_schedules.c.resource_id == thing
    return {
        str(one): bool(wanted)
        for one, wanted in connection.execute(sa.select(other, agent_schedules.c.wanted).where(chosen))
    }


def schedule(connection: sa.Connection, agent: str, thing: str, *, wanted: bool) -> None:
    """Puts the thing on the agent, or takes it from it."""
    row = (agent_schedules.c.agent_id == agent, agent_schedules.c.resource_id == thing)
    connection.execute(agent_schedules.delete().where(*row))
    connection.execute(agent_schedules.insert(), {"agent_id": agent, "resource_id": thing, "wanted": wanted})


def taken(connection: sa.Connection, agent: str, among: Collection[NetworkId]) -> frozenset[NetworkId]:
    """Those of the things that were taken from the agent."""
    mine = (agent_schedules.c.agent_id == agent, agent_schedules.c.wanted.is_(sa.false()))
    chosen = sa.select(agent_schedules.c.resource_id).where(*mine, agent_schedules.c.resource_id.in_(among))
    return frozenset(map(NetworkId, connection.execute(chosen).scalars()))
