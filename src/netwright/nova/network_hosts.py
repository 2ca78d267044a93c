"""Which host serves a classic network, and what it does there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Final

import structlog

from netwright.control import classic_fixed_ips, classic_networks, leases
from netwright.control.classic_networks import ClassicRecord
from netwright.model.classic import Life
from netwright.model.errors import NetwrightError
from netwright.model.ids import HostName, Mac, NetworkId, PortId
from netwright.model.intent import Address
from netwright.nova.cloud import Cloud, Traits
from netwright.nova.models import NetworkModel, network_model
from netwright.store import changes, hosts, presence
from netwright.store import classic_fixed_ips as fixed_rows
from netwright.store.changes import Touched
from netwright.store.rows import Where

_LOG: Final = structlog.get_logger("netwright.nova")
_ABOUT_NETWORKS: Final = (Touched.NETWORK, Touched.NETWORK_ITEM)


def get(cloud: Cloud, reference: str | int) -> ClassicRecord:
    """By number or uuid. Raises NetworkNotFound."""
    with cloud.world.look() as connection:
        return classic_networks.get_in(connection, reference)


def of_host(cloud: Cloud) -> list[ClassicRecord]:
    """Networks that this host is gateway of, or that it, or an instance here, has an address of."""
    with cloud.world.look() as connection:
        near = fixed_rows.networks_of(connection, cloud.host)
        return [
            record
            for record in classic_networks.find_in(connection, {})
            if record.classic.host == cloud.host or (record.classic.multi_host and record.id in near)
        ]


def dhcp_address(cloud: Cloud, record: ClassicRecord, host: HostName | None = None) -> Address | None:
    """The address at which guests on the host find DHCP: the network's, or, on a multi_host network whose
    address is not shared, the host's own, taken now if it has none. Raises NoMoreFixedIps."""
    if not record.classic.multi_host or record.classic.share_address:
        return record.classic.dhcp_server or record.classic.gateway
    return classic_fixed_ips.host_address(cloud.world, record, host or cloud.host)


def claim(cloud: Cloud, record: ClassicRecord) -> HostName | None:
    """The host that serves the network; where none does, this one. Among agents the server chooses."""
    if record.classic.multi_host or record.classic.host is not None or cloud.is_agents:
        return record.gateway_host or record.classic.host
    return classic_networks.take_host(cloud.world, record.id, cloud.host, instead_of=None)


def is_served_here(cloud: Cloud, record: ClassicRecord, instance_host: HostName | None) -> bool:
    """Whether this host does what is to be done for an instance on that host."""
    if record.classic.multi_host:
        return instance_host in {None, cloud.host}
    return record.classic.host in {None, cloud.host}


def set_up(cloud: Cloud, traits: Traits, record: ClassicRecord) -> None:
    """This host serves the network as it is now."""
    if not traits.dhcp:
        classic_networks.set_injected(cloud.world, record.id, injected=cloud.options.flat_injected)
        return
    if not cloud.is_agents:
        cloud.side.setup([seen_here(cloud, record)])


def seen_here(cloud: Cloud, record: ClassicRecord) -> NetworkModel:
    """The network as this host serves it: with its own address, and the VPN's where there is one."""
    return _as_served(cloud, record, dhcp_address(cloud, record))


def left_here(cloud: Cloud, record: ClassicRecord) -> NetworkModel:
    """The network as this host has served it, if it has: no address is taken for it now."""
    address: Address | None = record.classic.dhcp_server or record.classic.gateway
    if record.classic.multi_host and not record.classic.share_address:
        with cloud.world.look() as connection:
            address = classic_fixed_ips.held_by_host(connection, record, cloud.host)
    return _as_served(cloud, record, address)


def take_down_unused(cloud: Cloud, records: Iterable[ClassicRecord] | None) -> None:
    """Multi_host networks of which no guest is left on this host go from it, if options say so. None: all."""
    if cloud.is_agents or not cloud.options.teardown_unused_network_gateway:
        return
    for record in of_host(cloud) if records is None else records:
        with cloud.world.look() as connection:
            here: Where = {"network_id": (record.id,), "host": (cloud.host,)}
            lives = {fixed.life for fixed in fixed_rows.find(connection, here)}
        # A host that has no address of its own there does not serve it, unless all hosts have the same.
        serves = record.classic.multi_host and (record.classic.share_address or Life.HOST in lives)
        if serves and not lives & {Life.ALLOCATED, Life.WAITING}:
            tear_down(cloud, record)


def lease_lines(cloud: Cloud, record: ClassicRecord) -> str:
    """dnsmasq's lease file: what guests here have a lease of, also of what is not theirs any more."""
    leased: Where = {"network_id": (record.id,), "leased": (True,)}
    where = {**leased, "host": (cloud.host,)} if record.classic.multi_host else leased
    with cloud.world.look() as connection:
        # An imported address that waits may have no MAC: nova had forgotten its interface.
        found = [one for one in fixed_rows.find(connection, where) if one.mac is not None]
    expiry = int(cloud.world.clock().timestamp()) + cloud.options.dhcp_lease_time
    return "\n".join(f"{expiry} {one.mac} {one.address} {one.hostname or '*'} *" for one in found)


def take_down(cloud: Cloud, left: NetworkModel) -> None:
    """What this host has of a network that is there no more."""
    if cloud.side.serves(left):
        cloud.side.teardown(left, guests=False)


def tear_down(cloud: Cloud, record: ClassicRecord) -> None:
    """This host serves the network no more; its own address there is given back."""
    cloud.side.teardown(left_here(cloud, record), guests=False)
    classic_fixed_ips.give_back_host_address(cloud.world, record, cloud.host)


def initialize(cloud: Cloud, traits: Traits) -> frozenset[NetworkId]:
    """What this host serves, after a start. Those that could not be set up."""
    if not traits.dhcp or cloud.is_agents:
        return frozenset()
    mine = of_host(cloud)
    try:
        cloud.side.setup([seen_here(cloud, record) for record in mine])
    except NetwrightError:
        return serve(cloud, traits, mine)
    return frozenset()


def serve(cloud: Cloud, traits: Traits, records: Iterable[ClassicRecord]) -> frozenset[NetworkId]:
    """Each of them is set up here, whatever becomes of the others. Those that could not be."""
    undone = set()
    for record in records:
        try:
            set_up(cloud, traits, record)
        except NetwrightError as error:
            _LOG.warning("network_not_served", network=record.id, host=cloud.host, said=str(error))
            undone.add(record.id)
    return frozenset(undone)


def release_leases(cloud: Cloud, given_back: Iterable[tuple[ClassicRecord, Address, str | None]]) -> None:
    """Ends guests' leases here, after the DHCP server has forgotten them."""
    for record, address, mac in given_back:
        if mac is not None:
            cloud.side.release(seen_here(cloud, record), address, Mac(mac))


def end_leases(cloud: Cloud, records: Iterable[ClassicRecord]) -> None:
    """Leases here of guests whose addresses are theirs no more: given back by another host's manager, or free
    since their release was lost. The DHCP server would keep the address from its next owner."""
    served = {record.v4.id: record for record in records if record.v4 is not None}
    if cloud.is_agents or not served:
        return
    found = [one for one in leases.stale(cloud.world, cloud.world.clock()) if one.key.subnet in served]
    with cloud.world.look() as connection:
        owners = {one.key: fixed_rows.with_address(connection, one.address) for one in found}
    waiting = {key for key, fixed in owners.items() if fixed is not None and fixed.life is Life.WAITING}
    ending = [one for one in found if one.key not in waiting or cloud.options.force_dhcp_release]
    release_leases(cloud, [(served[one.key.subnet], one.address, one.mac) for one in ending])
    leases.forget(cloud.world, [one.key for one in ending if one.key not in waiting])


def leave(cloud: Cloud, record: ClassicRecord, instance_uuid: str) -> None:
    """The instance's leases end here: it moves to another of a multi_host network's hosts."""
    if record.classic.multi_host and not cloud.is_agents and cloud.options.force_dhcp_release:
        found = classic_fixed_ips.of_instance(cloud.world, instance_uuid, (Life.ALLOCATED,))
        mine = [one for one in found if one.network_id == record.id and one.leased]
        release_leases(cloud, [(record, one.address, one.mac) for one in mine])


def pick_up(cloud: Cloud, traits: Traits) -> list[NetworkId]:
    """Networks without a host, or whose host is dead, are this one's, and changed by that: which."""
    if cloud.is_agents:
        return []
    with cloud.world.look() as connection:
        alive = alive_hosts(cloud, [record.name for record in hosts.every(connection)])
        wanted = [
            record
            for record in classic_networks.find_in(connection, {"multi_host": (False,)})
            if record.classic.host not in alive
            and (record.classic.project_id is not None or not traits.creates_vlan)
        ]
    return [record.id for record in wanted if _take(cloud, record)]


def let_go(cloud: Cloud) -> list[NetworkId]:
    """Networks that another host has taken over while this one was dead are taken down here: which."""
    if cloud.is_agents:
        return []
    with cloud.world.look() as connection:
        others = [
            record
            for record in classic_networks.find_in(connection, {"multi_host": (False,)})
            if record.classic.host not in {None, cloud.host}
        ]
    gone = [record for record in others if cloud.side.serves(network_model(record))]
    for record in gone:
        with cloud.world.look() as connection:
            here: Where = {"network_id": (record.id,), "host": (cloud.host,)}
            guests = fixed_rows.count(connection, here) > 0
        cloud.side.teardown(network_model(record), guests=guests)
        _LOG.info("network_let_go", network=record.id, host=cloud.host, served_by=record.classic.host)
    return [record.id for record in gone]


def hear_leases(cloud: Cloud) -> None:
    """What DHCP servers here told is in the store."""
    for events in cloud.side.leases():
        leases.record(cloud.world, events)


def alive_hosts(cloud: Cloud, among: Collection[HostName]) -> frozenset[HostName]:
    """Those that were heard of lately, and this one."""
    since = cloud.world.clock() - timedelta(seconds=cloud.options.service_down_time)
    with cloud.world.look() as connection:
        heard = {record.name for record in hosts.every(connection) if record.last_seen >= since}
    return frozenset(heard & set(among)) | {cloud.host}


def say_alive(cloud: Cloud) -> None:
    """This host is heard of now: written where it was not lately. Agents say so themselves."""
    if cloud.is_agents:
        return
    often = timedelta(seconds=cloud.options.service_down_time / 4)
    with cloud.world.look() as connection:
        before = hosts.get(connection, cloud.host)
    if before is None or cloud.world.clock() - before.last_seen >= often:
        with cloud.world.work() as work:
            hosts.see(work.connection, cloud.host, work.now)


def changed_since(cloud: Cloud, generation: int) -> tuple[int, list[ClassicRecord]]:
    """The newest generation, and the networks served here about which something changed since that one."""
    with cloud.world.look() as connection:
        newest = changes.generation(connection)
        if newest == generation or cloud.is_agents:
            return newest, []
        if not changes.reaches_back_to(connection, generation):
            touched = None
        else:
            log = changes.since(connection, generation, cloud.host)
            ports = [PortId(one.id) for one in log if one.noun is Touched.PORT]
            touched = {one.id for one in log if one.noun in _ABOUT_NETWORKS}
            touched |= presence.networks_of_ports(connection, ports)
    mine = of_host(cloud)
    return newest, [record for record in mine if touched is None or record.id in touched]


def _as_served(cloud: Cloud, record: ClassicRecord, address: Address | None) -> NetworkModel:
    model = network_model(record)
    if isinstance(address, IPv4Address):
        model = replace(model, dhcp_server=address)
    if model.vlan is not None and model.vpn_public_address is None:
        model = replace(model, vpn_public_address=IPv4Address(cloud.options.vpn_address))
    return model


def _take(cloud: Cloud, record: ClassicRecord) -> bool:
    before = record.classic.host
    taken = classic_networks.take_host(cloud.world, record.id, cloud.host, instead_of=before)
    if taken != cloud.host:
        return False
    _LOG.info("network_taken_up", network=record.id, host=cloud.host, instead_of=before)
    moved: dict[str, object] = {"network_id": record.id, "host": cloud.host, "instead_of": before}
    cloud.notify("network.host.taken", moved)
    return True
