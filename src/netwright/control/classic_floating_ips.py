"""The life of a floating IP: a pool's, a project's, an instance's, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.control import classic_floating_pools, classic_networks, classic_vifs, floating_ips, quotas
from netwright.control.address_ranges import addresses_of
from netwright.control.classic_floating_refusals import (
    CannotDisassociateAutoAssignedFloatingIP,
    FloatingIpAssociated,
    FloatingIpAssociateFailed,
    FloatingIpNotAssociated,
    FloatingIpNotFoundForAddress,
    Forbidden,
    NoMoreFloatingIps,
)
from netwright.control.classic_refusals import FixedIpNotFoundForAddress
from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work, World
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.classic_floating_ips import ClassicFloatingIp, Moving
from netwright.model.errors import RequestError
from netwright.model.ids import FloatingIpId, HostName, LinkName, NetworkId, PortId, ProjectId
from netwright.model.intent import Association, FloatingIp, Port
from netwright.store import addresses, changes, classic_fixed_ips, networks, ports
from netwright.store import classic_floating_ips as store
from netwright.store import floating_ips as rows
from netwright.store.addresses import GATEWAY
from netwright.store.rows import Where

_AT_ONCE: Final = 5000
"""Ids in one statement: SQLite takes 32,766 parameters."""
_NOTHING: Final = FloatingIpRequest(port_id=None)
"""What one stands for that is disassociated."""


@dataclass(frozen=True, slots=True)
class FloatingRecord:
    """A floating IP, whole; one that nobody has is only an address of a pool."""

    address: IPv4Address
    pool: str
    interface: LinkName | None
    id: FloatingIpId | None = None
    project_id: ProjectId | None = None
    auto_assigned: bool = False
    fixed_address: IPv4Address | None = None
    port_id: PortId | None = None
    network_id: NetworkId | None = None
    """The port's."""
    instance_uuid: str | None = None
    host: HostName | None = None
    """The instance's; None also while it is between two hosts."""
    moving: Moving | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who may do something to a floating IP: its project, or anyone if None."""

    project_id: ProjectId | None

    def check(self, record: FloatingRecord) -> None:
        """Raises Forbidden."""
        if self.project_id is not None and record.project_id != self.project_id:
            raise Forbidden(f"Floating IP {record.address} is not project {self.project_id}'s.", "address")


ANYONE = Owner(None)


@dataclass(frozen=True, slots=True)
class Change:
    """What an association was, and what it is now."""

    before: FloatingRecord
    now: FloatingRecord


@dataclass(frozen=True, slots=True)
class Terms:
    """How a floating IP is allocated."""

    pool: str
    auto_assigned: bool = False
    limit: int = quotas.UNLIMITED
    """How many the project may have, where it has no limit of its own."""


def allocate(world: World, project: ProjectId, terms: Terms) -> FloatingRecord:
    """Raises FloatingIpPoolNotFound, FloatingIpLimitExceeded, NoMoreFloatingIps."""
    with world.work() as work:
        return allocate_in(work, project, terms)


def allocate_in(work: Work, project: ProjectId, terms: Terms) -> FloatingRecord:
    """`allocate` as a part of a larger transaction."""
    connection = work.connection
    found = classic_floating_pools.of_pool(connection, terms.pool)
    if not terms.auto_assigned:
        quotas.refuse_one_more(connection, project, quotas.FLOATING_IPS, terms.limit)
    for item in found:
        free = addresses.take_free(connection, item.subnet.id, item.subnet.pools, GATEWAY, work.world.rng)
        if isinstance(free, IPv4Address):
            addresses.release(connection, item.subnet.id, free)
            return own(work, item, free, project, auto_assigned=terms.auto_assigned)
    raise NoMoreFloatingIps(terms.pool)


def own(
    work: Work,
    item: classic_floating_pools.Range,
    address: IPv4Address,
    project: ProjectId,
    *,
    auto_assigned: bool,
) -> FloatingRecord:
    """That very address of the range is the project's. Raises ConflictError where it is somebody's."""
    request = FloatingIpRequest(
        network_id=item.network.id, project_id=project, subnet_id=item.subnet.id, address=address
    )
    made = floating_ips.create_in(work, request)
    store.save(work.connection, ClassicFloatingIp(made, auto_assigned))
    return get_in(work.connection, address)


def deallocate(
    world: World, address: IPv4Address, owner: Owner, *, affect_auto_assigned: bool
) -> FloatingRecord | None:
    """It is its pool's again. What it was; None where there was nothing to do: it was the pool's already, or
    came with its instance.

    Raises FloatingIpNotFoundForAddress, Forbidden, FloatingIpAssociated.
    """
    with world.work() as work:
        record = _to_deallocate(work.connection, address, owner, affect_auto_assigned=affect_auto_assigned)
        if record is not None and record.id is not None:
            _delete(work, record.id)
        return record


def to_deallocate(
    world: World, address: IPv4Address, owner: Owner, *, affect_auto_assigned: bool
) -> FloatingRecord | None:
    """What `deallocate` would give back, and raise."""
    with world.look() as connection:
        return _to_deallocate(connection, address, owner, affect_auto_assigned=affect_auto_assigned)


def associate(
    world: World, address: IPv4Address, fixed: IPv4Address, owner: Owner, *, affect_auto_assigned: bool
) -> Change | None:
    """It stands for that fixed IP, and for no other any more; None where it is left alone, since it came with
    its instance.

    Raises FloatingIpNotFoundForAddress, FixedIpNotFoundForAddress, Forbidden, FloatingIpAssociateFailed.
    """
    with world.work() as work:
        before = get_in(work.connection, address)
        if before.auto_assigned and not affect_auto_assigned:
            return None
        return associate_in(work, before, fixed, owner)


def associate_in(work: Work, before: FloatingRecord, fixed: IPv4Address, owner: Owner) -> Change:
    """`associate` as a part of a larger transaction."""
    owner.check(before)
    if before.id is None:
        raise Forbidden(f"Floating IP {before.address} is nobody's.", "address")
    behind = _allocated(work.connection, fixed)
    if owner.project_id is not None and behind.project_id != owner.project_id:
        raise Forbidden(f"Fixed IP {fixed} is not project {owner.project_id}'s.", "fixed_address")
    if before.moving is None and before.fixed_address == fixed:
        return Change(before, before)
    if behind.port_id is not None:
        _refuse_kept(work.connection, before.id, behind.port_id, fixed)
    _stand_for(work, before.id, behind.port_id, fixed)
    store.save(work.connection, ClassicFloatingIp(before.id, before.auto_assigned))
    return Change(before, get_in(work.connection, before.address))


def disassociate(
    world: World, address: IPv4Address, owner: Owner, *, affect_auto_assigned: bool
) -> FloatingRecord:
    """It stands for nothing. What it was.

    Raises FloatingIpNotFoundForAddress, CannotDisassociateAutoAssignedFloatingIP, Forbidden,
    FloatingIpNotAssociated.
    """
    with world.work() as work:
        before = get_in(work.connection, address)
        if before.auto_assigned and not affect_auto_assigned:
            raise CannotDisassociateAutoAssignedFloatingIP(address)
        owner.check(before)
        if before.id is None or before.port_id is None:
            raise FloatingIpNotAssociated(address)
        _change(work, before.id, _NOTHING)
        store.save(work.connection, ClassicFloatingIp(before.id, before.auto_assigned))
        return before


def leave(world: World, instance_uuid: str) -> list[FloatingRecord]:
    """The instance goes: its floating IPs stand for nothing, and those that came with it are their pools'
    again. What they were."""
    with world.work() as work:
        found = of_instance(work.connection, instance_uuid)
        for record in found:
            if record.id is None:
                continue
            if record.auto_assigned:
                _delete(work, record.id)
            else:
                _change(work, record.id, _NOTHING)
                store.save(work.connection, ClassicFloatingIp(record.id))
        return found


def depart(world: World, instance_uuid: str, wanted: Collection[IPv4Address]) -> list[FloatingRecord]:
    """Those of the addresses that are the instance's leave its host, and are on none until `arrive`. What
    they were; others are left alone, as are those that stay where their network's gateway is."""
    with world.work() as work:
        since = changes.generation(work.connection) + 1
        found = [one for one in of_instance(work.connection, instance_uuid) if one.address in wanted]
        staying = [one for one in found if one.moving is None and _moves(work.connection, one)]
        for record in staying:
            if record.id is None or record.port_id is None or record.fixed_address is None:
                continue
            moving = Moving(record.port_id, record.fixed_address, record.host, since)
            _change(work, record.id, _NOTHING)
            store.save(work.connection, ClassicFloatingIp(record.id, record.auto_assigned, moving))
        return staying


def arrive(
    world: World, instance_uuid: str, wanted: Collection[IPv4Address], host: HostName
) -> list[FloatingRecord]:
    """The instance is on that host, and those of its floating IPs that were between two hosts are there with
    it. What they are now: one whose fixed IP has another by now stands for nothing."""
    with world.work() as work:
        classic_vifs.move_in(work, instance_uuid, host)
        found = [one for one in of_instance(work.connection, instance_uuid) if one.address in wanted]
        for record in found:
            if record.id is not None and record.moving is not None:
                _settle_down(work, record.id, record.moving, auto_assigned=record.auto_assigned)
        return [get_in(work.connection, record.address) for record in found]


def get_in(connection: sa.Connection, address: IPv4Address) -> FloatingRecord:
    """Of that address, whether or not somebody has it. Raises FloatingIpNotFoundForAddress."""
    for record in find_in(connection, {"address": (str(address),)}):
        return record
    item = classic_floating_pools.holding(connection, address)
    if item is None:
        raise FloatingIpNotFoundForAddress(address)
    return FloatingRecord(address, item.network.name, item.network.uplink)


def get(world: World, address: IPv4Address) -> FloatingRecord:
    """Raises FloatingIpNotFoundForAddress."""
    with world.look() as connection:
        return get_in(connection, address)


def find(world: World, where: Where) -> list[FloatingRecord]:
    """Those that projects have and whose columns match, oldest first."""
    with world.look() as connection:
        return find_in(connection, where)


def find_in(connection: sa.Connection, where: Where) -> list[FloatingRecord]:
    """`find` as a part of a larger transaction."""
    found = [record.value for record in rows.find(connection, where)]
    parts = (found[at : at + _AT_ONCE] for at in range(0, len(found), _AT_ONCE))
    return [record for part in parts for record in _records(connection, part)]


def of_instance(connection: sa.Connection, instance_uuid: str) -> list[FloatingRecord]:
    """Those of the instance's interfaces, and those that move with it."""
    theirs = [port.id for port in classic_vifs.of_instance(connection, instance_uuid)]
    if not theirs:
        return []
    moving = store.moving_of_ports(connection, theirs)
    found = find_in(connection, {"port_id": theirs})
    return [*found, *find_in(connection, {"id": moving})] if moving else found


def leaving(world: World, instance_uuid: str) -> list[FloatingRecord]:
    """Those that go with the instance: they came with it."""
    with world.look() as connection:
        return [record for record in of_instance(connection, instance_uuid) if record.auto_assigned]


def on_host(connection: sa.Connection, host: HostName) -> list[FloatingRecord]:
    """Those of instances that are there."""
    return [record for record in find_in(connection, {}) if record.host == host]


def every(world: World) -> Iterable[FloatingRecord]:
    """Every address of every pool, pool by pool."""
    with world.look() as connection:
        items = classic_floating_pools.ranges(connection)
        owned = {record.address: record for record in find_in(connection, {})}
    for item in items:
        for address in addresses_of(item.runs):
            blank = FloatingRecord(address, item.network.name, item.network.uplink)
            yield owned.get(address, blank)


def _to_deallocate(
    connection: sa.Connection, address: IPv4Address, owner: Owner, *, affect_auto_assigned: bool
) -> FloatingRecord | None:
    record = get_in(connection, address)
    if record.id is None or (record.auto_assigned and not affect_auto_assigned):
        return None
    owner.check(record)
    if record.port_id is not None:
        raise FloatingIpAssociated(address)
    return record


def _moves(connection: sa.Connection, record: FloatingRecord) -> bool:
    """Whether its gateway is the instance's host, wherever that is."""
    return (
        record.network_id is not None
        and classic_networks.get_in(connection, record.network_id).classic.multi_host
    )


def _allocated(connection: sa.Connection, fixed: IPv4Address) -> ClassicFixedIp:
    found = classic_fixed_ips.with_address(connection, fixed)
    if found is None or found.life is not Life.ALLOCATED or found.port_id is None:
        raise FixedIpNotFoundForAddress(fixed)
    return found


def _settle_down(work: Work, floating: FloatingIpId, moving: Moving, *, auto_assigned: bool) -> None:
    """The end of its move."""
    try:
        _stand_for(work, floating, moving.port_id, moving.fixed_address)
    except RequestError:
        # The Networking API, which knows of no moves, gave the fixed IP another one, or took it away.
        if auto_assigned:
            _delete(work, floating)
            return
    store.save(work.connection, ClassicFloatingIp(floating, auto_assigned))


def _delete(work: Work, floating: FloatingIpId) -> None:
    floating_ips.delete_in(work, rows.get(work.connection, floating).value)


def _change(work: Work, floating: FloatingIpId, request: FloatingIpRequest) -> None:
    floating_ips.update_in(work, rows.get(work.connection, floating).value, request)


def _refuse_kept(connection: sa.Connection, floating: FloatingIpId, port: PortId, fixed: IPv4Address) -> None:
    """While a floating IP is between two hosts its fixed IP is kept for it."""
    kept = store.of(connection, store.moving_of_ports(connection, [port]))
    for other in kept.values():
        if other.id != floating and other.moving is not None and other.moving.fixed_address == fixed:
            message = f"{fixed} has a floating IP that is on its way to another host with it."
            raise FloatingIpAssociateFailed(message, "fixed_address")


def _stand_for(work: Work, floating: FloatingIpId, port: PortId | None, fixed: IPv4Address) -> None:
    try:
        _change(work, floating, FloatingIpRequest(port_id=port, fixed_address=fixed))
    except NamedConflictError as error:
        raise FloatingIpAssociateFailed(error.message, error.field) from error


def _records(connection: sa.Connection, found: Sequence[FloatingIp]) -> list[FloatingRecord]:
    kept = store.of(connection, [one.id for one in found])
    where = {one.network_id for one in found}
    pools = {record.value.id: record.value for record in networks.find(connection, {"id": where})}
    held = {one.id: one.association or kept[one.id].moving for one in found}
    behind = {one.port_id for one in held.values() if one is not None}
    there = {record.value.id: record.value for record in ports.find(connection, {"id": behind})}
    made = []
    for one in found:
        record = FloatingRecord(
            address=one.address,
            pool=pools[one.network_id].name,
            interface=pools[one.network_id].uplink,
            id=one.id,
            project_id=one.project_id,
            auto_assigned=kept[one.id].auto_assigned,
        )
        standing = held[one.id]
        port = None if standing is None else there.get(standing.port_id)
        made.append(record if standing is None or port is None else _standing(record, standing, port))
    return made


def _standing(record: FloatingRecord, standing: Association | Moving, port: Port) -> FloatingRecord:
    moving = standing if isinstance(standing, Moving) else None
    return replace(
        record,
        fixed_address=standing.fixed_address,
        port_id=port.id,
        network_id=port.network_id,
        instance_uuid=port.device_id or None,
        host=port.host if moving is None else None,
        moving=moving,
    )
