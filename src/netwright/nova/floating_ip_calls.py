"""What managers do with floating IPs: the store first, in one transaction, then this host."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Final, Protocol, runtime_checkable

from netwright.control import address_ranges, classic_floating_ips
from netwright.control.address_ranges import Run
from netwright.control.classic_floating_ips import ANYONE, FloatingRecord, Owner, Terms
from netwright.control.classic_floating_refusals import (
    FloatingIpAssociateFailed,
    FloatingIpNotFoundForAddress,
    InvalidInput,
    NoFloatingIpInterface,
)
from netwright.control.classic_refusals import InvalidAddress
from netwright.control.quotas import UNLIMITED
from netwright.control.world import World
from netwright.kernel.devices import exists
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import HostName, ProjectId
from netwright.nova.cloud import Caller, Cloud, caller
from netwright.nova.floating_host import FloatingHost
from netwright.store import classic_fixed_ips, hosts

_EVENT: Final = "network.floating_ip."
_LEAST_RANGE: Final = 4
_LONGEST_ID: Final = 10
_LOOK_AGAIN_S: Final = 0.1


@runtime_checkable
class FloatingNames(Protocol):
    """Where floating IPs' names are kept (nova/dns_entries.py)."""

    def delete_all_entries_for_ip(self, context: object, address: str) -> None:
        """Every name of the address."""


@dataclass(frozen=True, slots=True)
class FloatingIpModel:
    """A row of nova's floating_ips; nobody's has no project, and no instance's has no fixed IP."""

    id: int
    """The address as a number: the same for as long as the address is a pool's."""
    address: IPv4Address
    pool: str
    interface: str | None
    project_id: str | None
    fixed_address: IPv4Address | None
    instance_uuid: str | None
    host: str | None
    auto_assigned: bool


def model(record: FloatingRecord) -> FloatingIpModel:
    return FloatingIpModel(
        id=int(record.address),
        address=record.address,
        pool=record.pool,
        interface=record.interface,
        project_id=record.project_id,
        fixed_address=record.fixed_address,
        instance_uuid=record.instance_uuid,
        host=record.host,
        auto_assigned=record.auto_assigned,
    )


def models(found: Iterable[FloatingRecord]) -> list[FloatingIpModel]:
    """By address."""
    return sorted(map(model, found), key=lambda one: one.address)


def owner_of(context: object) -> Owner:
    """An administrator may do as every project."""
    asker = caller(context)
    return ANYONE if asker.is_admin else Owner(asker.project_id)


def visible(cloud: Cloud, asker: Caller, address: IPv4Address) -> FloatingRecord:
    """Raises FloatingIpNotFoundForAddress, also for another project's."""
    record = classic_floating_ips.get(cloud.world, address)
    if not asker.is_admin and record.project_id not in {None, asker.project_id}:
        raise FloatingIpNotFoundForAddress(address)
    return record


def address_of(given: object) -> IPv4Address:
    """Raises InvalidAddress."""
    try:
        return IPv4Address(str(given))
    except AddressValueError as error:
        raise InvalidAddress(f"{given!r} is not an IPv4 address: {error}", "address") from error


def address_of_id(given: object) -> IPv4Address:
    """nova's id, or the address itself. Raises FloatingIpNotFoundForAddress, InvalidAddress."""
    text = str(given)
    if not (text.isascii() and text.isdigit()):
        return address_of(text)
    if len(text) > _LONGEST_ID or int(text) >> 32:
        raise FloatingIpNotFoundForAddress(text)
    return IPv4Address(int(text))


def range_of(given: object) -> Run:
    """An address, or the hosts of a prefix of four addresses or more. Raises InvalidInput."""
    text = str(given)
    try:
        prefix = IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise InvalidInput(f"{text!r} is not an IPv4 range: {error}", "ip_range") from error
    if "/" in text and prefix.num_addresses < _LEAST_RANGE:
        raise InvalidInput(f"{prefix}: a range has {_LEAST_RANGE} addresses or more", "ip_range")
    return address_ranges.hosts_of(prefix)


def tell(cloud: Cloud, what: str, record: FloatingRecord) -> None:
    """`what`: allocate, associate, disassociate, deallocate."""
    payload: Mapping[str, object] = {
        "project_id": record.project_id,
        "floating_ip": str(record.address),
        **({"instance_id": record.instance_uuid} if what in {"associate", "disassociate"} else {}),
    }
    cloud.notify(_EVENT + what, payload)


def forget_names(cloud: Cloud, context: object, record: FloatingRecord) -> None:
    """A floating IP that is its pool's again has no names."""
    if isinstance(cloud.dns, FloatingNames):
        cloud.dns.delete_all_entries_for_ip(context, str(record.address))


def give_back(
    cloud: Cloud, context: object, address: IPv4Address, owner: Owner, *, auto_assigned: bool
) -> None:
    """Its pool's again, without names: these go first, so that no next owner answers to them.

    Raises FloatingIpNotFoundForAddress, Forbidden, FloatingIpAssociated.
    """
    going = classic_floating_ips.to_deallocate(
        cloud.world, address, owner, affect_auto_assigned=auto_assigned
    )
    if going is None:
        return
    forget_names(cloud, context, going)
    if classic_floating_ips.deallocate(cloud.world, address, owner, affect_auto_assigned=auto_assigned):
        tell(cloud, "deallocate", going)


def refuse_others(cloud: Cloud, floating: object, fixed: object, taken_for: tuple[object, object]) -> None:
    """`taken_for`: the interface and the instance that a caller takes them to be of; None says nothing.

    Raises InvalidError where the store has others.
    """
    record = classic_floating_ips.get(cloud.world, address_of(floating))
    behind = None
    if fixed is not None:
        with cloud.world.look() as connection:
            behind = classic_fixed_ips.with_address(connection, address_of(fixed))
    known = (record.interface, behind.instance_uuid if behind else None)
    for name, theirs, ours in zip(("interface", "instance_uuid"), taken_for, known, strict=True):
        if theirs is not None and str(theirs) != str(ours):
            raise InvalidError(f"{record.address} has {name} {ours}, not {theirs}", name)


def put_on_host(cloud: Cloud, here: FloatingHost | None, now: FloatingRecord) -> None:
    """What the store says of it holds on this host; where the host refuses, the store takes it back.

    Raises NoFloatingIpInterface, KernelRefusedError.
    """
    if here is None:
        return
    try:
        here.settle(now.address)
    except KernelRefusedError as error:
        classic_floating_ips.disassociate(cloud.world, now.address, ANYONE, affect_auto_assigned=True)
        if now.auto_assigned:
            classic_floating_ips.deallocate(cloud.world, now.address, ANYONE, affect_auto_assigned=True)
        if now.interface is not None and not exists(now.interface):
            raise NoFloatingIpInterface(now.interface) from error
        raise


def auto_assign(cloud: Cloud, instance_uuid: str, project: ProjectId) -> FloatingRecord | None:
    """A floating IP for the instance's first IPv4 address, both in one transaction; None where it has none.

    Raises FloatingIpPoolNotFound, NoMoreFloatingIps.
    """
    terms = Terms(cloud.options.default_floating_pool, auto_assigned=True, limit=UNLIMITED)
    with cloud.world.work() as work:
        where = {"instance_uuid": (instance_uuid,), "life": (Life.ALLOCATED.value,)}
        first = next(filter(None, map(_four, classic_fixed_ips.find(work.connection, where))), None)
        if first is None:
            return None
        record = classic_floating_ips.allocate_in(work, project, terms)
        return classic_floating_ips.associate_in(work, record, first, ANYONE).now


def await_departure(world: World, found: Iterable[FloatingRecord], patience_s: float) -> None:
    """Until no host that they left has them any more: each has said so, or is dead.

    Raises FloatingIpAssociateFailed where one says nothing in time.
    """
    waiting = {
        (one.moving.left_host, one.moving.since)
        for one in found
        if one.moving is not None and one.moving.left_host is not None
    }
    end = time.monotonic() + patience_s
    while waiting := {(host, since) for host, since in waiting if not _has_let_go(world, host, since)}:
        if time.monotonic() >= end:
            names = ", ".join(sorted(host for host, _ in waiting))
            raise FloatingIpAssociateFailed(f"Host {names} has not let its floating IPs go yet.", "source")
        time.sleep(_LOOK_AGAIN_S)


def _has_let_go(world: World, host: HostName, since: int) -> bool:
    with world.look() as connection:
        record = hosts.get(connection, host)
    if record is None:
        return True
    is_dead = world.clock() - record.last_seen >= world.liveness.patience
    return is_dead or (record.generation >= since and record.converged)


def _four(fixed: ClassicFixedIp) -> IPv4Address | None:
    return fixed.address if isinstance(fixed.address, IPv4Address) else None
