"""Agents: each host that reports shows one for each part of what it does. They are not made: hosts are."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.world import Work, World
from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError
from netwright.model.ids import HostName
from netwright.store import agents as store
from netwright.store import hosts
from netwright.store.agents import Kept
from netwright.store.records import HostRecord
from netwright.store.rows import Condition, Either, Where

ZONE: Final = "nova"
"""The one availability zone that there is, by the name that clients expect."""
DHCP: Final = "DHCP agent"
L3: Final = "L3 agent"
_BINARY: Final = "netwright-agent"
_TOPIC: Final = "N/A"
_SPACE: Final = uuid.UUID("0b8f1e5e-4a1c-5d0a-9f0b-6e6574777269")


@dataclass(frozen=True, slots=True)
class Part:
    """What a host does that the Networking API has an agent for."""

    name: str
    zoned: bool = False


PARTS: Final = (
    Part(DHCP, zoned=True),
    Part(L3, zoned=True),
    Part("Linux bridge agent"),
    Part("Metadata agent"),
)


def id_of(host: HostName, part: str) -> str:
    """The same for ever: nothing need be kept of an agent for it to have an id."""
    return str(uuid.uuid5(_SPACE, f"{part}/{host}"))


class Agents:
    """Acts on agents."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del work, values, caller
        raise ForbiddenError("Agents are there when hosts are: they cannot be created.")

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        del caller
        agent, description = str(old["id"]), values.get("description", old["description"])
        kept = store.kept(work.connection).get(agent, Kept())
        changed = replace(
            kept,
            admin_state_up=bool(values.get("admin_state_up", kept.admin_state_up)),
            description=None if description is None else str(description),
        )
        store.keep(work.connection, agent, changed)
        return self.find(work.connection, {"id": (agent,)})[0]

    def delete(self, work: Work, old: View) -> None:
        """Until its host writes its next report."""
        agent = str(old["id"])
        kept = store.kept(work.connection).get(agent, Kept())
        store.keep(work.connection, agent, replace(kept, forgotten_at=work.world.clock()))

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        """All but those that were deleted and have not been heard of since; none for who is no admin."""
        if "project_id" in where:
            return []
        return [view for view in _every(connection) if _matches(view, where)]

    def view(self, thing: View) -> View:
        return thing


def last_word(world: World, host: HostName, written: datetime) -> datetime:
    """When the host spoke last; `written`: the last time that it was worth writing down."""
    return max(written, world.liveness.last(host) or written)


def tell(world: World, connection: sa.Connection, views: list[View]) -> None:
    """Adds when hosts were heard of."""
    now, written = world.clock(), {host.name: host.last_seen for host in hosts.every(connection)}
    for view in views:
        host = HostName(str(view["host"]))
        last = last_word(world, host, written[host])
        view["alive"] = now - last < world.liveness.patience
        view["heartbeat_timestamp"] = _moment(last)


def _every(connection: sa.Connection) -> Iterator[View]:
    kept, first = store.kept(connection), store.first_seen(connection)
    for host in hosts.every(connection):
        for part in PARTS:
            agent = id_of(host.name, part.name)
            mine = kept.get(agent, Kept())
            if mine.forgotten_at is None or host.last_seen > mine.forgotten_at:
                yield _view(agent, part, host, mine, first.get(host.name, host.last_seen))


def _view(agent: str, part: Part, host: HostRecord, kept: Kept, since: datetime) -> View:
    return {
        "id": agent,
        "agent_type": part.name,
        "binary": _BINARY,
        "topic": _TOPIC,
        "host": host.name,
        "admin_state_up": kept.admin_state_up,
        "description": kept.description,
        "availability_zone": ZONE if part.zoned else None,
        "alive": False,
        "created_at": _moment(since),
        "started_at": _moment(since),
        "heartbeat_timestamp": _moment(host.last_seen),
        "configurations": _configurations(host),
    }


def _configurations(host: HostRecord) -> View:
    return {
        "agent_mode": "legacy",
        "firewall": host.facts.firewall,
        "generation": host.generation,
        "converged": host.converged,
        "uplink_mtu": host.facts.uplink_mtu,
    }


def _matches(view: View, where: Where) -> bool:
    return all(_meets(view, name, wanted) for name, wanted in where.items())


def _meets(view: View, name: str, wanted: Condition) -> bool:
    """Kinds are written with capitals here and without there."""
    if isinstance(wanted, Either):
        return any(_matches(view, one) for one in wanted.of)
    texts = {str(value).lower() for value in wanted} if isinstance(wanted, Collection) else set()
    return str(view[name]).lower() in texts


def _moment(when: datetime) -> str:
    """As the Networking API writes it, of agents."""
    return when.strftime("%Y-%m-%d %H:%M:%S")
