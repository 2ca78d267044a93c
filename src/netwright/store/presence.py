"""What a host needs of everything: the ports plugged there, and the networks and groups that those use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeVar

import sqlalchemy as sa

from netwright.model.ids import AddressGroupId, FloatingIpId, GroupId, HostName, NetworkId, PortId
from netwright.model.intent import GatewayHosts, GatewayPlace
from netwright.store import rows
from netwright.store.ports import UNPLUGGED
from netwright.store.tables import floating_ips, gateways, groups, networks, port_groups, ports, rules

Id = TypeVar("Id")
_OTHER: Final = ports.alias()
_SIBLINGS: Final = (
    sa.select(_OTHER.c.id)
    .join_from(
        ports,
        _OTHER,
        (_OTHER.c.device_id == ports.c.device_id) & (_OTHER.c.project_id == ports.c.project_id),
    )
    .where(ports.c.device_id != "")
    .distinct()
)
_NETWORKS: Final = sa.select(ports.c.network_id).distinct()
_REMOTES: Final = sa.select(rules.c.remote_group_id).where(rules.c.remote_group_id.is_not(None)).distinct()
_REMOTE_ADDRESSES: Final = (
    sa.select(rules.c.remote_address_group_id).where(rules.c.remote_address_group_id.is_not(None)).distinct()
)
_FLOATING_IPS: Final = sa.select(floating_ips.c.id)


def plugged_ports(connection: sa.Connection, host: HostName) -> frozenset[PortId]:
    return _ids(connection, sa.select(ports.c.id).where(*_plugged(host)))


def used_networks(
    connection: sa.Connection, host: HostName, among: Collection[NetworkId] | None = None
) -> frozenset[NetworkId]:
    """Networks with a port plugged on the host."""
    if among is None:
        return _ids(connection, sa.select(ports.c.network_id).where(*_plugged(host)).distinct())
    on_it = sa.exists().where(ports.c.network_id == networks.c.id, *_plugged(host))
    return _ids(connection, sa.select(networks.c.id).where(networks.c.id.in_(among), on_it))


def host_networks(connection: sa.Connection) -> frozenset[NetworkId]:
    """Networks whose gateways are on hosts, used or not."""
    statement = sa.select(networks.c.id).where(networks.c.gateway_place == GatewayPlace.HOST.value)
    return _ids(connection, statement)


def used_groups(
    connection: sa.Connection, host: HostName, among: Collection[GroupId] | None = None
) -> frozenset[GroupId]:
    """Groups of ports plugged on the host, and the remote groups that their rules name."""
    direct = _is_direct(host, groups.c.id)
    named = sa.exists().where(rules.c.remote_group_id == groups.c.id, _is_direct(host, rules.c.group_id))
    statement = sa.select(groups.c.id).where(direct | named)
    return _ids(connection, statement if among is None else statement.where(groups.c.id.in_(among)))


def named_groups(connection: sa.Connection, host: HostName) -> frozenset[GroupId]:
    """The remote groups that rules of groups of ports plugged on the host name."""
    named = sa.select(rules.c.remote_group_id).where(rules.c.remote_group_id.is_not(None))
    return _ids(connection, named.where(_is_direct(host, rules.c.group_id)).distinct())


def used_address_groups(
    connection: sa.Connection, host: HostName, among: Collection[AddressGroupId] | None = None
) -> frozenset[AddressGroupId]:
    """The address groups that rules of groups of ports plugged on the host name."""
    column = rules.c.remote_address_group_id
    named = sa.select(column).where(_is_direct(host, rules.c.group_id))
    chosen = column.is_not(None) if among is None else column.in_(among)
    return _ids(connection, named.where(chosen).distinct())


def kept_groups(
    connection: sa.Connection, host: HostName, among: Collection[GroupId], but: Collection[PortId]
) -> frozenset[GroupId]:
    """Those of the groups that a port plugged on the host is in, leaving the ports `but` out of account."""
    in_use = _is_direct(host, groups.c.id, ports.c.id.not_in(but))
    return _ids(connection, sa.select(groups.c.id).where(groups.c.id.in_(among), in_use))


def plugged_elsewhere(
    connection: sa.Connection, host: HostName, among: Collection[PortId]
) -> frozenset[PortId]:
    """Those of the ports that are plugged on another host."""
    return _ids(connection, sa.select(ports.c.id).where(ports.c.id.in_(among), *_elsewhere(host)))


def members_elsewhere(
    connection: sa.Connection, host: HostName, affected: Collection[GroupId]
) -> frozenset[PortId]:
    """Ports plugged on other hosts that are in one of the groups."""
    statement = sa.select(ports.c.id).join(port_groups).where(*_elsewhere(host))
    return _ids(connection, statement.where(port_groups.c.group_id.in_(affected)).distinct())


def hosts_on(connection: sa.Connection, network: NetworkId) -> frozenset[HostName]:
    """The hosts on which a port of the network is plugged."""
    plugged = (ports.c.network_id == network, ports.c.attachment != UNPLUGGED, ports.c.host.is_not(None))
    return _ids(connection, sa.select(ports.c.host).where(*plugged).distinct())


def served_ports(
    connection: sa.Connection, host: HostName, among: Collection[PortId] | None = None
) -> frozenset[PortId]:
    """Ports plugged on other hosts whose networks' gateways this host holds for all."""
    statement = sa.select(ports.c.id).where(*_served(host))
    return _ids(connection, statement if among is None else statement.where(ports.c.id.in_(among)))


def any_served(connection: sa.Connection) -> bool:
    """Whether there is a gateway that one host holds for all."""
    return connection.execute(sa.select(gateways.c.network_id).limit(1)).first() is not None


def plugged_on(connection: sa.Connection, affected: Collection[NetworkId]) -> frozenset[PortId]:
    """Ports of the networks that are plugged anywhere."""
    theirs = ports.c.network_id.in_(affected)
    return _ids(connection, sa.select(ports.c.id).where(theirs, ports.c.attachment != UNPLUGGED))


def floating_ips_of(
    connection: sa.Connection, host: HostName, among: Collection[FloatingIpId] | None = None
) -> frozenset[FloatingIpId]:
    """Floating IPs that live on the host: with their plugged port, or with the one gateway of its network.

    Those that a router translates do not.
    """
    kept_by_one = networks.c.gateway_hosts == GatewayHosts.ONE.value
    home = sa.case((kept_by_one, gateways.c.host), else_=ports.c.host)
    statement = (
        sa.select(floating_ips.c.id)
        .join(ports, floating_ips.c.port_id == ports.c.id)
        .join(networks, ports.c.network_id == networks.c.id)
        .join(gateways, gateways.c.network_id == networks.c.id, isouter=True)
        .where(home == host, ports.c.attachment != UNPLUGGED, floating_ips.c.router_id.is_(None))
    )
    return _ids(connection, statement if among is None else statement.where(floating_ips.c.id.in_(among)))


def floating_ips_about(connection: sa.Connection, affected: Collection[NetworkId]) -> frozenset[FloatingIpId]:
    """Associated floating IPs whose address is from one of the networks, or whose port is on one."""
    near = floating_ips.c.network_id.in_(affected) | ports.c.network_id.in_(affected)
    return _ids(connection, sa.select(floating_ips.c.id).join(ports).where(near))


def ports_about(
    connection: sa.Connection, host: HostName, affected: Collection[NetworkId], *, served: bool = False
) -> frozenset[PortId]:
    """Ports plugged on the host (or served there) on one of the networks, or whose guest has one there."""
    guests = sa.select(ports.c.device_id).where(ports.c.network_id.in_(affected), ports.c.device_id != "")
    near = ports.c.network_id.in_(affected) | ports.c.device_id.in_(guests)
    return _ids(connection, sa.select(ports.c.id).where(*(_served if served else _plugged)(host), near))


def ports_of_groups(
    connection: sa.Connection, host: HostName, affected: Collection[GroupId], *, served: bool = False
) -> frozenset[PortId]:
    """Ports plugged on the host (or served there) that are in one of the groups."""
    statement = sa.select(ports.c.id).join(port_groups).where(*(_served if served else _plugged)(host))
    return _ids(connection, statement.where(port_groups.c.group_id.in_(affected)))


def groups_of_ports(
    connection: sa.Connection, host: HostName, affected: Collection[PortId]
) -> frozenset[GroupId]:
    """Groups of those of the ports that are plugged on the host."""
    here = sa.select(port_groups.c.group_id).join(ports).where(*_plugged(host))
    return _ids(connection, here.where(port_groups.c.port_id.in_(affected)).distinct())


def groups_of_each(
    connection: sa.Connection, host: HostName, affected: Collection[PortId]
) -> Mapping[PortId, frozenset[GroupId]]:
    """The groups of each of those ports that is plugged on the host; nothing is asked for none."""
    found: dict[PortId, set[GroupId]] = {}
    here = sa.select(port_groups).join(ports).where(*_plugged(host), port_groups.c.port_id.in_(affected))
    for row in connection.execute(here) if affected else ():
        found.setdefault(PortId(row.port_id), set()).add(GroupId(row.group_id))
    return {port: frozenset(theirs) for port, theirs in found.items()}


def remote_groups(connection: sa.Connection, affected: Collection[GroupId]) -> frozenset[GroupId]:
    """The groups that the groups' rules name as their remotes."""
    found = rows.found(connection, _REMOTES, rules, {"group_id": tuple(affected)})
    return frozenset(map(GroupId, found.scalars()))


def address_groups_named(
    connection: sa.Connection, affected: Collection[GroupId]
) -> frozenset[AddressGroupId]:
    """The address groups that the groups' rules name as their remotes."""
    found = rows.found(connection, _REMOTE_ADDRESSES, rules, {"group_id": tuple(affected)})
    return frozenset(map(AddressGroupId, found.scalars()))


def floating_ips_of_ports(connection: sa.Connection, affected: Collection[PortId]) -> frozenset[FloatingIpId]:
    found = rows.found(connection, _FLOATING_IPS, floating_ips, {"port_id": tuple(affected)})
    return frozenset(map(FloatingIpId, found.scalars()))


def networks_of_ports(connection: sa.Connection, affected: Collection[PortId]) -> frozenset[NetworkId]:
    found = rows.found(connection, _NETWORKS, ports, {"id": tuple(affected)})
    return frozenset(map(NetworkId, found.scalars()))


def siblings(connection: sa.Connection, affected: Collection[PortId]) -> frozenset[PortId]:
    """The other ports of the same guests: same project, same device_id."""
    found = rows.found(connection, _SIBLINGS, ports, {"id": tuple(affected)})
    return frozenset(map(PortId, found.scalars()))


def group_names(connection: sa.Connection, wanted: Collection[GroupId]) -> Mapping[GroupId, str]:
    statement = sa.select(groups.c.id, groups.c.name).where(groups.c.id.in_(wanted))
    return {GroupId(group): name for group, name in connection.execute(statement)}


def _plugged(host: HostName) -> tuple[sa.ColumnElement[bool], ...]:
    return ports.c.host == host, ports.c.attachment != UNPLUGGED


def _served(host: HostName) -> tuple[sa.ColumnElement[bool], ...]:
    held = sa.select(gateways.c.network_id).where(gateways.c.host == host)
    return *_elsewhere(host), ports.c.network_id.in_(held)


def _elsewhere(host: HostName) -> tuple[sa.ColumnElement[bool], ...]:
    return ports.c.host != host, ports.c.attachment != UNPLUGGED


def _is_direct(
    host: HostName, group: sa.ColumnElement[str], *further: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Whether a plugged port is in the group. Correlated by hand: the group may be of an outer table."""
    member = sa.select(sa.literal(1)).select_from(port_groups.join(ports))
    return sa.exists(member.where(port_groups.c.group_id == group, *_plugged(host), *further))


def _ids(connection: sa.Connection, statement: sa.Select[Id]) -> frozenset[Id]:
    return frozenset(connection.execute(statement).scalars())
