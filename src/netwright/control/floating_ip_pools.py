"""Subnets that floating IPs come from: the IPv4 ones of external networks."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.control.nouns import View
from netwright.store import networks, subnets
from netwright.store.rows import Where


def find(connection: sa.Connection, where: Where) -> list[View]:
    """Those whose columns among the subnets' match."""
    external = {record.value.id for record in networks.find(connection, {"external": (True,)})}
    found = [record.value for record in subnets.find(connection, where)]
    return [
        {
            "subnet_id": subnet.id,
            "subnet_name": subnet.name,
            "network_id": subnet.network_id,
            "cidr": str(subnet.cidr),
            "project_id": subnet.project_id,
            "tenant_id": subnet.project_id,
        }
        for subnet in found
        if subnet.network_id in external and subnet.cidr.version == 4
    ]
