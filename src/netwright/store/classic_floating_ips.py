"""What nova kept of floating IPs, as rows: none for one that is neither auto-assigned nor on the move."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address

import sqlalchemy as sa

from netwright.model.classic_floating_ips import ClassicFloatingIp, Moving
from netwright.model.ids import FloatingIpId, HostName, PortId, SubnetId
from netwright.store import rows
from netwright.store.addresses import address_of, key_of
from netwright.store.tables import addresses, classic_floating_ips, floating_ips, networks


def save(connection: sa.Connection, classic: ClassicFloatingIp) -> None:
    """Writes the row, or drops it where it would say nothing."""
    connection.execute(classic_floating_ips.delete().where(classic_floating_ips.c.id == classic.id))
    if classic != ClassicFloatingIp(classic.id):
        connection.execute(classic_floating_ips.insert(), _values(classic))


def of(connection: sa.Connection, ids: Collection[FloatingIpId]) -> Mapping[FloatingIpId, ClassicFloatingIp]:
    """What is kept of each of these; most have no row."""
    found = {one: ClassicFloatingIp(one) for one in ids}
    if found:
        where = rows.conditions(classic_floating_ips, {"id": ids})
        for row in connection.execute(sa.select(classic_floating_ips).where(*where)):
            found[FloatingIpId(row.id)] = _classic(row)
    return found


def moving_of_ports(connection: sa.Connection, ports: Collection[PortId]) -> list[FloatingIpId]:
    """Those that are between two hosts, and will stand for one of the ports again."""
    column = classic_floating_ips.c
    statement = sa.select(column.id).where(column.port_id.in_(list(ports))).order_by(column.id)
    return [FloatingIpId(one) for one in connection.execute(statement).scalars()]


def count(connection: sa.Connection, project: str) -> int:
    """The project's floating IPs, without those that came with their instances."""
    auto = sa.exists().where(
        classic_floating_ips.c.id == floating_ips.c.id, classic_floating_ips.c.auto_assigned
    )
    statement = sa.select(sa.func.count()).select_from(floating_ips)
    return connection.execute(statement.where(floating_ips.c.project_id == project, ~auto)).scalar_one()


def pools(connection: sa.Connection) -> list[str]:
    """The names of external networks, each once, in order."""
    statement = sa.select(networks.c.name).where(networks.c.external).distinct().order_by(networks.c.name)
    return list(connection.execute(statement).scalars())


def used_between(
    connection: sa.Connection, subnet: SubnetId, first: IPv4Address, last: IPv4Address
) -> list[IPv4Address]:
    """Addresses from one to another, both included, that floating IPs have, in order."""
    column = addresses.c
    statement = sa.select(column.address).where(
        column.subnet_id == subnet,
        column.floating_ip_id.is_not(None),
        column.address >= key_of(first),
        column.address <= key_of(last),
    )
    found = connection.execute(statement.order_by(column.address)).scalars()
    return [one for one in map(address_of, found) if isinstance(one, IPv4Address)]


def _values(classic: ClassicFloatingIp) -> Mapping[str, object]:
    moving = classic.moving
    return {
        "id": classic.id,
        "auto_assigned": classic.auto_assigned,
        "port_id": moving and moving.port_id,
        "fixed_address": moving and str(moving.fixed_address),
        "left_host": moving and moving.left_host,
        "since": moving and moving.since,
    }


def _classic(row: rows.Row) -> ClassicFloatingIp:
    moving = None
    if row.port_id is not None:
        left = None if row.left_host is None else HostName(row.left_host)
        moving = Moving(PortId(row.port_id), IPv4Address(row.fixed_address), left, row.since)
    return ClassicFloatingIp(FloatingIpId(row.id), row.auto_assigned, moving)
