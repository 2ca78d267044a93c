"""Subnets as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import NetworkId, ProjectId, SubnetId
from netwright.model.intent import GatewayPlace, HostRoute, Ipv6Mode, Pool, Prefix, Subnet
from netwright.store import rows
from netwright.store.address_tables import subnet_pools
from netwright.store.records import Record
from netwright.store.tables import networks, subnets

_IDS: Final = sa.select(subnets.c.network_id, subnets.c.id).order_by(subnets.c.created_at, subnets.c.id)
_SCOPES: Final = (
    sa.select(subnets.c.network_id, subnet_pools.c.ip_version, subnet_pools.c.address_scope_id)
    .join_from(subnets, subnet_pools)
    .where(subnet_pools.c.address_scope_id.is_not(None))
)


def insert(connection: sa.Connection, subnet: Subnet, now: datetime) -> None:
    rows.insert(connection, subnets, _values(subnet), now)


def save(connection: sa.Connection, subnet: Subnet, now: datetime) -> None:
    rows.save(connection, subnets, _values(subnet), now)


def delete(connection: sa.Connection, subnet: SubnetId) -> None:
    rows.delete(connection, subnets, subnet)


def get(connection: sa.Connection, subnet: SubnetId) -> Record[Subnet]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (subnet,)}):
        return record
    raise NotFoundError("Subnet", subnet)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[Subnet]]:
    """The subnets that match, oldest first."""
    found = rows.oldest_first(connection, subnets, where)
    return [Record(_subnet(row), rows.stamps(row)) for row in found]


def of_network(connection: sa.Connection, network: NetworkId) -> tuple[Subnet, ...]:
    return tuple(record.value for record in find(connection, {"network_id": (network,)}))


def by_network(
    connection: sa.Connection, only: Collection[NetworkId]
) -> Mapping[NetworkId, Sequence[Subnet]]:
    """Each network's subnets, oldest first; of others, too, where they are many."""
    found: dict[NetworkId, list[Subnet]] = {}
    for record in find(connection, rows.few("network_id", only)):
        found.setdefault(record.value.network_id, []).append(record.value)
    return found


def of_host_networks(connection: sa.Connection) -> Iterator[tuple[SubnetId, NetworkId, Prefix]]:
    """The subnets whose prefixes are routed on hosts, and so may not overlap, with their networks."""
    statement = sa.select(subnets.c.id, subnets.c.network_id, subnets.c.cidr).join(networks)
    on_hosts = statement.where(networks.c.gateway_place == GatewayPlace.HOST.value, ~networks.c.external)
    for subnet, network, cidr in connection.execute(on_hosts):
        yield SubnetId(subnet), NetworkId(network), rows.prefix(cidr)


def ids_by_network(connection: sa.Connection, only: Collection[NetworkId]) -> dict[NetworkId, list[SubnetId]]:
    """The ids of each network's subnets, oldest first; of others, too, where they are many."""
    found: dict[NetworkId, list[SubnetId]] = {}
    for network, subnet in rows.found(connection, _IDS, subnets, rows.few("network_id", only)):
        found.setdefault(NetworkId(network), []).append(SubnetId(subnet))
    return found


def scopes_by_network(
    connection: sa.Connection, only: Collection[NetworkId]
) -> dict[NetworkId, dict[int, str]]:
    """The address scopes of the pools that networks' subnets are from, by IP version; of others, too, where
    they are many."""
    found: dict[NetworkId, dict[int, str]] = {}
    for network, version, scope in rows.found(connection, _SCOPES, subnets, rows.few("network_id", only)):
        found.setdefault(NetworkId(network), {})[version] = scope
    return found


def _values(subnet: Subnet) -> Mapping[str, object]:
    return {
        "id": subnet.id,
        "network_id": subnet.network_id,
        "project_id": subnet.project_id,
        "name": subnet.name,
        "cidr": str(subnet.cidr),
        "gateway_ip": rows.text_or_none(subnet.gateway_ip),
        "enable_dhcp": subnet.enable_dhcp,
        "pools": [[str(pool.start), str(pool.end)] for pool in subnet.pools],
        "dns_nameservers": [str(server) for server in subnet.dns_nameservers],
        "host_routes": [[str(route.destination), str(route.nexthop)] for route in subnet.host_routes],
        "ipv6_ra_mode": subnet.ipv6_ra_mode and subnet.ipv6_ra_mode.value,
        "ipv6_address_mode": subnet.ipv6_address_mode and subnet.ipv6_address_mode.value,
        "description": subnet.description,
        "subnetpool_id": subnet.subnetpool_id,
        "segment_id": subnet.segment_id,
        "service_types": subnet.service_types,
        "dns_publish_fixed_ip": subnet.dns_publish_fixed_ip,
    }


def _subnet(row: rows.Row) -> Subnet:
    return Subnet(
        id=SubnetId(row.id),
        network_id=NetworkId(row.network_id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        cidr=ip_network(row.cidr),
        gateway_ip=rows.address_or_none(row.gateway_ip),
        enable_dhcp=row.enable_dhcp,
        pools=tuple(Pool(ip_address(start), ip_address(end)) for start, end in row.pools),
        dns_nameservers=tuple(map(ip_address, row.dns_nameservers)),
        host_routes=tuple(HostRoute(ip_network(to), ip_address(via)) for to, via in row.host_routes),
        ipv6_ra_mode=None if row.ipv6_ra_mode is None else Ipv6Mode(row.ipv6_ra_mode),
        ipv6_address_mode=None if row.ipv6_address_mode is None else Ipv6Mode(row.ipv6_address_mode),
        description=row.description,
        subnetpool_id=row.subnetpool_id,
        segment_id=row.segment_id,
        service_types=tuple(row.service_types),
        dns_publish_fixed_ip=row.dns_publish_fixed_ip,
    )
