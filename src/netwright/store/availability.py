"""How many addresses of each subnet are in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from netwright.model.ids import SubnetId
from netwright.store import rows
from netwright.store.tables import addresses

_HELD: Final = (
    sa.select(addresses.c.subnet_id, sa.func.count())
    .where(addresses.c.port_id.is_not(None) | addresses.c.floating_ip_id.is_not(None))
    .group_by(addresses.c.subnet_id)
)


def used(connection: sa.Connection, among: Collection[SubnetId]) -> Mapping[str, int]:
    """By subnet: those of ports and floating IPs; of others, too, where they are many."""
    found = rows.found(connection, _HELD, addresses, rows.few("subnet_id", among))
    return {str(subnet): int(count) for subnet, count in found}
