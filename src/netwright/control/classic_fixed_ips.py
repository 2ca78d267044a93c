"""The life of a fixed IP: free, allocated, waiting for the end of its lease, free again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv6Address
from typing import Final

import sqlalchemy as sa

from netwright.control import classic_networks, classic_vifs, fixed_ips, floating_ips, ports, quotas
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import (
    FixedIpAlreadyInUse,
    FixedIpAssociateFailed,
    FixedIpNotFoundForAddress,
    FixedIpNotFoundForNetwork,
    NoMoreFixedIps,
)
from netwright.control.classic_vifs import Instance, Macs
from netwright.control.world import Work, World
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.ids import HostName, Mac, PortId
from netwright.model.intent import Address, FixedIp, Port, Subnet
from netwright.store import addresses
from netwright.store import classic_fixed_ips as store
from netwright.store import classic_floating_ips as classic_floating_rows
from netwright.store import classic_networks as network_rows
from netwright.store import floating_ips as floating_rows
from netwright.store import ports as port_rows
from netwright.store.addresses import Holder
from netwright.store.changes import Touched

_UNOWNED: Final = (Life.RESERVED, Life.HOST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One fixed IP: any of the network's, or a certain one."""

    address: Address | None = None
    reserved: bool = False
    """Whether the address is one that is not given out to others: the VPN's."""
    derived: IPv6Address | None = None
    """The IPv6 address that the guest makes itself, where nova's backend is not that of RFC 4291."""
    limit: int = quotas.UNLIMITED
    """How many the project may have, where it has no limit of its own."""


def allocate(
    work: Work, record: ClassicRecord, instance: Instance, macs: Macs, wanted: Wanted
) -> ClassicFixedIp:
    """One more fixed IP for the instance, on the interface that it has on the network, or on a new one.

    Raises NoMoreFixedIps, FixedIpNotFoundForNetwork, FixedIpAlreadyInUse, FixedIpLimitExceeded,
    FixedIpAssociateFailed, and what Macs.take raises.
    """
    quotas.refuse_one_more(work.connection, instance.project_id, quotas.FIXED_IPS, wanted.limit)
    nic = store.next_nic(work.connection, instance.uuid)
    port = classic_vifs.on_network(work, record, instance, macs)
    if len(port.fixed_ips) >= fixed_ips.MOST:
        raise FixedIpAssociateFailed(f"An interface has at most {fixed_ips.MOST} fixed IPs.", "network_id")
    for own in store.find(work.connection, {"port_id": (port.id,)}) if port.fixed_ips else ():
        nic = own.nic
    subnet, address = _take(work, record, port, wanted)
    fixed = ClassicFixedIp(
        record.id, subnet.id, address, Life.ALLOCATED, work.now, instance.uuid, port.id, port.mac,
        instance.hostname, nic, instance.host, instance.project_id, reserved=wanted.reserved,
    )  # fmt: skip
    _keep(work, fixed)
    if record.v4 is not None and record.v6 is not None:
        _join_v6(work, port, record.v6, wanted.derived)
    work.touch(Touched.PORT, port.id)
    return fixed


def deallocate(work: Work, fixed: ClassicFixedIp) -> ClassicFixedIp:
    """The interface has it no more; nobody else gets it until its lease has ended."""
    waiting = replace(fixed, life=Life.WAITING, updated_at=work.now)
    addresses.pass_on(work.connection, fixed.subnet_id, fixed.address, addresses.GATEWAY)
    store.save(work.connection, waiting)
    if fixed.port_id is not None:
        _drop_floating(work, fixed.port_id, fixed.address)
        work.touch(Touched.PORT, fixed.port_id)
    return waiting


def disassociate(work: Work, fixed: ClassicFixedIp) -> None:
    """It is nobody's: free, or, if it is reserved, reserved again."""
    if fixed.reserved:
        blank = ClassicFixedIp(fixed.network_id, fixed.subnet_id, fixed.address, Life.RESERVED, work.now)
        addresses.pass_on(work.connection, fixed.subnet_id, fixed.address, addresses.GATEWAY)
        store.save(work.connection, replace(blank, reserved=True))
    else:
        store.delete(work.connection, fixed)
        addresses.release(work.connection, fixed.subnet_id, fixed.address)
    if fixed.port_id is not None and fixed.life is Life.ALLOCATED:
        work.touch(Touched.PORT, fixed.port_id)


def take_back(work: Work, fixed: ClassicFixedIp) -> None:
    """The allocation is undone, unless it has ended already; with its interface, if that has no other."""
    now = store.with_address(work.connection, fixed.address)
    if now is None or (now.port_id, now.life) != (fixed.port_id, Life.ALLOCATED):
        return
    disassociate(work, deallocate(work, now))
    if now.port_id is not None and not store.find(work.connection, {"port_id": (now.port_id,)}):
        ports.delete_in(work, port_rows.get(work.connection, now.port_id))


def lease(world: World, address: Address) -> ClassicFixedIp | None:
    """A DHCP server has handed it out. What it was before; None where it is nobody's."""
    with world.work() as work:
        return _lease(work, address)


def release(world: World, address: Address, mac: Mac | None) -> ClassicFixedIp | None:
    """Its lease has ended. What it was before; None where it is nobody's.

    A word about the lease of another instance's interface, which had the address before, changes nothing.
    """
    with world.work() as work:
        return _release(work, address, mac)


def hear(work: Work, address: Address, mac: Mac | None, *, is_held: bool) -> None:
    """What became of a lease, whosever it is: `lease` or `release` as a part of a larger transaction."""
    if is_held:
        _lease(work, address)
    else:
        _release(work, address, mac)


def free_stale(world: World, before: datetime, host: HostName | None) -> int:
    """Those that have waited since `before` or longer, and that the host answers for, are free: how many.

    None: whoever answers for them.
    """
    with world.look() as connection:
        if not store.stale(connection, before, host):
            return 0
    with world.work() as work:
        found = store.stale(work.connection, before, host)
        for fixed in found:
            disassociate(work, fixed)
        return len(found)


def host_address(world: World, record: ClassicRecord, host: HostName) -> Address:
    """The address of a multi_host network that is the host's own, taken now if it has none yet.

    Raises NoMoreFixedIps.
    """
    if record.v4 is None:
        raise NoMoreFixedIps(record.id)
    with world.look() as connection:
        held = held_by_host(connection, record, host)
    if held is not None:
        return held
    with world.work() as work:
        held = held_by_host(work.connection, record, host)
        if held is not None:
            return held
        address = _take_next(work, record, record.v4, addresses.GATEWAY)
        kept = ClassicFixedIp(record.id, record.v4.id, address, Life.HOST, work.now, host=host)
        store.insert(work.connection, kept)
        work.touch(Touched.NETWORK, record.id)
        return address


def held_by_host(connection: sa.Connection, record: ClassicRecord, host: HostName) -> Address | None:
    """The address of a multi_host network that the host has taken; None: none."""
    own = {"network_id": (record.id,), "host": (host,), "life": (Life.HOST.value,)}
    return next((fixed.address for fixed in store.find(connection, own)), None)


def give_back_host_address(world: World, record: ClassicRecord, host: HostName) -> None:
    """The host is no gateway of the network any more."""
    with world.work() as work:
        own = {"network_id": (record.id,), "host": (host,), "life": (Life.HOST.value,)}
        for fixed in store.find(work.connection, own):
            disassociate(work, fixed)
            work.touch(Touched.NETWORK, record.id)


def reserve(world: World, address: Address) -> None:
    """Nobody gets it. Raises FixedIpNotFoundForAddress, FixedIpAlreadyInUse."""
    with world.work() as work:
        record = classic_networks.holding(work.connection, address)
        subnet = None if record is None else record.subnet_of(address)
        if record is None or subnet is None:
            raise FixedIpNotFoundForAddress(address)
        if not _in_pools(subnet, address):
            return
        fixed = store.with_address(work.connection, address)
        if fixed is not None and fixed.life is Life.RESERVED:
            return
        if fixed is not None or not addresses.take(work.connection, subnet.id, address, addresses.GATEWAY):
            raise FixedIpAlreadyInUse(address)
        kept = ClassicFixedIp(record.id, subnet.id, address, Life.RESERVED, work.now, reserved=True)
        store.insert(work.connection, kept)


def unreserve(world: World, address: Address) -> None:
    """What `reserve` set aside is free again. Raises FixedIpNotFoundForAddress where nothing was."""
    with world.work() as work:
        fixed = store.with_address(work.connection, address)
        record = classic_networks.holding(work.connection, address)
        subnet = None if record is None else record.subnet_of(address)
        if fixed is None or fixed.life is not Life.RESERVED or not subnet or not _in_pools(subnet, address):
            raise FixedIpNotFoundForAddress(address)
        disassociate(work, replace(fixed, reserved=False))


def is_reserved(record: ClassicRecord, address: Address, fixed: ClassicFixedIp | None) -> bool:
    """Whether it is never given out unless it is asked for as a reserved one."""
    subnet = record.subnet_of(address)
    out_of_pools = subnet is not None and not _in_pools(subnet, address)
    return out_of_pools or (fixed is not None and (fixed.reserved or fixed.life in _UNOWNED))


def refuse_unusable(
    record: ClassicRecord, address: Address, fixed: ClassicFixedIp | None, *, reserved: bool
) -> None:
    """Raises FixedIpNotFoundForNetwork, FixedIpAlreadyInUse."""
    if record.subnet_of(address) is None:
        raise FixedIpNotFoundForNetwork(address)
    if fixed is not None and fixed.instance_uuid is not None:
        raise FixedIpAlreadyInUse(address)
    if is_reserved(record, address, fixed) != reserved:
        raise FixedIpNotFoundForNetwork(address)


def _drop_floating(work: Work, port: PortId, fixed: Address) -> None:
    """No floating IP stands for it, or will after a move; one that came with the instance is its pool's."""
    there = {"port_id": (port,), "fixed_address": (str(fixed),)}
    standing = [record.value.id for record in floating_rows.find(work.connection, there)]
    moving = classic_floating_rows.moving_of_ports(work.connection, [port])
    for one in classic_floating_rows.of(work.connection, [*standing, *moving]).values():
        if one.moving is not None and one.moving.fixed_address != fixed:
            continue
        if one.auto_assigned:
            floating_ips.delete_in(work, floating_rows.get(work.connection, one.id).value)
        elif one.moving is not None:
            classic_floating_rows.save(work.connection, replace(one, moving=None))
    floating_ips.drop_fixed_in(work, port, fixed)


def _lease(work: Work, address: Address) -> ClassicFixedIp | None:
    fixed = store.with_address(work.connection, address)
    if fixed is None or fixed.instance_uuid is None:
        return None
    if not fixed.leased:
        store.save(work.connection, replace(fixed, leased=True))
    return fixed


def _release(work: Work, address: Address, mac: Mac | None) -> ClassicFixedIp | None:
    fixed = store.with_address(work.connection, address)
    if fixed is None or fixed.instance_uuid is None:
        return None
    teller = None if mac is None else classic_vifs.with_mac(work.connection, mac)
    if teller is not None and teller.device_id != fixed.instance_uuid:
        return fixed
    if mac not in {None, fixed.mac} and fixed.life is Life.ALLOCATED:
        return fixed
    if fixed.life is Life.WAITING:
        disassociate(work, fixed)
    elif fixed.leased:
        store.save(work.connection, replace(fixed, leased=False))
    return fixed


def _take(work: Work, record: ClassicRecord, port: Port, wanted: Wanted) -> tuple[Subnet, Address]:
    subnet = record.v4 or record.v6
    holder = Holder(port=port.id, position=len(port.fixed_ips))
    if wanted.address is not None:
        return _take_named(work, record, wanted.address, holder, reserved=wanted.reserved)
    if subnet is None:
        raise NoMoreFixedIps(record.id)
    if record.v4 is None:
        return subnet, _take_v6(work, port, subnet, wanted.derived)
    return subnet, _take_next(work, record, subnet, holder)


def _take_named(
    work: Work, record: ClassicRecord, address: Address, holder: Holder, *, reserved: bool
) -> tuple[Subnet, Address]:
    fixed = store.with_address(work.connection, address)
    refuse_unusable(record, address, fixed, reserved=reserved)
    subnet = record.subnet_of(address)
    if subnet is None:
        raise FixedIpNotFoundForNetwork(address)
    if fixed is not None:
        addresses.pass_on(work.connection, subnet.id, address, holder)
    elif not addresses.take(work.connection, subnet.id, address, holder):
        raise FixedIpAlreadyInUse(address)
    return subnet, address


def _take_next(work: Work, record: ClassicRecord, subnet: Subnet, holder: Holder) -> Address:
    last = network_rows.last(work.connection, record.id)
    found = addresses.take_next(work.connection, subnet.id, subnet.pools, holder, last)
    if found is None:
        raise NoMoreFixedIps(record.id)
    network_rows.save_last(work.connection, record.id, found)
    return found


def _join_v6(work: Work, port: Port, subnet: Subnet, derived: IPv6Address | None) -> None:
    """A dual-stack network's interfaces have the IPv6 address that goes with their MAC, once."""
    now = port_rows.get(work.connection, port.id).value
    if subnet.id not in {fixed.subnet_id for fixed in now.fixed_ips}:
        _take_v6(work, now, subnet, derived)


def _take_v6(work: Work, port: Port, subnet: Subnet, derived: IPv6Address | None) -> Address:
    if fixed_ips.is_automatic(subnet) or derived is None:
        return fixed_ips.add(work, port, subnet).fixed_ips[-1].address
    holder = Holder(port=port.id, position=len(port.fixed_ips))
    if not addresses.take(work.connection, subnet.id, derived, holder):
        raise FixedIpAlreadyInUse(derived)
    return FixedIp(subnet.id, derived).address


def _keep(work: Work, fixed: ClassicFixedIp) -> None:
    """A row for it: the reserved address of a VPN has one already."""
    if fixed.reserved and store.with_address(work.connection, fixed.address) is not None:
        store.save(work.connection, fixed)
    else:
        store.insert(work.connection, fixed)


def _in_pools(subnet: Subnet, address: Address) -> bool:
    return any(
        pool.start.version == address.version and int(pool.start) <= int(address) <= int(pool.end)
        for pool in subnet.pools
    )


def found(world: World, address: Address) -> ClassicFixedIp | None:
    """The one of that address; None where it is free."""
    with world.look() as connection:
        return store.with_address(connection, address)


def of_instance(world: World, instance_uuid: str, lives: Sequence[Life]) -> list[ClassicFixedIp]:
    """The instance's, by interface and address."""
    with world.look() as connection:
        where = {"instance_uuid": (instance_uuid,), "life": [life.value for life in lives]}
        return store.find(connection, where)
