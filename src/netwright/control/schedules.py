"""Which agents have which networks and routers.

Every host serves whatever is used there, so a network that has DHCP is on every DHCP agent, and a router on
every L3 agent, unless an admin took it from one; and what an admin put on one is there in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control.agents import DHCP, L3, Agents, id_of
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work
from netwright.model.errors import NotFoundError
from netwright.model.ids import HostName, NetworkId
from netwright.store import agents as store
from netwright.store.changes import Touched
from netwright.store.router_tables import routers
from netwright.store.tables import subnets


@dataclass(frozen=True, slots=True)
class Schedule:
    """One kind of agent, and what it has."""

    agent_type: str
    label: str
    """As errors call such an agent."""
    thing: str
    """As errors call what it has."""
    served: Callable[[], sa.Select[tuple[str]]]
    """The ids of what is on every agent, as a statement."""
    touched: Touched | None
    """What changes on hosts, if anything."""


def agents_of(connection: sa.Connection, schedule: Schedule, thing: str) -> list[View]:
    """The agents that the thing is on."""
    said = store.scheduled(connection, thing=thing)
    served = _is_served(connection, schedule, thing)
    every = Agents().find(connection, {"agent_type": (schedule.agent_type,)})
    return [agent for agent in every if said.get(str(agent["id"]), served and bool(agent["admin_state_up"]))]


def things_of(connection: sa.Connection, schedule: Schedule, agent: View) -> list[str]:
    """The ids of what the agent has; none for an agent of another kind."""
    if agent["agent_type"] != schedule.agent_type:
        return []
    said = store.scheduled(connection, agent=str(agent["id"]))
    served = connection.execute(schedule.served()).scalars() if agent["admin_state_up"] else ()
    left = {str(thing) for thing in served if said.get(str(thing), True)}
    return sorted(left | {thing for thing, wanted in said.items() if wanted})


def not_served(
    connection: sa.Connection, host: HostName, networks: Collection[NetworkId]
) -> frozenset[NetworkId]:
    """Those of the networks that were taken from the host's DHCP agent."""
    return store.taken(connection, id_of(host, DHCP), networks)


def put(work: Work, schedule: Schedule, agent: View, thing: str) -> None:
    """Raises NotFoundError for an agent of another kind, ConflictError where it is there already."""
    _refuse_other(schedule, agent)
    if thing in things_of(work.connection, schedule, agent):
        kind = f"{schedule.thing}HostedBy{schedule.label.upper()}Agent"
        message = f"The {schedule.thing.lower()} {thing} has been already hosted by the agent {agent['id']}."
        raise NamedConflictError(kind, message)
    _say(work, schedule, agent, thing, wanted=True)


def take(work: Work, schedule: Schedule, agent: View, thing: str) -> None:
    """Raises NotFoundError for an agent of another kind, ConflictError where it is not there."""
    _refuse_other(schedule, agent)
    if thing not in things_of(work.connection, schedule, agent):
        kind = f"{schedule.thing}NotHostedBy{schedule.label}Agent"
        message = f"The {schedule.thing.lower()} {thing} is not hosted by the agent {agent['id']}."
        raise NamedConflictError(kind, message)
    _say(work, schedule, agent, thing, wanted=False)


def _say(work: Work, schedule: Schedule, agent: View, thing: str, *, wanted: bool) -> None:
    store.schedule(work.connection, str(agent["id"]), thing, wanted=wanted)
    if schedule.touched is not None:
        work.touch(schedule.touched, thing)


def _refuse_other(schedule: Schedule, agent: View) -> None:
    if agent["agent_type"] != schedule.agent_type or not agent["admin_state_up"]:
        raise NotFoundError("Agent", str(agent["id"]))


def _is_served(connection: sa.Connection, schedule: Schedule, thing: str) -> bool:
    column = schedule.served().subquery().c[0]
    return connection.execute(sa.select(column).where(column == thing).limit(1)).first() is not None


def _networks() -> sa.Select[tuple[str]]:
    return sa.select(subnets.c.network_id).where(subnets.c.enable_dhcp).distinct()


def _routers() -> sa.Select[tuple[str]]:
    return sa.select(routers.c.id)


NETWORKS: Final = Schedule(DHCP, "Dhcp", "Network", _networks, Touched.NETWORK)
ROUTERS: Final = Schedule(L3, "L3", "Router", _routers, None)
