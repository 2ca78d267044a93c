"""Networks as rows."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import ConflictError, NotFoundError
from netwright.model.ids import HostName, LinkName, NetworkId, ProjectId, QosPolicyId
from netwright.model.intent import GatewayHosts, GatewayPlace, Network, Vlan
from netwright.store import rows
from netwright.store.address_tables import segments
from netwright.store.records import Record
from netwright.store.tables import networks

LAST_ZONE: Final = 65535
_EXTERNAL: Final = sa.select(networks.c.id).where(networks.c.external)
_HINTS: Final = sa.select(networks.c.id, networks.c.availability_zone_hints)


def insert(connection: sa.Connection, network: Network, now: datetime) -> None:
    rows.insert(connection, networks, _values(network), now)


def save(connection: sa.Connection, network: Network, now: datetime) -> None:
    rows.save(connection, networks, _values(network), now)


def delete(connection: sa.Connection, network: NetworkId) -> None:
    rows.delete(connection, networks, network)


def get(connection: sa.Connection, network: NetworkId) -> Record[Network]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (network,)}):
        return record
    raise NotFoundError("Network", network)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[Network]]:
    """The networks that match, oldest first."""
    found = rows.oldest_first(connection, networks, where)
    return [Record(_network(row), rows.stamps(row)) for row in found]


def external(connection: sa.Connection, among: Collection[NetworkId]) -> frozenset[NetworkId]:
    """The external ones."""
    found = rows.found(connection, _EXTERNAL, networks, rows.few("id", among))
    return frozenset(map(NetworkId, found.scalars()))


def zones(connection: sa.Connection, wanted: Collection[NetworkId]) -> Mapping[NetworkId, tuple[str, ...]]:
    """The availability zones that each should be in."""
    found = rows.found(connection, _HINTS, networks, rows.few("id", wanted))
    return {NetworkId(network): tuple(hints) for network, hints in found}


def save_zones(connection: sa.Connection, network: NetworkId, wanted: Sequence[str]) -> None:
    values = {"availability_zone_hints": list(wanted)}
    connection.execute(networks.update().where(networks.c.id == network), values)


def vlans_of(connection: sa.Connection, uplink: LinkName) -> frozenset[int]:
    """Those VLANs of the link that are networks, or further segments of them."""
    statement = sa.select(segments.c.segmentation_id).where(segments.c.physical_network == uplink)
    return frozenset(number for number in connection.execute(statement).scalars() if number is not None)


def free_zone(connection: sa.Connection, rng: random.Random) -> int:
    """A number that no network has: a random one, or the next free one after it. Raises ConflictError."""
    start = rng.randint(1, LAST_ZONE)
    if not rows.exists(connection, networks, {"zone": (start,)}):
        return start
    other = networks.alias()
    gap = sa.select(networks.c.zone + 1).join_from(
        networks, other, other.c.zone == networks.c.zone + 1, isouter=True
    )
    free = gap.where(other.c.zone.is_(None), networks.c.zone < LAST_ZONE).order_by(networks.c.zone).limit(1)
    above = connection.execute(free.where(networks.c.zone >= start)).scalar()
    found = above or connection.execute(free).scalar()
    if found is not None:
        return int(found)
    if not rows.exists(connection, networks, {"zone": (1,)}):
        return 1
    raise ConflictError(f"All {LAST_ZONE} network numbers of this deployment are in use.")


def _values(network: Network) -> Mapping[str, object]:
    return {
        "id": network.id,
        "project_id": network.project_id,
        "name": network.name,
        "zone": network.zone,
        "mtu": network.mtu,
        "gateway_place": network.gateway_place.value,
        "external": network.external,
        "is_default": network.is_default,
        "shared": network.shared,
        "admin_state_up": network.admin_state_up,
        "port_security_enabled": network.port_security_enabled,
        "description": network.description,
        "dns_domain": network.dns_domain,
        "uplink": network.uplink,
        "nat": network.nat,
        "host_access": network.host_access,
        "shared_gateway": network.shared_gateway,
        "bridge": network.bridge,
        "gateway_hosts": network.gateway_hosts.value,
        "gateway_host": network.gateway_host,
        "segmentation_id": network.vlan and network.vlan.id,
        "vlan_link": network.vlan and network.vlan.link,
        "qos_policy_id": network.qos_policy_id,
    }


def _network(row: rows.Row) -> Network:
    return Network(
        id=NetworkId(row.id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        zone=row.zone,
        mtu=row.mtu,
        gateway_place=GatewayPlace(row.gateway_place),
        external=row.external,
        is_default=row.is_default,
        shared=row.shared,
        admin_state_up=row.admin_state_up,
        port_security_enabled=row.port_security_enabled,
        description=row.description,
        dns_domain=row.dns_domain,
        uplink=_link(row.uplink),
        nat=row.nat,
        host_access=row.host_access,
        shared_gateway=row.shared_gateway,
        bridge=_link(row.bridge),
        gateway_hosts=GatewayHosts(row.gateway_hosts),
        gateway_host=None if row.gateway_host is None else HostName(row.gateway_host),
        vlan=Vlan(row.segmentation_id, LinkName(row.vlan_link)) if row.segmentation_id else None,
        qos_policy_id=None if row.qos_policy_id is None else QosPolicyId(row.qos_policy_id),
    )


def _link(name: str | None) -> LinkName | None:
    return None if name is None else LinkName(name)
