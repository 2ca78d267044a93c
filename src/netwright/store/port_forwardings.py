"""Port forwardings of floating IPs as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from ipaddress import IPv4Address

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import FloatingIpId, HostName, NetworkId, PortForwardingId, PortId
from netwright.model.intent import GatewayHosts, PortForwarding, Ports
from netwright.store import rows
from netwright.store.ports import UNPLUGGED
from netwright.store.records import Record
from netwright.store.tables import floating_ips, gateways, networks, port_forwardings, ports


def insert(connection: sa.Connection, forwarding: PortForwarding, now: datetime) -> None:
    rows.insert(connection, port_forwardings, _values(forwarding), now)


def save(connection: sa.Connection, forwarding: PortForwarding, now: datetime) -> None:
    rows.save(connection, port_forwardings, _values(forwarding), now)


def delete(connection: sa.Connection, forwarding: PortForwardingId) -> None:
    rows.delete(connection, port_forwardings, forwarding)


def get(connection: sa.Connection, forwarding: PortForwardingId) -> Record[PortForwarding]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (forwarding,)}):
        return record
    raise NotFoundError("PortForwarding", forwarding)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[PortForwarding]]:
    """The forwardings that match, oldest first."""
    found = rows.oldest_first(connection, port_forwardings, where)
    return [Record(_forwarding(row), rows.stamps(row)) for row in found]


def homes(
    connection: sa.Connection, host: HostName, among: Collection[FloatingIpId] | None = None
) -> Mapping[FloatingIpId, list[PortForwardingId]]:
    """The floating IPs that live on the host with their forwardings, and those whose ports the host reaches.

    A floating IP lives where the plugged port of its oldest forwarding does, or with the one gateway of that
    port's network; nowhere where a router translates.
    """
    kept_by_one = networks.c.gateway_hosts == GatewayHosts.ONE.value
    home = sa.case((kept_by_one, gateways.c.host), else_=ports.c.host)
    statement = (
        sa.select(port_forwardings.c.id, port_forwardings.c.floating_ip_id, home.label("home"))
        .join(ports, port_forwardings.c.port_id == ports.c.id)
        .join(floating_ips, port_forwardings.c.floating_ip_id == floating_ips.c.id)
        .join(networks, ports.c.network_id == networks.c.id)
        .join(gateways, gateways.c.network_id == networks.c.id, isouter=True)
        .where(ports.c.attachment != UNPLUGGED, home.is_not(None), floating_ips.c.router_id.is_(None))
        .order_by(port_forwardings.c.created_at, port_forwardings.c.id)
    )
    if among is not None:
        statement = statement.where(port_forwardings.c.floating_ip_id.in_(among))
    lives: dict[FloatingIpId, str] = {}
    reached: dict[FloatingIpId, list[PortForwardingId]] = {}
    for forwarding, floating, at in connection.execute(statement):
        if lives.setdefault(FloatingIpId(floating), at) == at == host:
            reached.setdefault(FloatingIpId(floating), []).append(PortForwardingId(forwarding))
    return reached


def of_ports(connection: sa.Connection, affected: Collection[PortId]) -> frozenset[FloatingIpId]:
    """The floating IPs that forward to one of the ports."""
    column = port_forwardings.c.floating_ip_id
    statement = sa.select(column).where(port_forwardings.c.port_id.in_(affected))
    return frozenset(map(FloatingIpId, connection.execute(statement.distinct()).scalars()))


def about_networks(connection: sa.Connection, affected: Collection[NetworkId]) -> frozenset[FloatingIpId]:
    """The floating IPs with forwardings whose address is from one of the networks, or which forward there."""
    near = floating_ips.c.network_id.in_(affected) | ports.c.network_id.in_(affected)
    statement = (
        sa.select(port_forwardings.c.floating_ip_id)
        .join(floating_ips, port_forwardings.c.floating_ip_id == floating_ips.c.id)
        .join(ports, port_forwardings.c.port_id == ports.c.id)
        .where(near)
    )
    return frozenset(map(FloatingIpId, connection.execute(statement.distinct()).scalars()))


def _values(forwarding: PortForwarding) -> Mapping[str, object]:
    return {
        "id": forwarding.id,
        "floating_ip_id": forwarding.floating_ip_id,
        "protocol": forwarding.protocol,
        "external_first": forwarding.external.first,
        "external_last": forwarding.external.last,
        "port_id": forwarding.port_id,
        "internal_address": str(forwarding.internal_address),
        "internal_first": forwarding.internal.first,
        "internal_last": forwarding.internal.last,
        "description": forwarding.description,
    }


def _forwarding(row: rows.Row) -> PortForwarding:
    return PortForwarding(
        id=PortForwardingId(row.id),
        floating_ip_id=FloatingIpId(row.floating_ip_id),
        protocol=row.protocol,
        external=Ports(row.external_first, row.external_last),
        port_id=PortId(row.port_id),
        internal_address=IPv4Address(row.internal_address),
        internal=Ports(row.internal_first, row.internal_last),
        description=row.description,
    )
