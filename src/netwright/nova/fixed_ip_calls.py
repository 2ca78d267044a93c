"""Allocating and giving back fixed IPs: the store first, in one transaction, then this host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv6Network, ip_address
from typing import Final

import sqlalchemy as sa
import structlog

from netwright.control import classic_fixed_ips, classic_networks, classic_vifs, quotas, text
from netwright.control.classic_fixed_ips import Wanted
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import (
    FixedIpInvalid,
    FixedIpNotFoundForAddress,
    FixedIpNotFoundForSpecificInstance,
)
from netwright.control.classic_vifs import Instance, Macs
from netwright.control.world import Work
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.errors import InvalidError, NetwrightError
from netwright.model.ids import HostName, Mac, ProjectId
from netwright.model.intent import Address
from netwright.nova import network_hosts
from netwright.nova.cloud import Caller, Cloud, Traits
from netwright.nova.given import part, text_of, zoneless
from netwright.nova.ipv6 import to_global
from netwright.render.names import label
from netwright.store import classic_fixed_ips as store
from netwright.store.rows import Where

_LOG: Final = structlog.get_logger("netwright.nova")


@dataclass(frozen=True, slots=True)
class Requested:
    """A network that an instance is to be on, and the address that it is to have there."""

    network: str
    address: Address | None


@dataclass(frozen=True, slots=True)
class Rules:
    """How a manager allocates."""

    traits: Traits
    limited: bool
    """Whether fixed IPs count against the project's quota."""


def instance_of(cloud: Cloud, caller: Caller, uuid: str, given: Mapping[str, object]) -> Instance:
    """What is known of the instance: from the call's `instance`, the call itself, the interfaces it has."""
    if not uuid:
        raise InvalidError("an instance has a uuid", "instance_id")
    model = given.get("instance")
    with cloud.world.look() as connection:
        ports = classic_vifs.of_instance(connection, uuid) if model is None else []
    before = ports[0] if ports else None
    host = text_of(given, "host", "call") or text_of(model, "host", "instance")
    project = text_of(given, "project_id", "call") or text_of(model, "project_id", "instance")
    return Instance(
        uuid=text.line(uuid, "instance_id", 36),
        project_id=ProjectId(project or (before.project_id if before else caller.project_id)),
        host=text.host_name(host, "host") if host else (before.host if before else None),
        hostname=label(text_of(model, "hostname", "instance")) or (before.dns_name if before else ""),
        display_name=text_of(model, "display_name", "instance") or (before.name if before else ""),
        availability_zone=text_of(model, "availability_zone", "instance") or "nova",
    )


def requested(given: object) -> list[Requested]:
    """Pairs, dicts or models of network and address; a list, or nova's list object. Raises FixedIpInvalid."""
    listed = part(given, "objects") or given or []
    if not isinstance(listed, Iterable):
        raise InvalidError(f"{given!r} is not a list of networks", "requested_networks")
    found = []
    for one in listed:
        network, address = _paired(one) if isinstance(one, tuple | list) else _named(one)
        found.append(Requested(str(network), address_of(address) if address else None))
    return found


def address_of(given: object) -> Address:
    """Raises FixedIpInvalid."""
    try:
        return ip_address(zoneless(str(given)))
    except ValueError as error:
        raise FixedIpInvalid(f"Fixed IP address {given} is invalid.", "address") from error


def allocate_in(
    cloud: Cloud,
    rules: Rules,
    work: Work,
    record: ClassicRecord,
    instance: Instance,
    given: Mapping[str, object],
) -> ClassicFixedIp:
    """One fixed IP, as a part of a larger transaction; `given`: address, vpn, macs."""
    vpn = bool(given.get("vpn")) and record.classic.vpn_private_address is not None
    address = record.classic.vpn_private_address if vpn else given.get("address")
    macs = given.get("macs")
    supply = macs if isinstance(macs, Macs) else Macs(cloud.options.create_unique_mac_address_attempts)
    wanted = Wanted(
        address=None if address is None else address_of(address),
        reserved=vpn,
        limit=cloud.options.quota_fixed_ips if rules.limited else quotas.UNLIMITED,
    )
    if record.v6 is not None and cloud.options.ipv6_backend != "rfc2462":
        return _derived(cloud, work, record, instance, (supply, wanted))
    return classic_fixed_ips.allocate(work, record, instance, supply, wanted)


def after_allocation(
    cloud: Cloud, traits: Traits, given: Sequence[tuple[ClassicRecord, ClassicFixedIp]], instance: Instance
) -> None:
    """Each network is served, and the instance's names are known."""
    agents_do = traits.dhcp and cloud.is_agents
    networks = {} if agents_do else {record.id: record for record, _ in given}
    for record in networks.values():
        if traits.dhcp and not record.classic.multi_host and record.classic.host is None:
            host = network_hosts.claim(cloud, record)
            record = replace(record, classic=replace(record.classic, host=host))  # noqa: PLW2901 - as it is now
        if not traits.dhcp or network_hosts.is_served_here(cloud, record, instance.host):
            network_hosts.set_up(cloud, traits, record)
    for _, fixed in given:
        cloud.dns.add_instance(_as_model(instance), str(fixed.address))


@contextmanager
def undone_if_failing(cloud: Cloud, given: Sequence[tuple[ClassicRecord, ClassicFixedIp]]) -> Iterator[None]:
    """What comes after an allocation: where that fails, nothing was allocated."""
    try:
        yield
    except NetwrightError:
        for _, fixed in given:
            _try_forgetting(cloud, fixed)
        with cloud.world.work() as work:
            for _, fixed in given:
                classic_fixed_ips.take_back(work, fixed)
        raise


def give_back(
    cloud: Cloud, traits: Traits, where: Where, *, teardown: bool, vifs_of: str | None = None
) -> None:
    """The fixed IPs that match are their instance's no more; with `vifs_of` its interfaces go as well.

    Free at once are those that no guest has a lease of. The others are when their leases end.
    """
    # Names go first: where that fails the call can be made again, and no next owner answers to them.
    _forget_names(cloud, where)
    with cloud.world.work() as work:
        found = _allocated(work.connection, where)
        for fixed in found:
            waiting = classic_fixed_ips.deallocate(work, fixed)
            if not traits.dhcp:
                classic_fixed_ips.disassociate(work, waiting)
        if vifs_of is not None:
            classic_vifs.delete_all(work, vifs_of)
    if traits.dhcp and teardown:
        _end_leases(cloud, traits, found)
        if cloud.options.force_dhcp_release:
            free_unleased(cloud, found)
        ids = classic_vifs.networks_of(found)
        network_hosts.take_down_unused(cloud, [network_hosts.get(cloud, network) for network in ids])


def free_unleased(cloud: Cloud, given_back: Sequence[ClassicFixedIp]) -> None:
    """Those that still wait for nothing, as no guest has a lease, are free."""
    with cloud.world.work() as work:
        for fixed in given_back:
            now = store.with_address(work.connection, fixed.address)
            same = now is not None and now.instance_uuid == fixed.instance_uuid
            if now is not None and same and now.life is Life.WAITING and not now.leased:
                classic_fixed_ips.disassociate(work, now)


def remove(cloud: Cloud, traits: Traits, instance_uuid: str, address: Address) -> None:
    """Raises FixedIpNotFoundForSpecificInstance."""
    fixed = classic_fixed_ips.found(cloud.world, address)
    if fixed is None or fixed.instance_uuid != instance_uuid or fixed.life is not Life.ALLOCATED:
        raise FixedIpNotFoundForSpecificInstance(f"{address} of instance {instance_uuid}")
    give_back(cloud, traits, store.only(fixed), teardown=True)
    free_unleased(cloud, [fixed])


def lease(cloud: Cloud, address: Address) -> None:
    """A guest has a lease of it."""
    fixed = classic_fixed_ips.lease(cloud.world, address)
    if fixed is None:
        _LOG.warning("lease_of_nobodys_address", address=str(address))
    elif fixed.life is not Life.ALLOCATED:
        _LOG.warning("lease_of_deallocated_address", address=str(address), instance=fixed.instance_uuid)


def release(cloud: Cloud, address: Address, mac: str | None) -> None:
    """Its lease has ended."""
    fixed = classic_fixed_ips.release(cloud.world, address, Mac(mac.lower()) if mac else None)
    if fixed is None:
        _LOG.warning("release_of_nobodys_address", address=str(address))
    elif not fixed.leased:
        _LOG.warning("release_without_lease", address=str(address), instance=fixed.instance_uuid)


def free_stale(cloud: Cloud) -> int:
    """Those whose release was lost are free: how many. Agents' are any manager's business."""
    before = cloud.world.clock() - timedelta(seconds=cloud.options.fixed_ip_disassociate_timeout)
    return classic_fixed_ips.free_stale(cloud.world, before, None if cloud.is_agents else cloud.host)


def validate(connection: sa.Connection, wanted: Iterable[Requested]) -> None:
    """Raises NetworkNotFound, FixedIpNotFoundForNetwork, FixedIpAlreadyInUse."""
    for one in wanted:
        record = classic_networks.get_in(connection, one.network)
        if one.address is not None:
            fixed = store.with_address(connection, one.address)
            classic_fixed_ips.refuse_unusable(record, one.address, fixed, reserved=False)


def record_of(connection: sa.Connection, address: Address) -> ClassicRecord:
    """The network of the address. Raises FixedIpNotFoundForAddress."""
    record = classic_networks.holding(connection, address)
    if record is None:
        raise FixedIpNotFoundForAddress(address)
    return record


def _paired(one: Sequence[object]) -> tuple[object, object]:
    if len(one) < 2:
        raise InvalidError(f"{one!r} is no pair of network and address", "requested_networks")
    return one[0], one[1]


def _named(one: object) -> tuple[str, object]:
    where = "requested_networks"
    network = text_of(one, "network_id", where) or text_of(one, "uuid", where)
    return network, part(one, "address") or part(one, "fixed_ip")


def _derived(
    cloud: Cloud, work: Work, record: ClassicRecord, instance: Instance, how: tuple[Macs, Wanted]
) -> ClassicFixedIp:
    """With the IPv6 address of nova's other backend, which the MAC makes: so the interface comes first."""
    supply, wanted = how
    port = classic_vifs.on_network(work, record, instance, supply)
    prefix = record.v6.cidr if record.v6 is not None else None
    derived = None
    if isinstance(prefix, IPv6Network):
        derived = to_global(prefix, port.mac, instance.project_id, cloud.options.ipv6_backend)
    fixed = Wanted(wanted.address, wanted.reserved, derived, wanted.limit)
    return classic_fixed_ips.allocate(work, record, instance, supply, fixed)


def _end_leases(cloud: Cloud, traits: Traits, found: Sequence[ClassicFixedIp]) -> None:
    """The DHCP server forgets them first: it would not give a lease back that it still has a host for."""
    for network in classic_vifs.networks_of(found):
        record = network_hosts.get(cloud, network)
        theirs = [fixed for fixed in found if fixed.network_id == network]
        if network_hosts.is_served_here(cloud, record, theirs[0].host):
            network_hosts.set_up(cloud, traits, record)
            if cloud.options.force_dhcp_release:
                network_hosts.release_leases(cloud, [(record, one.address, one.mac) for one in theirs])


def _allocated(connection: sa.Connection, where: Where) -> list[ClassicFixedIp]:
    return [one for one in store.find(connection, where) if one.life is Life.ALLOCATED]


def _zones(connection: sa.Connection, found: Sequence[ClassicFixedIp]) -> Mapping[str, str]:
    """The availability zones of the instances."""
    uuids = {fixed.instance_uuid for fixed in found if fixed.instance_uuid is not None}
    return {
        port.device_id: classic_vifs.zone_of(port)
        for uuid in uuids
        for port in classic_vifs.of_instance(connection, uuid)
    }


def _forget_names(cloud: Cloud, where: Where) -> None:
    with cloud.world.look() as connection:
        found = _allocated(connection, where)
        zones = _zones(connection, found)
    for fixed in found:
        uuid = fixed.instance_uuid or ""
        owner = fixed.project_id or ProjectId("")
        instance = Instance(uuid, owner, fixed.host, availability_zone=zones.get(uuid, ""))
        cloud.dns.remove_instance(_as_model(instance), str(fixed.address))


def _try_forgetting(cloud: Cloud, fixed: ClassicFixedIp) -> None:
    """What failed just now may fail again: the caller is told of the first."""
    try:
        _forget_names(cloud, store.only(fixed))
    except NetwrightError as error:
        _LOG.warning("dns_names_left", address=str(fixed.address), said=str(error))


def _as_model(instance: Instance) -> Mapping[str, str | HostName | None]:
    return {
        "uuid": instance.uuid,
        "project_id": instance.project_id,
        "host": instance.host,
        "hostname": instance.hostname,
        "display_name": instance.display_name,
        "availability_zone": instance.availability_zone,
    }
