"""Pools of floating IPs: a pool is the name of external networks, one for each interface; its ranges are the
allocation pools of their subnets. An address that nobody has needs no row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.control import networks, subnets, text
from netwright.control.address_ranges import (
    Cover,
    Run,
    covered,
    joined,
    overlap,
    pool_of,
    run_of,
    without,
)
from netwright.control.classic_floating_refusals import (
    FloatingIpExists,
    FloatingIpInUse,
    FloatingIpNotFoundForAddress,
    FloatingIpPoolNotFound,
    InvalidInput,
)
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import Work, World
from netwright.model.ids import NetworkId
from netwright.model.intent import Address, Network, Subnet
from netwright.store import classic_floating_ips as store
from netwright.store import networks as network_rows
from netwright.store import subnets as subnet_rows
from netwright.store.changes import Touched

MOST: Final = 1_000_000
"""Addresses of one range: nova's limit."""
_MADE: Final = "Floating IP pool"
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses of one interface's part of a pool."""

    network: Network
    subnet: Subnet

    @property
    def runs(self) -> list[Run]:
        return joined(run_of(pool) for pool in self.subnet.pools)


def add(world: World, wanted: Run, pool: str, interface: str) -> int:
    """The addresses are the pool's, through that interface: how many. All of them or none.

    Raises FloatingIpExists, InvalidError, ConflictError.
    """
    if wanted[1] - wanted[0] >= MOST:
        raise InvalidInput(f"a range has at most {MOST} addresses", "ip_range")
    with world.work() as work:
        add_in(work, [wanted], pool, interface)
    return wanted[1] - wanted[0] + 1


def add_in(work: Work, wanted: Sequence[Run], pool: str, interface: str) -> None:
    """`add` of several ranges as a part of a larger transaction."""
    there = ranges(work.connection)
    for run in wanted:
        for known in (one for item in there for one in item.runs if overlap(one, run)):
            raise FloatingIpExists(pool_of((max(run[0], known[0]), run[1])).start)
    network = _network(work, pool, interface)
    mine = [item.subnet for item in there if item.network.id == network]
    for cover in covered(wanted):
        _put(work, network, mine, cover)


def remove(world: World, unwanted: Run) -> int:
    """No pool has these addresses any more: how many went.

    Raises FloatingIpNotFoundForAddress where none had any, FloatingIpInUse while one is a project's.
    """
    with world.work() as work:
        connection = work.connection
        near = [item for item in ranges(connection) if any(overlap(one, unwanted) for one in item.runs)]
        ends = IPv4Address(unwanted[0]), IPv4Address(unwanted[1])
        used = [one for item in near for one in store.used_between(connection, item.subnet.id, *ends)]
        if used:
            raise FloatingIpInUse(_some(used))
        if not near:
            raise FloatingIpNotFoundForAddress(ends[0] if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}")
        return sum(_cut(work, item, unwanted) for item in near)


def ranges(connection: sa.Connection, pool: str | None = None) -> list[Range]:
    """The IPv4 subnets of the pool's networks, or of all pools', oldest first."""
    found = {record.value.id: record.value for record in network_rows.find(connection, _external(pool))}
    if not found:
        return []
    theirs = (record.value for record in subnet_rows.find(connection, {"network_id": found}))
    return [Range(found[one.network_id], one) for one in theirs if one.cidr.version == 4]


def names(world: World) -> list[str]:
    """All pools' names, in order."""
    with world.look() as connection:
        return store.pools(connection)


def of_pool(connection: sa.Connection, pool: str) -> list[Range]:
    """Raises FloatingIpPoolNotFound."""
    found = ranges(connection, pool)
    if not found:
        raise FloatingIpPoolNotFound(pool)
    return found


def holding(connection: sa.Connection, address: Address) -> Range | None:
    """The range that the address is of."""
    number = int(address)
    for item in ranges(connection):
        if address.version == 4 and any(first <= number <= last for first, last in item.runs):
            return item
    return None


def _external(pool: str | None) -> dict[str, tuple[object, ...]]:
    return {"external": (True,)} if pool is None else {"external": (True,), "name": (pool,)}


def _network(work: Work, pool: str, interface: str) -> NetworkId:
    """The pool's network of that interface, made now if this is its first range."""
    uplink = text.link_name(interface, "interface")
    if not text.line(pool, "pool").strip():
        raise InvalidInput("pool: must not be empty.", "pool")
    for record in network_rows.find(work.connection, {**_external(pool), "uplink": (uplink,)}):
        return record.value.id
    request = NetworkRequest(name=pool, external=True, shared=True, uplink=uplink, description=_MADE)
    return networks.create_in(work, request)


def _put(work: Work, network: NetworkId, there: Iterable[Subnet], cover: Cover) -> None:
    """More addresses: of the subnet that they are in, if there is one."""
    prefix, runs = cover
    for subnet in there:
        if prefix.version == subnet.cidr.version and prefix.subnet_of(subnet.cidr):
            _save(work, subnet, [*(run_of(pool) for pool in subnet.pools), *runs])
            return
    request = SubnetRequest(
        network_id=network, cidr=prefix, gateway_ip=None, enable_dhcp=False, pools=(pool_of(runs[0]),)
    )
    made = subnets.create_in(work, request)
    if len(runs) > 1:
        _save(work, subnet_rows.get(work.connection, made).value, runs)


def _cut(work: Work, item: Range, unwanted: Run) -> int:
    before, left = item.runs, without(item.runs, unwanted)
    if left:
        _save(work, item.subnet, left)
    else:
        subnet_rows.delete(work.connection, item.subnet.id)
        work.touch(Touched.NETWORK, item.network.id)
        if item.network.description == _MADE and not subnet_rows.of_network(work.connection, item.network.id):
            networks.delete_in(work, item.network)
    return _size(before) - _size(left)


def _save(work: Work, subnet: Subnet, runs: Iterable[Run]) -> None:
    changed = replace(subnet, pools=tuple(map(pool_of, joined(runs))))
    subnet_rows.save(work.connection, changed, work.now)
    work.touch(Touched.NETWORK, subnet.network_id)


def _size(runs: Iterable[Run]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _some(found: Sequence[Address]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(map(str, found[:_NAMED])) + more
