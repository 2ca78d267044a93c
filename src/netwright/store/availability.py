"""How many addresses of each subnet are in use."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from netwright.store.tables import addresses


def used(connection: sa.Connection) -> Mapping[str, int]:
    """By subnet: those of ports and floating IPs."""
    held = addresses.c.port_id.is_not(None) | addresses.c.floating_ip_id.is_not(None)
    statement = sa.select(addresses.c.subnet_id, sa.func.count()).where(held).group_by(addresses.c.subnet_id)
    return {str(subnet): int(count) for subnet, count in connection.execute(statement)}
