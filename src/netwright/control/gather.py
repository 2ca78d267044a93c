"""Reads what items are made of, many at once, and has the planner make them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.control import schedules
from netwright.control.dhcp_ports import OWNER
from netwright.model.ids import (
    AddressGroupId,
    FloatingIpId,
    GroupId,
    HostName,
    NetworkId,
    PortId,
    SubnetId,
    VpnId,
)
from netwright.model.intent import FloatingIp, GatewayHosts, Log, Port, Subnet, VpnPeer
from netwright.model.plan import HostItem, Item, ItemKey, NetworkItem, Nic, Noun, PortItem, ServedItem
from netwright.planner import address_groups as address_group_items
from netwright.planner import floating_ips as floating_items
from netwright.planner import groups as group_items
from netwright.planner import logs as log_items
from netwright.planner import members as member_items
from netwright.planner import networks as network_items
from netwright.planner import port_forwardings as forwarding_items
from netwright.planner import ports as port_items
from netwright.planner import qos as qos_items
from netwright.planner import vpns as vpn_items
from netwright.planner.gateways import Place
from netwright.planner.ports import is_plugged
from netwright.store import (
    address_groups,
    classic_networks,
    floating_ips,
    gateways,
    groups,
    logs,
    networks,
    port_forwardings,
    ports,
    presence,
    qos,
    subnets,
    vpns,
)
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
    classic = classic_networks.known(connection, ids)
    silent = schedules.not_served(connection, host, ids)
    for network, place in places.items():
        there = place.without_dhcp() if network in silent else place
        item = network_items.item(there, dhcp.get(network), host, used=network in used)
        if item is not None:
            yield replace(item, lease_events=True) if network in classic else item


def _groups(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    used = presence.used_groups(connection, host, [GroupId(one) for one in wanted])
    if used:
        enabled = logs.enabled(connection)
        named = {log.port_id for log in enabled if log.port_id}
        groups_of = presence.groups_of_each(connection, host, named)
        for record in groups.find(connection, {"id": sorted(used)}):
            yield group_items.item(record.value, log_items.of_group(record.value, enabled, groups_of))


def _address_groups(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    used = presence.used_address_groups(connection, host, [AddressGroupId(one) for one in wanted])
    if used:
        found = address_groups.find(connection, {"id": sorted(used)})
        yield from (address_group_items.item(record.value) for record in found)


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


def _served(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    here = presence.served_ports(connection, host, [PortId(one) for one in wanted])
    if here:
        found = ports.find(connection, {"id": sorted(here)})
        around = _around(connection, found)
        yield from (ServedItem(around.item(record)) for record in found)


def _floating_ips(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    here = presence.floating_ips_of(connection, host, [FloatingIpId(one) for one in wanted])
    if not here:
        return
    found = [record.value for record in floating_ips.find(connection, {"id": sorted(here)})]
    behind = {one.association.port_id for one in found if one.association is not None}
    theirs = {record.value.id: record.value for record in ports.find(connection, {"id": behind})}
    near = {port.network_id for port in theirs.values()} | {one.network_id for one in found}
    places = _places(connection, near)
    asked = {one.id: qos_items.policy_of_floating(one, places[one.network_id].network) for one in found}
    policies = qos.find(connection, {policy for policy in asked.values() if policy})
    for one in found:
        if one.association is not None:
            port, policy = theirs[one.association.port_id], asked[one.id]
            network, external = places[port.network_id].network, places[one.network_id].network
            item = floating_items.item(one, network, external, near=is_plugged(port, host))
            if item is not None:
                yield floating_items.limited(item, policies[policy]) if policy else item


def _forwards(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    here = port_forwardings.homes(connection, host, [FloatingIpId(one) for one in wanted])
    if not here:
        return
    found = [record.value for record in floating_ips.find(connection, {"id": sorted(here)})]
    reached = {one for listed in here.values() for one in listed}
    forwardings = [record.value for record in port_forwardings.find(connection, {"id": sorted(reached)})]
    external = {
        record.value.id: record.value
        for record in networks.find(connection, {"id": {one.network_id for one in found}})
    }
    for one in found:
        theirs = [each for each in forwardings if each.floating_ip_id == one.id]
        yield forwarding_items.item(one, external[one.network_id], theirs)


def _vpns(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    found = [record.value for record in vpns.find(connection, {"id": wanted})]
    items = _networks(connection, host, sorted({vpn.network_id for vpn in found}))
    here = {item.id: item for item in items if isinstance(item, NetworkItem)}
    peers: dict[VpnId, list[VpnPeer]] = {}
    for record in vpns.find_peers(connection, {"vpn_id": wanted}) if here else ():
        peers.setdefault(record.value.vpn_id, []).append(record.value)
    for vpn in found:
        network = here.get(vpn.network_id)
        item = network and vpn_items.item(vpn, peers.get(vpn.id, ()), network)
        if item is not None:
            yield item


def _port_qos(connection: sa.Connection, host: HostName, wanted: Collection[str]) -> Iterator[Item]:
    limited = qos.limited_ports(connection, host, [PortId(one) for one in wanted])
    found = [record.value for record in ports.find(connection, {"id": limited})] if limited else []
    near = {port.network_id for port in found}
    homes = {one.value.id: one.value for one in networks.find(connection, {"id": near})} if near else {}
    theirs = {port.id: qos_items.policy_of(port, homes[port.network_id]) for port in found}
    policies = qos.find(connection, {policy for policy in theirs.values() if policy})
    for port in found:
        policy = theirs[port.id]
        item = policy and qos_items.item(port, homes[port.network_id], policies[policy])
        if item:
            yield item


@dataclass(frozen=True, slots=True)
class _Around:
    """What some ports' items are made of, beside the ports themselves."""

    places: Mapping[NetworkId, Place]
    guests: Mapping[tuple[str, str], list[Port]]
    floating: Mapping[PortId, tuple[IPv4Address, ...]]
    group_names: Mapping[GroupId, str]
    logs: Sequence[Log]

    def item(self, record: PortRecord) -> PortItem:
        port = record.value
        same_guest = self.guests.get(_guest(port), [port]) if port.device_id else [port]
        nics = tuple(self._nic(one) for one in same_guest)
        place, logged = self.places[port.network_id], log_items.of_port(port, self.logs)
        return port_items.item(
            port, record.label.name if record.label else None, place, nics, self.group_names, logged
        )

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
    found = [record.value for record in networks.find(connection, {"id": wanted})]
    apart = {network.id for network in found if network.gateway_hosts is not GatewayHosts.EVERY}
    tenures = gateways.tenures(connection, apart) if apart else {}
    own = gateways.own_addresses(connection, apart) if apart else {}
    holders = {network: tenure.host for network, tenure in tenures.items()}
    return {one.id: Place(one, by_network[one.id], holders.get(one.id), own) for one in found}


_READERS: Final = {
    Noun.HOST: _hosts,
    Noun.NETWORK: _networks,
    Noun.GROUP: _groups,
    Noun.ADDRESS_GROUP: _address_groups,
    Noun.PORT: _ports,
    Noun.MEMBER: _members,
    Noun.FLOATING_IP: _floating_ips,
    Noun.FORWARDS: _forwards,
    Noun.SERVED: _served,
    Noun.VPN: _vpns,
    Noun.PORT_QOS: _port_qos,
}
