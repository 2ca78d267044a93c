"""Reads what items are made of, many at once, and has the planner make them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.control.dhcp_ports import OWNER
from netwright.model.ids import GroupId, HostName, NetworkId, PortId, SubnetId
from netwright.model.intent import FloatingIp, Log, Port, Subnet
from netwright.model.plan import HostItem, Item, ItemKey, Nic, Noun
from netwright.planner import floating_ips as floating_items
from netwright.planner import groups as group_items
from netwright.planner import logs as log_items
from netwright.planner import members as member_items
from netwright.planner import networks as network_items
from netwright.planner import ports as port_items
from netwright.planner.ports import Place, is_plugged
from netwright.store import floating_ips, groups, logs, networks, ports, presence, subnets
from netwright.store.records import PortRecord

_AT_ONCE: Final = 5000
"""Ids in one statement: SQLite takes 32,766 parameters."""


def items_of(
    connection: sa.Connection, host: HostName, keys: Collection[ItemKey]
) -> dict[ItemKey, Item | None]:
    """The items of these keys in the host's plan; None for those that are not in it."""
    found: dict[ItemKey, Item | None] = dict.fromkeys(keys)
    for noun, read in _READERS.items():
        wanted = sorted(key.id for key in keys if key.noun is noun)
        for start in range(0, len(wanted), _AT_ONCE):
            found.update(
                (item.key, item) for item in read(connection, host, wanted[start : start + _AT_ONCE])
            )
    return found


def _hosts(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    del connection
    return (HostItem(host) for one in wanted if one == host)


def _networks(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    ids = [NetworkId(one) for one in wanted]
    used = presence.used_networks(connection, host, ids)
    places = _places(connection, ids)
    dhcp = {
        record.value.network_id: record.value
        for record in ports.find(connection, {"network_id": ids, "device_owner": (OWNER,)})
    }
    for network, place in places.items():
        theirs = tuple(place.subnets.values())
        item = network_items.item(place.network, theirs, dhcp.get(network), host, used=network in used)
        if item is not None:
            yield item


def _groups(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    used = presence.used_groups(connection, host, [GroupId(one) for one in wanted])
    if used:
        enabled = logs.enabled(connection)
        groups_of = logs.groups_of(connection, {log.port_id for log in enabled if log.port_id})
        for record in groups.find(connection, {"id": sorted(used)}):
            yield group_items.item(record.value, log_items.of_group(record.value, enabled, groups_of))


def _ports(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    found = [record for record in ports.find(connection, {"id": wanted}) if is_plugged(record.value, host)]
    if found:
        around = _around(connection, found)
        yield from (around.item(record) for record in found)


def _members(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    elsewhere = presence.plugged_elsewhere(connection, host, [PortId(one) for one in wanted])
    if elsewhere:
        named = presence.named_groups(connection, host)
        for record in ports.find(connection, {"id": sorted(elsewhere)}):
            item = member_items.item(record.value, named)
            if item is not None:
                yield item


def _floating_ips(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    found = [record.value for record in floating_ips.find(connection, {"id": wanted})]
    behind = [one.association.port_id for one in found if one.association is not None]
    if not behind:
        return
    there = {
        record.value.id: record.value
        for record in ports.find(connection, {"id": behind})
        if is_plugged(record.value, host)
    }
    near = {port.network_id for port in there.values()} | {one.network_id for one in found}
    places = _places(connection, near)
    for one in found:
        if one.association is not None and one.association.port_id in there:
            network = places[there[one.association.port_id].network_id].network
            item = floating_items.item(one, network, places[one.network_id].network)
            if item is not None:
                yield item


@dataclass(frozen=True, slots=True)
class _Around:
    """What some ports' items are made of, beside the ports themselves."""

    places: Mapping[NetworkId, Place]
    guests: Mapping[tuple[str, str], list[Port]]
    floating: Mapping[PortId, tuple[IPv4Address, ...]]
    group_names: Mapping[GroupId, str]
    logs: Sequence[Log]

    def item(self, record: PortRecord) -> Item:
        port = record.value
        same_guest = self.guests.get(_guest(port), [port]) if port.device_id else [port]
        nics = tuple(self._nic(one) for one in same_guest)
        place, logged = self.places[port.network_id], log_items.of_port(port, self.logs)
        return port_items.item(port, record.label, place, nics, self.group_names, logged)

    def _nic(self, port: Port) -> Nic:
        return port_items.nic(port, self.places[port.network_id], self.floating.get(port.id, ()))


def _around(connection: sa.Connection, found: Iterable[PortRecord]) -> _Around:
    mine = [record.value for record in found]
    guests = _guests(connection, mine)
    every = [*mine, *(port for same in guests.values() for port in same)]
    used = {group for port in mine for group in port.security_groups}
    return _Around(
        places=_places(connection, {port.network_id for port in every}),
        guests=guests,
        floating=_floating(connection, {port.id for port in every}),
        group_names=presence.group_names(connection, used),
        logs=logs.enabled(connection),
    )


def _guests(connection: sa.Connection, mine: Iterable[Port]) -> Mapping[tuple[str, str], list[Port]]:
    """The ports of each guest that one of mine is of, oldest first."""
    wanted = {port.device_id for port in mine if port.device_id}
    guests: dict[tuple[str, str], list[Port]] = {}
    if wanted:
        for record in ports.find(connection, {"device_id": wanted}):
            guests.setdefault(_guest(record.value), []).append(record.value)
    return guests


def _guest(port: Port) -> tuple[str, str]:
    return port.project_id, port.device_id


def _floating(
    connection: sa.Connection, theirs: Collection[PortId]
) -> Mapping[PortId, tuple[IPv4Address, ...]]:
    by_port: dict[PortId, list[FloatingIp]] = {}
    for record in floating_ips.find(connection, {"port_id": theirs}):
        if record.value.association is not None:
            by_port.setdefault(record.value.association.port_id, []).append(record.value)
    return {port: tuple(sorted(one.address for one in found)) for port, found in by_port.items()}


def _places(connection: sa.Connection, wanted: Collection[NetworkId]) -> Mapping[NetworkId, Place]:
    if not wanted:
        return {}
    by_network: dict[NetworkId, dict[SubnetId, Subnet]] = {network: {} for network in wanted}
    for record in subnets.find(connection, {"network_id": wanted}):
        by_network[record.value.network_id][record.value.id] = record.value
    return {
        record.value.id: Place(record.value, by_network[record.value.id])
        for record in networks.find(connection, {"id": wanted})
    }


_READERS: Final = {
    Noun.HOST: _hosts,
    Noun.NETWORK: _networks,
    Noun.GROUP: _groups,
    Noun.PORT: _ports,
    Noun.MEMBER: _members,
    Noun.FLOATING_IP: _floating_ips,
}
