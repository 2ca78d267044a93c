"""Plans of hosts: the whole one, and what changed since a generation, both made by the same functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from netwright.control import touched
from netwright.control.gather import items_of
from netwright.control.world import World
from netwright.model.ids import HostName
from netwright.model.plan import HostPlan, ItemKey, Noun, PlanDelta, PlanUpdate
from netwright.store import changes, port_forwardings, presence, qos, vpns

LOG_LENGTH: Final = 100_000
"""How many changes are kept: an agent that missed more gets the whole plan."""


def snapshot(world: World, host: HostName) -> HostPlan:
    """The host's whole plan."""
    with world.look() as connection:
        return _snapshot(connection, host)


def delta(world: World, host: HostName, base: int) -> PlanUpdate:
    """What changed since the plan at generation `base`; the whole plan where the log does not reach back."""
    with world.look() as connection:
        if not changes.reaches_back_to(connection, base):
            return _snapshot(connection, host)
        generation = changes.generation(connection)
        keys = touched.item_keys(connection, host, changes.since(connection, base, host))
        found = items_of(connection, host, keys)
        changed = tuple(item for item in found.values() if item is not None)
        removed = tuple(sorted(key for key, item in found.items() if item is None))
        return PlanDelta(host, base, generation, changed, removed)


def generation(world: World) -> int:
    """The generation that plans made now have."""
    with world.look() as connection:
        return changes.generation(connection)


def compact(world: World, keep: int = LOG_LENGTH) -> None:
    """Shortens the log of changes to the newest `keep`."""
    with world.database.write() as connection:
        changes.forget(connection, max(keep, 1))


def _snapshot(connection: sa.Connection, host: HostName) -> HostPlan:
    found = items_of(connection, host, _present(connection, host))
    items = {key: item for key, item in found.items() if item is not None}
    return HostPlan(host, changes.generation(connection), items)


def _present(connection: sa.Connection, host: HostName) -> Collection[ItemKey]:
    """The keys of all items that the host's plan can have."""
    networks = presence.host_networks(connection) | presence.used_networks(connection, host)
    nouns: Mapping[Noun, Collection[str]] = {
        Noun.HOST: (host,),
        Noun.NETWORK: networks,
        Noun.GROUP: presence.used_groups(connection, host),
        Noun.ADDRESS_GROUP: presence.used_address_groups(connection, host),
        Noun.PORT: presence.plugged_ports(connection, host),
        Noun.MEMBER: presence.members_elsewhere(connection, host, presence.named_groups(connection, host)),
        Noun.FLOATING_IP: presence.floating_ips_of(connection, host),
        Noun.FORWARDS: port_forwardings.homes(connection, host).keys(),
        Noun.SERVED: presence.served_ports(connection, host),
        Noun.VPN: vpns.ids(connection),
        Noun.PORT_QOS: qos.limited_ports(connection, host),
    }
    return [ItemKey(noun, one) for noun, ids in nouns.items() for one in sorted(ids)]
