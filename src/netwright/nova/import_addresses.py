"""nova-network's old fixed and floating IPs into the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from netwright.control import classic_floating_ips, classic_floating_pools, fixed_ips, text
from netwright.control.address_ranges import Run, joined, without
from netwright.control.classic_floating_ips import ANYONE, FloatingRecord
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import FixedIpAlreadyInUse, FixedIpNotFoundForNetwork
from netwright.control.classic_vifs import Instance
from netwright.control.world import Work
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.errors import ConflictError, InvalidError, RequestError
from netwright.model.ids import ProjectId
from netwright.model.intent import Address, Port, Subnet
from netwright.nova import import_rows
from netwright.nova.given import text_of
from netwright.nova.import_read import OldRow
from netwright.nova.import_rows import is_set
from netwright.nova.options import NetworkOptions
from netwright.store import addresses, ports
from netwright.store import classic_fixed_ips as store
from netwright.store.addresses import GATEWAY, Holder
from netwright.store.changes import Touched

Place = tuple[str, str]
"""A pool, and an interface."""


def is_used(row: OldRow) -> bool:
    """Whether somebody has it: most rows of nova's are of addresses that nobody has."""
    return bool(row.get("instance_uuid") or row.get("host")) or is_set(row, "allocated")


def bring_fixed(
    work: Work, record: ClassicRecord, row: OldRow, port: Port | None, instance: Instance | None
) -> bool:
    """The interface's, or still waiting for the end of its lease, or a host's own.

    Raises FixedIpNotFoundForNetwork, FixedIpAlreadyInUse, InvalidError.
    """
    address = import_rows.address(row)
    subnet = record.subnet_of(address)
    if subnet is None:
        raise FixedIpNotFoundForNetwork(address)
    wanted = _wanted(work, record, subnet, (row, port, instance))
    there = store.with_address(work.connection, address)
    if there is not None and (there.life, there.instance_uuid) == (wanted.life, wanted.instance_uuid):
        return False
    if there is None:
        _take(work, wanted, port)
        store.insert(work.connection, wanted)
    elif there.life is Life.RESERVED:
        addresses.pass_on(work.connection, subnet.id, address, _holder(work, port))
        store.save(work.connection, wanted)
    else:
        raise FixedIpAlreadyInUse(address)
    if port is not None:
        _join_v6(work, record, port)
        work.touch(Touched.PORT, port.id)
    return True


def keep_from_others(work: Work, record: ClassicRecord, address: IPv4Address) -> None:
    """It is in a pool, and is not given out."""
    subnet = record.subnet_of(address)
    if subnet is not None and addresses.take(work.connection, subnet.id, address, GATEWAY):
        kept = ClassicFixedIp(record.id, subnet.id, address, Life.RESERVED, work.now, reserved=True)
        store.insert(work.connection, kept)


@dataclass(frozen=True, slots=True)
class Ranges:
    """What became of the pools: addresses that are new, and places that were refused, with the reason."""

    added: tuple[Run, ...] = ()
    refused: Mapping[Place, str] = field(default_factory=dict)


def add_ranges(work: Work, found: Iterable[OldRow], options: NetworkOptions) -> Ranges:
    """The pools have the addresses of these rows, but for those that a pool has already."""
    runs: dict[Place, list[Run]] = {}
    for row in found:
        try:
            number = int(_floating_address(row))
        except InvalidError:
            continue  # said when the row itself is brought
        runs.setdefault(place_of(row, options), []).append((number, number))
    there = [run for item in classic_floating_pools.ranges(work.connection) for run in item.runs]
    added: list[Run] = []
    refused: dict[Place, str] = {}
    for (pool, interface), theirs in runs.items():
        missing = joined(theirs)
        for run in (*there, *added):
            missing = without(missing, run)
        try:
            with work.connection.begin_nested():
                classic_floating_pools.add_in(work, missing, pool, interface)
        except RequestError as error:
            refused[pool, interface] = error.message
        else:
            added += missing
    return Ranges(tuple(added), refused)


def bring_floating(work: Work, row: OldRow, fixed: Address | None, place: Place, ranges: Ranges) -> bool:
    """Its pool's, its project's, or its instance's. Raises InvalidError, ConflictError, NotFoundError."""
    address = _floating_address(row)
    if place in ranges.refused:
        raise InvalidError(ranges.refused[place], "pool")
    now = classic_floating_ips.get_in(work.connection, address)
    if (now.pool, now.interface) != place:
        message = f"{address} is in pool {now.pool}, interface {now.interface}, already."
        raise ConflictError(message, "address")
    owner = text_of(row, "project_id", "floating_ip")
    if owner:
        return _bring_owned(work, row, text.project(owner), now, fixed)
    if fixed is not None:
        raise InvalidError("it has a fixed IP, and no project", "project_id")
    return any(first <= int(address) <= last for first, last in ranges.added)


def place_of(row: OldRow, options: NetworkOptions) -> Place:
    """The pool and interface of a floating IP; older releases had neither."""
    pool = text_of(row, "pool", "floating_ip") or options.default_floating_pool
    return pool, text_of(row, "interface", "floating_ip") or options.public_interface


def _bring_owned(
    work: Work, row: OldRow, project: ProjectId, now: FloatingRecord, fixed: Address | None
) -> bool:
    if now.project_id not in {None, project}:
        raise ConflictError(f"{now.address} is project {now.project_id}'s.", "project_id")
    made = now.id is None
    if made:
        item = classic_floating_pools.holding(work.connection, now.address)
        if item is None:
            raise InvalidError(f"{now.address} is in no pool", "address")
        auto = is_set(row, "auto_assigned")
        now = classic_floating_ips.own(work, item, now.address, project, auto_assigned=auto)
    if not isinstance(fixed, IPv4Address) or now.fixed_address == fixed:
        return made
    if now.fixed_address is not None:
        raise ConflictError(f"{now.address} stands for {now.fixed_address}.", "fixed_ip_id")
    classic_floating_ips.associate_in(work, now, fixed, ANYONE)
    return True


def _floating_address(row: OldRow) -> IPv4Address:
    found = import_rows.address(row)
    if not isinstance(found, IPv4Address):
        raise InvalidError(f"{found} is not an IPv4 address", "address")
    return found


def _wanted(
    work: Work,
    record: ClassicRecord,
    subnet: Subnet,
    whose: tuple[OldRow, Port | None, Instance | None],
) -> ClassicFixedIp:
    row, port, instance = whose
    address, leased = import_rows.address(row), is_set(row, "leased")
    bare = ClassicFixedIp(record.id, subnet.id, address, Life.HOST, work.now, leased=leased)
    if instance is None:
        if port is not None:
            raise InvalidError("it is allocated, and no instance's", "instance_uuid")
        return replace(bare, host=text.host_name(text_of(row, "host", "fixed_ip"), "host"))
    full = replace(
        bare,
        life=Life.WAITING,
        instance_uuid=instance.uuid,
        hostname=instance.hostname,
        host=instance.host,
        project_id=instance.project_id,
        reserved=is_set(row, "reserved"),
    )
    if port is None:
        return full
    if port.device_id != instance.uuid or port.network_id != record.id:
        raise InvalidError(
            "its interface is another instance's, or on another network", "virtual_interface_id"
        )
    mine = store.find(work.connection, {"port_id": (port.id,)})
    nic = mine[0].nic if mine else store.next_nic(work.connection, instance.uuid)
    return replace(full, life=Life.ALLOCATED, port_id=port.id, mac=port.mac, nic=nic)


def _take(work: Work, wanted: ClassicFixedIp, port: Port | None) -> None:
    holder = _holder(work, port)
    if not addresses.take(work.connection, wanted.subnet_id, wanted.address, holder):
        raise FixedIpAlreadyInUse(wanted.address)


def _holder(work: Work, port: Port | None) -> Holder:
    if port is None:
        return GATEWAY
    return Holder(port=port.id, position=len(ports.get(work.connection, port.id).value.fixed_ips))


def _join_v6(work: Work, record: ClassicRecord, port: Port) -> None:
    """nova kept no IPv6 addresses: guests make them from their MACs."""
    now = ports.get(work.connection, port.id).value
    if record.v6 is None or not fixed_ips.is_automatic(record.v6):
        return
    if record.v6.id not in {fixed.subnet_id for fixed in now.fixed_ips}:
        fixed_ips.add(work, now, record.v6)
