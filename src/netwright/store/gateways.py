"""Which hosts hold networks' gateways, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from netwright.model.ids import HostName, NetworkId, SubnetId
from netwright.model.intent import Address
from netwright.store import addresses as address_store
from netwright.store.tables import addresses, gateways, subnets


@dataclass(frozen=True, slots=True)
class Tenure:
    """A host that holds a network's gateway. `term` grows each time that another one takes it."""

    host: HostName
    term: int


def tenures(connection: sa.Connection, wanted: Collection[NetworkId]) -> Mapping[NetworkId, Tenure]:
    """Of networks whose gateway one host holds."""
    found = connection.execute(sa.select(gateways).where(gateways.c.network_id.in_(wanted)))
    return {NetworkId(row.network_id): Tenure(HostName(row.host), row.term) for row in found}


def take(connection: sa.Connection, network: NetworkId, host: HostName, after: Tenure | None) -> bool:
    """Makes the host the holder; False where somebody else has taken the gateway since `after` was read."""
    if after is None:
        row = {"network_id": network, "host": host, "term": 1}
        return connection.execute(gateways.insert(), row).rowcount == 1
    same = (gateways.c.network_id == network, gateways.c.term == after.term)
    changed = connection.execute(gateways.update().where(*same).values(host=host, term=after.term + 1))
    return changed.rowcount == 1


def give_up(connection: sa.Connection, network: NetworkId) -> None:
    connection.execute(gateways.delete().where(gateways.c.network_id == network))


def own_addresses(
    connection: sa.Connection, wanted: Collection[NetworkId]
) -> Mapping[tuple[HostName, SubnetId], Address]:
    """Those that hosts hold for themselves on the networks' subnets."""
    statement = (
        sa.select(addresses.c.host, addresses.c.subnet_id, addresses.c.address)
        .join_from(addresses, subnets)
        .where(subnets.c.network_id.in_(wanted), addresses.c.host.is_not(None))
        .order_by(addresses.c.host, addresses.c.address)
    )
    return {
        (HostName(row.host), SubnetId(row.subnet_id)): address_store.address_of(row.address)
        for row in connection.execute(statement)
    }
