"""Addresses in use: one row each, none for free ones; the primary key keeps two from being the same.

An address is stored as 16 bytes that sort as addresses do (IPv4 as ::ffff:a.b.c.d), beside the bytes of the
one that follows it, so that one indexed join finds the next gap whatever the size of the pool.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from netwright.model.ids import FloatingIpId, HostName, PortId, SubnetId
from netwright.model.intent import Address, FixedIp, Pool
from netwright.store.tables import addresses

_MAPPED: Final = 0xFFFF << 32
_V4: Final = bytes(10) + b"\xff\xff"
_AFTER: Final = addresses.alias()
_GAP: Final = (
    sa.select(addresses.c.following)
    .join_from(
        addresses,
        _AFTER,
        (_AFTER.c.subnet_id == addresses.c.subnet_id) & (_AFTER.c.address == addresses.c.following),
        isouter=True,
    )
    .where(
        addresses.c.subnet_id == sa.bindparam("subnet"),
        addresses.c.address >= sa.bindparam("first"),
        addresses.c.address < sa.bindparam("last"),
        _AFTER.c.address.is_(None),
    )
    .order_by(addresses.c.address)
    .limit(1)
)
_INSERTS: Final = {
    "sqlite": sqlite.insert(addresses).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(addresses).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose an address is; neither: it is a gateway that netwright itself holds."""

    port: PortId | None = None
    floating_ip: FloatingIpId | None = None
    host: HostName | None = None
    """A gateway's, where it is that host's alone."""
    position: int = 0
    """Its place among its port's addresses."""


GATEWAY: Final = Holder()


def key_of(address: Address) -> bytes:
    """16 bytes that sort as addresses do."""
    return _key(_number(address))


def address_of(key: bytes) -> Address:
    number = int.from_bytes(key)
    return IPv4Address(number - _MAPPED) if number >> 32 == 0xFFFF else IPv6Address(number)


def text_of(key: bytes) -> str:
    """The address as it is written."""
    if key[:12] == _V4:
        return f"{key[12]}.{key[13]}.{key[14]}.{key[15]}"
    return str(IPv6Address(key))


def take(connection: sa.Connection, subnet: SubnetId, address: Address, holder: Holder) -> bool:
    """Takes that very address; False where it is in use."""
    return _take(connection, subnet, _number(address), holder)


def take_free(
    connection: sa.Connection, subnet: SubnetId, pools: Iterable[Pool], holder: Holder, rng: random.Random
) -> Address | None:
    """Takes a random free address of the pools, or the next free one after it; None where there is none."""
    for first, last in _stretches(tuple(pools), rng):
        if found := _take_within(connection, subnet, first, last, holder):
            return found
    return None


def take_next(
    connection: sa.Connection, subnet: SubnetId, pools: Iterable[Pool], holder: Holder, after: Address | None
) -> Address | None:
    """Takes the next free address of the pools after `after`, and from their beginning when they end; None
    where there is none. What was given back is taken again last."""
    for first, last in _turn(tuple(pools), None if after is None else _number(after)):
        if found := _take_within(connection, subnet, first, last, holder):
            return found
    return None


def pass_on(connection: sa.Connection, subnet: SubnetId, address: Address, holder: Holder) -> None:
    """The address, which is in use, is that holder's now."""
    values = {
        "port_id": holder.port,
        "floating_ip_id": holder.floating_ip,
        "position": holder.position,
        "host": holder.host,
    }
    same = (addresses.c.subnet_id == subnet, addresses.c.address == key_of(address))
    connection.execute(addresses.update().where(*same).values(**values))


def release(connection: sa.Connection, subnet: SubnetId, address: Address) -> None:
    key = key_of(address)
    connection.execute(addresses.delete().where(addresses.c.subnet_id == subnet, addresses.c.address == key))


def place(connection: sa.Connection, port: PortId, fixed: FixedIp, position: int) -> None:
    """Changes only the address's place among its port's."""
    same = (addresses.c.subnet_id == fixed.subnet_id, addresses.c.address == key_of(fixed.address))
    connection.execute(addresses.update().where(*same, addresses.c.port_id == port).values(position=position))


def used_by_others(connection: sa.Connection, subnet: SubnetId, apart_from: PortId | None) -> bool:
    """Whether a port (but for one) or a floating IP has an address on the subnet."""
    # NULL != 'x' is not true in SQL, so gateways, which have no port, are left out by the comparison itself.
    other_port = addresses.c.port_id != (apart_from or "")
    found = sa.select(sa.literal(1)).where(
        addresses.c.subnet_id == subnet, other_port | addresses.c.floating_ip_id.is_not(None)
    )
    return connection.execute(found.limit(1)).first() is not None


def _take_within(
    connection: sa.Connection, subnet: SubnetId, first: int, last: int, holder: Holder
) -> Address | None:
    number: int | None = first
    while number is not None and number <= last:
        if _take(connection, subnet, number, holder):
            return address_of(_key(number))
        number = _next_gap(connection, subnet, number, last)
    return None


def _take(connection: sa.Connection, subnet: SubnetId, number: int, holder: Holder) -> bool:
    values = {
        "subnet_id": subnet,
        "address": _key(number),
        "following": _key(number + 1),
        "port_id": holder.port,
        "floating_ip_id": holder.floating_ip,
        "position": holder.position,
        "host": holder.host,
    }
    return connection.execute(_INSERTS[connection.dialect.name], values).rowcount == 1


def _next_gap(connection: sa.Connection, subnet: SubnetId, number: int, last: int) -> int | None:
    """The first address after `number`, which is taken, that is not."""
    given = {"subnet": subnet, "first": _key(number), "last": _key(last)}
    found = connection.execute(_GAP, given).scalar()
    return None if found is None else int.from_bytes(found)


def _stretches(pools: tuple[Pool, ...], rng: random.Random) -> Iterator[tuple[int, int]]:
    """The pools from a random start to the end, then from the beginning to that start."""
    ranges = [(_number(pool.start), _number(pool.end)) for pool in pools]
    if not ranges:
        return
    offset = rng.randrange(sum(last - first + 1 for first, last in ranges))
    at = 0
    while offset > ranges[at][1] - ranges[at][0]:
        offset -= ranges[at][1] - ranges[at][0] + 1
        at += 1
    first, last = ranges[at]
    start = first + offset
    yield start, last
    yield from ranges[at + 1 :]
    yield from ranges[:at]
    if start > first:
        yield first, start - 1


def _turn(pools: tuple[Pool, ...], after: int | None) -> Iterator[tuple[int, int]]:
    """The pools from behind `after` to the end, then from the beginning."""
    ranges = [(_number(pool.start), _number(pool.end)) for pool in pools]
    if after is not None:
        yield from ((max(first, after + 1), last) for first, last in ranges if last > after)
    yield from ranges


def _number(address: Address) -> int:
    return int(address) + (_MAPPED if address.version == 4 else 0)


def _key(number: int) -> bytes:
    return (number % (1 << 128)).to_bytes(16)
