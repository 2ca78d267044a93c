"""Leases as rows: the last one of each address that ever had one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from netwright.model.ids import Mac, NetworkId, SubnetId
from netwright.model.intent import Address
from netwright.store import rows
from netwright.store.addresses import address_of, key_of
from netwright.store.tables import addresses, leases, ports, subnets

_CHUNK: Final = 500
"""Rows that one statement names; databases bound the number of its parameters."""


class LeaseKey(NamedTuple):
    subnet: SubnetId
    address: Address


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """`released_at` None: it is leased."""

    subnet: SubnetId
    address: Address
    mac: Mac | None
    leased_at: datetime
    released_at: datetime | None = None

    @property
    def key(self) -> LeaseKey:
        return LeaseKey(self.subnet, self.address)

    @property
    def is_held(self) -> bool:
        return self.released_at is None


def of_keys(connection: sa.Connection, keys: Collection[LeaseKey]) -> Mapping[LeaseKey, LeaseRecord]:
    """The last leases of these addresses."""
    listed = [(key.subnet, key_of(key.address)) for key in keys]
    found = {}
    for at in range(0, len(listed), _CHUNK):
        named = sa.tuple_(leases.c.subnet_id, leases.c.address).in_(listed[at : at + _CHUNK])
        for row in connection.execute(sa.select(leases).where(named)):
            found[_record(row).key] = _record(row)
    return found


def of_network(connection: sa.Connection, network: NetworkId) -> list[LeaseRecord]:
    """The network's, by address."""
    statement = sa.select(leases).join(subnets).where(subnets.c.network_id == network)
    return [_record(row) for row in connection.execute(statement.order_by(leases.c.address))]


def of_address(connection: sa.Connection, address: Address) -> list[LeaseRecord]:
    """On whatever subnet: networks of different tenants may have the same."""
    statement = sa.select(leases).where(leases.c.address == key_of(address))
    return [_record(row) for row in connection.execute(statement.order_by(leases.c.subnet_id))]


def unowned(connection: sa.Connection, before: datetime) -> list[LeaseRecord]:
    """Held since before that moment, by a MAC that no port with that address has."""
    same = (addresses.c.subnet_id == leases.c.subnet_id) & (addresses.c.address == leases.c.address)
    owner = sa.exists().where(
        same,
        addresses.c.port_id == ports.c.id,
        leases.c.mac.is_(None) | (ports.c.mac == leases.c.mac),
    )
    statement = sa.select(leases).where(leases.c.released_at.is_(None), leases.c.leased_at < before, ~owner)
    return [_record(row) for row in connection.execute(statement.order_by(leases.c.leased_at))]


def save(connection: sa.Connection, records: Collection[LeaseRecord]) -> None:
    """Each in the place of the address's last one."""
    forget(connection, [record.key for record in records])
    if records:
        connection.execute(leases.insert(), [_values(record) for record in records])


def forget(connection: sa.Connection, keys: Collection[LeaseKey]) -> None:
    """As if these addresses had never been leased."""
    same = (leases.c.subnet_id == sa.bindparam("subnet")) & (leases.c.address == sa.bindparam("key"))
    if keys:
        gone = [{"subnet": key.subnet, "key": key_of(key.address)} for key in keys]
        connection.execute(leases.delete().where(same), gone)


def _values(record: LeaseRecord) -> rows.Values:
    return {
        "subnet_id": record.subnet,
        "address": key_of(record.address),
        "mac": record.mac,
        "leased_at": record.leased_at,
        "released_at": record.released_at,
    }


def _record(row: rows.Row) -> LeaseRecord:
    return LeaseRecord(
        SubnetId(row.subnet_id),
        address_of(row.address),
        None if row.mac is None else Mac(row.mac),
        row.leased_at,
        row.released_at,
    )
