"""How many addresses a network has, and how many of these are in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from netwright.control.nouns import View
from netwright.model.intent import Network, Subnet
from netwright.store import availability, networks, subnets
from netwright.store.rows import Where


def find(connection: sa.Connection, where: Where) -> list[View]:
    """One view for each network that matches, oldest first."""
    found = [record.value for record in networks.find(connection, where)]
    theirs = subnets.by_network(connection, [network.id for network in found])
    inside = [subnet.id for network in found for subnet in theirs.get(network.id, ())]
    used = availability.used(connection, inside)
    return [_view(network, theirs.get(network.id, ()), used) for network in found]


def _view(network: Network, theirs: Sequence[Subnet], used: Mapping[str, int]) -> View:
    each = [
        {
            "subnet_id": subnet.id,
            "subnet_name": subnet.name,
            "cidr": str(subnet.cidr),
            "ip_version": subnet.cidr.version,
            "total_ips": size(subnet),
            "used_ips": used.get(subnet.id, 0),
        }
        for subnet in theirs
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(size(subnet) for subnet in theirs),
        "used_ips": sum(used.get(subnet.id, 0) for subnet in theirs),
        "subnet_ip_availability": each,
    }


def size(subnet: Subnet) -> int:
    """How many addresses its pools have."""
    return sum(int(pool.end) - int(pool.start) + 1 for pool in subnet.pools)
