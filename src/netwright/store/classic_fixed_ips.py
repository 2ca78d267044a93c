"""Fixed IPs that are not free, as rows: none for an address that nobody has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.ids import HostName, Mac, NetworkId, PortId, ProjectId, SubnetId
from netwright.model.intent import Address
from netwright.store import rows
from netwright.store.addresses import address_of, key_of
from netwright.store.tables import addresses, classic_fixed_ips, classic_networks, ports

_LAST_V4: Final = IPv4Address("255.255.255.255")
_AS_THEY_ARE = (
    "network_id", "subnet_id", "updated_at", "instance_uuid", "port_id", "mac", "hostname", "nic", "host",
    "project_id", "leased", "reserved",
)  # fmt: skip


def insert(connection: sa.Connection, fixed: ClassicFixedIp) -> None:
    connection.execute(classic_fixed_ips.insert(), _values(fixed))


def save(connection: sa.Connection, fixed: ClassicFixedIp) -> None:
    connection.execute(classic_fixed_ips.update().where(_row(fixed)), _values(fixed))


def delete(connection: sa.Connection, fixed: ClassicFixedIp) -> None:
    connection.execute(classic_fixed_ips.delete().where(_row(fixed)))


def find(connection: sa.Connection, where: rows.Where) -> list[ClassicFixedIp]:
    """Those that match: of an instance in the order of its interfaces, else by address."""
    return _found(connection, *rows.conditions(classic_fixed_ips, where))


def with_address(connection: sa.Connection, address: Address) -> ClassicFixedIp | None:
    """The one of that address, which no two classic networks have."""
    found = _found(connection, classic_fixed_ips.c.address == key_of(address))
    return found[0] if found else None


def only(fixed: ClassicFixedIp) -> rows.Where:
    """That one and no other."""
    return {"subnet_id": (fixed.subnet_id,), "address": (key_of(fixed.address),)}


def between(connection: sa.Connection, first: Address, last: Address) -> list[ClassicFixedIp]:
    """Those of instances from one address to another, both included."""
    column = classic_fixed_ips.c.address
    return _found(
        connection,
        column >= key_of(first),
        column <= key_of(last),
        classic_fixed_ips.c.life == Life.ALLOCATED.value,
    )


def sixes(connection: sa.Connection) -> Iterator[tuple[str, Address]]:
    """The IPv6 addresses of interfaces on classic networks, each with its instance's uuid."""
    held = sa.select(ports.c.device_id, addresses.c.address).join(ports, addresses.c.port_id == ports.c.id)
    on_classic = held.join(classic_networks, classic_networks.c.network_id == ports.c.network_id)
    # IPv4 addresses sort below all IPv6 ones that an interface can have.
    above = on_classic.where(addresses.c.address > key_of(_LAST_V4), ports.c.device_id != "")
    for device, key in connection.execute(above.order_by(addresses.c.address)):
        yield device, address_of(key)


def stale(connection: sa.Connection, before: datetime, host: HostName | None) -> list[ClassicFixedIp]:
    """Those that wait since `before` or longer; with `host` those that it answers for: it is their network's,
    or, on a multi_host network, their instance's."""
    wanted = [classic_fixed_ips.c.life == Life.WAITING.value, classic_fixed_ips.c.updated_at <= before]
    if host is not None:
        networks = classic_networks
        mine = (networks.c.host == host) | (networks.c.multi_host & (classic_fixed_ips.c.host == host))
        wanted.append(sa.exists().where(networks.c.network_id == classic_fixed_ips.c.network_id, mine))
    return _found(connection, *wanted)


def networks_of(connection: sa.Connection, host: HostName) -> frozenset[NetworkId]:
    """Networks of which the host, or an instance there, has a fixed IP."""
    statement = sa.select(classic_fixed_ips.c.network_id).where(classic_fixed_ips.c.host == host)
    return frozenset(map(NetworkId, connection.execute(statement.distinct()).scalars()))


def count(connection: sa.Connection, where: rows.Where) -> int:
    statement = sa.select(sa.func.count()).select_from(classic_fixed_ips)
    return connection.execute(statement.where(*rows.conditions(classic_fixed_ips, where))).scalar_one()


def next_nic(connection: sa.Connection, instance_uuid: str) -> int:
    """The place of the instance's next interface."""
    mine = classic_fixed_ips.c.instance_uuid == instance_uuid
    highest = connection.execute(sa.select(sa.func.max(classic_fixed_ips.c.nic)).where(mine)).scalar()
    return 0 if highest is None else highest + 1


def first_nics(connection: sa.Connection, instances: Collection[str]) -> Mapping[str, int]:
    """The lowest place among each instance's interfaces."""
    column = classic_fixed_ips.c.instance_uuid
    statement = sa.select(column, sa.func.min(classic_fixed_ips.c.nic)).where(column.in_(list(instances)))
    return {uuid: nic for uuid, nic in connection.execute(statement.group_by(column))}  # noqa: C416 - typed


def move(connection: sa.Connection, instance_uuid: str, host: HostName) -> None:
    """The instance is on that host now."""
    mine = classic_fixed_ips.c.instance_uuid == instance_uuid
    connection.execute(classic_fixed_ips.update().where(mine).values(host=host))


def _found(connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[ClassicFixedIp]:
    order = (classic_fixed_ips.c.nic, classic_fixed_ips.c.address)
    statement = sa.select(classic_fixed_ips).where(*wanted).order_by(*order)
    return [_fixed(row) for row in connection.execute(statement)]


def _row(fixed: ClassicFixedIp) -> sa.ColumnElement[bool]:
    return sa.and_(
        classic_fixed_ips.c.subnet_id == fixed.subnet_id,
        classic_fixed_ips.c.address == key_of(fixed.address),
    )


def _values(fixed: ClassicFixedIp) -> Mapping[str, object]:
    plain = {name: getattr(fixed, name) for name in _AS_THEY_ARE}
    return {**plain, "address": key_of(fixed.address), "life": fixed.life.value}


def _fixed(row: rows.Row) -> ClassicFixedIp:
    return ClassicFixedIp(
        network_id=NetworkId(row.network_id),
        subnet_id=SubnetId(row.subnet_id),
        address=address_of(row.address),
        life=Life(row.life),
        updated_at=row.updated_at,
        instance_uuid=row.instance_uuid,
        port_id=None if row.port_id is None else PortId(row.port_id),
        mac=None if row.mac is None else Mac(row.mac),
        hostname=row.hostname,
        nic=row.nic,
        host=None if row.host is None else HostName(row.host),
        project_id=None if row.project_id is None else ProjectId(row.project_id),
        leased=row.leased,
        reserved=row.reserved,
    )
