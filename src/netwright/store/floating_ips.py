"""Floating IPs as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import FloatingIpId, NetworkId, PortId, ProjectId, QosPolicyId, RouterId
from netwright.model.intent import Association, FloatingIp
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.tables import floating_ips

STOOD_FOR: Final = sa.select(floating_ips.c.port_id).where(floating_ips.c.port_id.is_not(None))
"""The ports behind all floating IPs, as a statement."""


def insert(connection: sa.Connection, floating: FloatingIp, now: datetime) -> None:
    """The row; its address is taken apart (store.addresses), and set with `fill`."""
    rows.insert(connection, floating_ips, _values(floating), now)


def save(connection: sa.Connection, floating: FloatingIp, now: datetime) -> None:
    rows.save(connection, floating_ips, _values(floating), now)


def fill(connection: sa.Connection, floating: FloatingIp) -> None:
    """Completes a row of the same transaction: no new revision."""
    rows.fill(connection, floating_ips, _values(floating))


def delete(connection: sa.Connection, floating: FloatingIpId) -> None:
    rows.delete(connection, floating_ips, floating)


def get(connection: sa.Connection, floating: FloatingIpId) -> Record[FloatingIp]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (floating,)}):
        return record
    raise NotFoundError("FloatingIP", floating)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[FloatingIp]]:
    """The floating IPs that match, oldest first."""
    found = rows.oldest_first(connection, floating_ips, where)
    return [Record(_floating_ip(row), rows.stamps(row)) for row in found]


def _values(floating: FloatingIp) -> Mapping[str, object]:
    association = floating.association
    return {
        "id": floating.id,
        "project_id": floating.project_id,
        "network_id": floating.network_id,
        "address": str(floating.address),
        "port_id": association and association.port_id,
        "fixed_address": association and str(association.fixed_address),
        "router_id": floating.router_id,
        "description": floating.description,
        "dns_name": floating.dns_name,
        "dns_domain": floating.dns_domain,
        "qos_policy_id": floating.qos_policy_id,
    }


def _floating_ip(row: rows.Row) -> FloatingIp:
    association = None
    if row.port_id is not None:
        association = Association(PortId(row.port_id), IPv4Address(row.fixed_address))
    return FloatingIp(
        id=FloatingIpId(row.id),
        project_id=ProjectId(row.project_id),
        network_id=NetworkId(row.network_id),
        address=IPv4Address(row.address),
        association=association,
        router_id=None if row.router_id is None else RouterId(row.router_id),
        description=row.description,
        dns_name=row.dns_name,
        dns_domain=row.dns_domain,
        qos_policy_id=None if row.qos_policy_id is None else QosPolicyId(row.qos_policy_id),
    )
