"""Which agents have which networks and routers.

Every host serves the networks that are used there, so a network that has DHCP is on every DHCP agent,
unless an admin took it from one; and what an admin put on one is there in any case. A router that has ports
is on one L3 agent; once an admin has put it on one or taken it away it is where admins put it, if anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
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
from netwright.store.governance_tables import agent_schedules
from netwright.store.router_tables import router_ports
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
    """The ids of what is on agents unless an admin says otherwise, as a statement."""
    touched: Touched | None
    """What changes on hosts; None: nothing does."""
    alone: bool = False
    """Whether it is on one agent at a time, else on all."""


def agents_of(connection: sa.Connection, schedule: Schedule, thing: str) -> list[View]:
    """The agents that the thing is on."""
    said = store.scheduled(connection, thing=thing)
    every = Agents().find(connection, {"agent_type": (schedule.agent_type,)})
    usual = _usual(schedule, thing, every) if _is_served(connection, schedule, thing) else frozenset()
    return [agent for agent in every if said.get(str(agent["id"]), agent["id"] in usual)]


def things_of(connection: sa.Connection, schedule: Schedule, agent: View) -> list[str]:
    """The ids of what the agent has; none for an agent of another kind."""
    if agent["agent_type"] != schedule.agent_type:
        return []
    said = store.scheduled(connection, agent=str(agent["id"]))
    every = Agents().find(connection, {"agent_type": (schedule.agent_type,)})
    served = connection.execute(schedule.served()).scalars() if agent["admin_state_up"] else ()
    usual = {thing for thing in map(str, served) if agent["id"] in _usual(schedule, thing, every)}
    return sorted((usual - set(said)) | {thing for thing, wanted in said.items() if wanted})


def not_served(
    connection: sa.Connection, host: HostName, networks: Collection[NetworkId]
) -> frozenset[NetworkId]:
    """Those of the networks that were taken from the host's DHCP agent."""
    return store.taken(connection, id_of(host, DHCP), networks)


def put(work: Work, schedule: Schedule, agent: View, thing: str) -> None:
    """Raises NotFoundError for an agent of another kind, ConflictError where it is there already.

    What is on one agent at a time may be put where it is, and not where it would be on a second.
    """
    _refuse_other(schedule, agent)
    holders = [one["id"] for one in agents_of(work.connection, schedule, thing)]
    in_the_way = [one for one in holders if (one == agent["id"]) != schedule.alone]
    if in_the_way:
        kind = f"{schedule.thing}HostedBy{schedule.label.upper()}Agent"
        it, holder = f"{schedule.thing.lower()} {thing}", in_the_way[0]
        message = f"The {it} has been already hosted by the agent {holder}."
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


def _usual(schedule: Schedule, thing: str, every: Collection[View]) -> frozenset[str]:
    """The agents that such a thing is on while no admin says otherwise; one alone is always the same."""
    able = [str(agent["id"]) for agent in every if agent["admin_state_up"]]
    if schedule.alone and able:
        return frozenset({max(able, key=lambda agent: sha256(f"{agent}/{thing}".encode()).digest())})
    return frozenset(able)


def _refuse_other(schedule: Schedule, agent: View) -> None:
    if agent["agent_type"] != schedule.agent_type or not agent["admin_state_up"]:
        raise NotFoundError("Agent", str(agent["id"]))


def _is_served(connection: sa.Connection, schedule: Schedule, thing: str) -> bool:
    column = schedule.served().subquery().c[0]
    return connection.execute(sa.select(column).where(column == thing).limit(1)).first() is not None


def _networks() -> sa.Select[tuple[str]]:
    return sa.select(subnets.c.network_id).where(subnets.c.enable_dhcp).distinct()


def _routers() -> sa.Select[tuple[str]]:
    """Those that have ports and of which no admin has said anything."""
    said = sa.select(agent_schedules.c.resource_id)
    return sa.select(router_ports.c.router_id).where(router_ports.c.router_id.not_in(said)).distinct()


NETWORKS: Final = Schedule(DHCP, "Dhcp", "Network", _networks, Touched.NETWORK)
ROUTERS: Final = Schedule(L3, "L3", "Router", _routers, None, alone=True)
