"""nova.network.manager's NetworkManager: what its topologies (manager.py) share, over netwright's store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import structlog

from netwright.control import classic_fixed_ips, classic_networks, classic_vifs
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_vifs import Macs
from netwright.control.world import Work, World
from netwright.model.classic import Life
from netwright.model.errors import InvalidError
from netwright.model.ids import HostName, Mac, NetworkId, ProjectId
from netwright.nova import fixed_ip_calls, ip_filter, network_calls, network_hosts, nw_info
from netwright.nova.cloud import Cloud, InstanceNames, Notifier, Traits, caller
from netwright.nova.dns_entries import instance_dns
from netwright.nova.fixed_ip_calls import Requested, Rules, address_of
from netwright.nova.given import text_of
from netwright.nova.host_side import AgentSide, HostSide
from netwright.nova.linux_host import LinuxHost
from netwright.nova.linux_side import LinuxSide
from netwright.nova.models import (
    FixedIpModel,
    NetworkModel,
    VirtualInterfaceModel,
    fixed_ip_model,
    network_model,
    vif_model,
)
from netwright.nova.network_request import Kind
from netwright.nova.nw_info import Data
from netwright.nova.options import NetworkOptions
from netwright.nova.store_addresses import StoreAddresses
from netwright.store import classic_fixed_ips as fixed_rows

_LOG = structlog.get_logger("netwright.nova")


@dataclass(frozen=True, slots=True)
class Target:
    """The version of the remote calls that a manager answers."""

    version: str


class NetworkManager:
    """What all topologies share. Calls raise what nova's raised (nova/exception.py), and InvalidError."""

    DHCP: ClassVar[bool] = False
    SHOULD_CREATE_BRIDGE: ClassVar[bool] = False
    SHOULD_CREATE_VLAN: ClassVar[bool] = False
    timeout_fixed_ips: ClassVar[bool] = True
    required_create_args: ClassVar[Sequence[str]] = ()
    target: ClassVar[Target] = Target("1.16")
    _limited: ClassVar[bool] = True
    """Whether fixed IPs count against the project's quota."""

    def __init__(
        self,
        world: World,
        *,
        options: NetworkOptions | None = None,
        on: LinuxHost | None = None,
        dns: InstanceNames | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """`on`: the host that the manager serves by linux_net; None: agents do that, each on its own.

        Its options hold where none are given. `dns` keeps instances' names, by the options' drivers unless
        it is given; `notifier` is told (event, payload) of what becomes of networks' hosts.
        """
        chosen = options or (on.options if on else NetworkOptions())
        self.world = world
        self.host = HostName(chosen.host)
        self.options = chosen
        side: HostSide = AgentSide()
        if on is not None:
            side = LinuxSide(replace(on, options=chosen, addresses=StoreAddresses(world)))
        names = dns or instance_dns(world, chosen)
        self._cloud = Cloud(world, chosen, self.host, side, on is None, names, notifier or _unheard)
        self._traits = Traits(self.DHCP, self.SHOULD_CREATE_BRIDGE, self.SHOULD_CREATE_VLAN)
        self._generation = -1
        self._undone: frozenset[NetworkId] = frozenset()
        """Networks that could not be set up here, and are tried again."""
        self._names_told: datetime | None = None

    # Networks

    def create_networks(  # noqa: PLR0913, PLR0917 - nova's signature
        self,
        context: object,
        label: str,
        cidr: object = None,
        multi_host: object = None,
        num_networks: object = None,
        network_size: object = None,
        cidr_v6: object = None,
        gateway: object = None,
        gateway_v6: object = None,
        bridge: object = None,
        bridge_interface: object = None,
        dns1: object = None,
        dns2: object = None,
        fixed_cidr: object = None,
        allowed_start: object = None,
        allowed_end: object = None,
        **kwargs: object,
    ) -> list[NetworkModel]:
        """Further arguments: vlan, vlan_start, vpn_start, project_id, uuid, mtu, dhcp_server, enable_dhcp,
        share_address, ipam, priority."""
        del context
        given: Mapping[str, object] = {
            **kwargs,
            "label": label,
            "cidr": cidr,
            "multi_host": multi_host,
            "num_networks": num_networks,
            "network_size": network_size,
            "cidr_v6": cidr_v6,
            "gateway": gateway,
            "gateway_v6": gateway_v6,
            "bridge": bridge,
            "bridge_interface": bridge_interface,
            "dns1": dns1,
            "dns2": dns2,
            "fixed_cidr": fixed_cidr,
            "allowed_start": allowed_start,
            "allowed_end": allowed_end,
        }
        by_agents = self._cloud.is_agents
        kind = Kind(self.required_create_args, self.DHCP, self.SHOULD_CREATE_VLAN, by_agents)
        return list(map(network_model, network_calls.create(self.world, self.options, kind, given)))

    def delete_network(
        self,
        context: object,
        fixed_range: object,
        uuid: object = None,
        require_disassociated: object = True,  # noqa: FBT002 - nova's signature
    ) -> None:
        """By uuid, or by prefix where none is given. What this host has of it goes, too."""
        del context
        record = network_calls.named(self.world, fixed_range, uuid)
        alone, left = bool(require_disassociated), network_hosts.left_here(self._cloud, record)
        classic_networks.delete(self._cloud.world, record.id, require_disassociated=alone)
        network_hosts.take_down(self._cloud, left)

    def get_all_networks(self, context: object) -> list[NetworkModel]:
        """Under VlanManager, for one who is no administrator, the project's own."""
        found = network_calls.visible(self._cloud, caller(context), own_only=self.SHOULD_CREATE_VLAN)
        return list(map(network_model, found))

    def get_network(self, context: object, network_uuid: object) -> NetworkModel:
        """By uuid, or nova's number."""
        asker = caller(context)
        own_only = self.SHOULD_CREATE_VLAN
        return network_model(network_calls.one_visible(self._cloud, asker, network_uuid, own_only=own_only))

    def disassociate_network(self, context: object, network_uuid: object) -> None:
        """The network is no project's and no host's."""
        del context
        network_calls.associate(self._cloud, network_uuid, {"host": None, "project": None})

    def set_network_host(self, context: object, network_ref: object) -> str | None:
        """The host that serves the network: this one, unless there is one, or agents do."""
        del context
        reference = text_of(network_ref, "uuid", "network") or text_of(network_ref, "id", "network")
        record = network_hosts.get(self._cloud, reference)
        return network_hosts.claim(self._cloud, record)

    def add_network_to_project(
        self, context: object, project_id: str, network_uuid: object = None
    ) -> NetworkModel:
        """Only VlanManager's networks are projects'."""
        raise NotImplementedError

    def validate_networks(self, context: object, networks: object) -> None:
        """Whether an instance could be on these networks, at these addresses."""
        del context
        with self._cloud.world.look() as connection:
            fixed_ip_calls.validate(connection, fixed_ip_calls.requested(networks))

    # Instances

    def allocate_for_instance(self, context: object, **kwargs: object) -> list[Data]:
        """Interfaces and fixed IPs for a new instance, all or none; its network info.

        Arguments: instance_id (or instance_uuid), project_id, host, rxtx_factor, vpn, requested_networks,
        macs; `instance`, with hostname, display_name and availability_zone, in the place of nova's table.
        """
        asker = caller(context)
        uuid = _uuid_of(kwargs)
        instance = fixed_ip_calls.instance_of(self._cloud, asker, uuid, kwargs)
        wanted = fixed_ip_calls.requested(kwargs.get("requested_networks"))
        supplied = kwargs.get("macs")
        macs = Macs(
            self.options.create_unique_mac_address_attempts,
            sorted(map(str, supplied)) if isinstance(supplied, Iterable) else None,
        )
        with self._cloud.world.work() as work:
            given = []
            for record, one in self._networks_for(work, instance.project_id, wanted):
                asked = {"address": one.address, "vpn": kwargs.get("vpn"), "macs": macs}
                fixed = fixed_ip_calls.allocate_in(self._cloud, self._rules, work, record, instance, asked)
                given.append((record, fixed))
        with fixed_ip_calls.undone_if_failing(self._cloud, given):
            fixed_ip_calls.after_allocation(self._cloud, self._traits, given, instance)
            if self.options.update_dns_entries:
                self.update_dns(context, [record.classic.number for record, _ in given])
        return self.get_instance_nw_info(context, uuid, _factor(kwargs), instance.host)

    def deallocate_for_instance(self, context: object, **kwargs: object) -> None:
        """Its fixed IPs are given back, its interfaces are gone. An instance that has none is no error."""
        uuid = _uuid_of(kwargs)
        numbers = [number for number, _ in self._networks_of(uuid)]
        where = {"instance_uuid": (uuid,)}
        fixed_ip_calls.give_back(self._cloud, self._traits, where, teardown=True, vifs_of=uuid)
        if self.options.update_dns_entries:
            self.update_dns(context, numbers)

    def allocate_fixed_ip(self, context: object, instance_id: str, network: object, **kwargs: object) -> str:
        """One fixed IP; `address` asks for a certain one, `vpn` for the VPN's."""
        instance = fixed_ip_calls.instance_of(self._cloud, caller(context), str(instance_id), kwargs)
        reference = text_of(network, "uuid", "network") or text_of(network, "id", "network")
        record = network_hosts.get(self._cloud, reference)
        with self._cloud.world.work() as work:
            fixed = fixed_ip_calls.allocate_in(self._cloud, self._rules, work, record, instance, kwargs)
        with fixed_ip_calls.undone_if_failing(self._cloud, [(record, fixed)]):
            fixed_ip_calls.after_allocation(self._cloud, self._traits, [(record, fixed)], instance)
        return str(fixed.address)

    def deallocate_fixed_ip(
        self,
        context: object,
        address: object,
        host: object = None,
        teardown: object = True,  # noqa: FBT002 - nova's signature
        instance: object = None,
    ) -> None:
        """It is the interface's no more; free when no lease of it is left."""
        del context, host, instance
        found = classic_fixed_ips.found(self._cloud.world, address_of(address))
        if found is not None and found.life is Life.ALLOCATED:
            where = fixed_rows.only(found)
            fixed_ip_calls.give_back(self._cloud, self._traits, where, teardown=bool(teardown))

    def add_fixed_ip_to_instance(
        self,
        context: object,
        instance_id: str,
        host: str,
        network_id: object,
        rxtx_factor: float | None = None,
    ) -> list[Data]:
        """One more, on the network of that id or uuid."""
        network = {"id": network_id}
        self.allocate_fixed_ip(context, instance_id, network, host=host)
        return self.get_instance_nw_info(context, instance_id, rxtx_factor, host)

    def remove_fixed_ip_from_instance(
        self, context: object, instance_id: str, host: str, address: object, rxtx_factor: float | None = None
    ) -> list[Data]:
        """One less."""
        fixed_ip_calls.remove(self._cloud, self._traits, str(instance_id), address_of(address))
        return self.get_instance_nw_info(context, instance_id, rxtx_factor, host)

    def get_instance_nw_info(
        self,
        context: object,
        instance_id: str,
        rxtx_factor: float | None,
        host: str | None,
        instance_uuid: str | None = None,
        **kwargs: object,
    ) -> list[Data]:
        """nova's network info: one entry for each interface."""
        del context, kwargs
        there = HostName(host) if host else None
        return nw_info.build(self._cloud, self._traits, instance_uuid or str(instance_id), rxtx_factor, there)

    def get_instance_uuids_by_ip_filter(self, context: object, filters: object) -> list[dict[str, str]]:
        """By `fixed_ip`, or by patterns `ip` and `ip6`, which are matched from an address's beginning."""
        del context
        return ip_filter.find(self._cloud.world, filters)

    def get_vifs_by_instance(self, context: object, instance_id: str) -> list[VirtualInterfaceModel]:
        """In the order in which they were made."""
        del context
        with self._cloud.world.look() as connection:
            ports = classic_vifs.of_instance(connection, str(instance_id))
            return [vif_model(port, classic_networks.get_in(connection, port.network_id)) for port in ports]

    def get_vif_by_mac_address(self, context: object, mac_address: str) -> VirtualInterfaceModel | None:
        """None where there is none."""
        del context
        with self._cloud.world.look() as connection:
            port = classic_vifs.with_mac(connection, Mac(str(mac_address).lower()))
            if port is None:
                return None
            return vif_model(port, classic_networks.get_in(connection, port.network_id))

    def get_fixed_ip(self, context: object, fixed_ip_id: object) -> FixedIpModel:
        """Fixed IPs have no other id than their addresses."""
        return self.get_fixed_ip_by_address(context, fixed_ip_id)

    def get_fixed_ip_by_address(self, context: object, address: object) -> FixedIpModel:
        """Of a free one, too."""
        del context
        wanted = address_of(address)
        with self._cloud.world.look() as connection:
            record = fixed_ip_calls.record_of(connection, wanted)
            return fixed_ip_model(record, wanted, fixed_rows.with_address(connection, wanted))

    def migrate_instance_start(self, context: object, instance_uuid: str, **kwargs: object) -> None:
        """Interfaces and fixed IPs stay where they are until the instance has moved."""
        del context, instance_uuid, kwargs

    def migrate_instance_finish(self, context: object, instance_uuid: str, **kwargs: object) -> None:
        """The instance is on host `dest` now, and so are its interfaces."""
        del context
        dest = text_of(kwargs, "dest", "call")
        if dest:
            classic_vifs.move(self._cloud.world, str(instance_uuid), HostName(dest))

    # Leases

    def lease_fixed_ip(self, context: object, address: object) -> None:
        """A DHCP server has handed it out."""
        del context
        fixed_ip_calls.lease(self._cloud, address_of(address))

    def release_fixed_ip(self, context: object, address: object, mac: str | None = None) -> None:
        """Its lease has ended."""
        del context
        fixed_ip_calls.release(self._cloud, address_of(address), mac)

    def get_dhcp_leases(self, context: object, network_ref: object) -> str:
        """The lines of the network's lease file."""
        del context
        reference = text_of(network_ref, "uuid", "network") or text_of(network_ref, "id", "network")
        return network_hosts.lease_lines(self._cloud, network_hosts.get(self._cloud, reference))

    # This host

    def init_host(self) -> None:
        """What this host serves is set up, after a start."""
        if self.DHCP:
            self._generation, _ = network_hosts.changed_since(self._cloud, -1)
            network_hosts.say_alive(self._cloud)
            network_hosts.hear_leases(self._cloud)
            self._undone = network_hosts.initialize(self._cloud, self._traits)
            network_hosts.end_leases(self._cloud, network_hosts.of_host(self._cloud))
            if self.options.update_dns_entries:
                self.periodic_update_dns(None)

    def setup_networks_on_host(
        self,
        context: object,
        instance_id: str,
        host: str,
        instance: object = None,
        teardown: object = False,  # noqa: FBT002 - nova's signature
    ) -> None:
        """The networks of the instance are served; with `teardown`, where no guest needs them, no more."""
        del instance
        for number, record in self._networks_of(str(instance_id)):
            served_by = host if record.classic.multi_host else record.classic.host
            if served_by in {None, self.host}:
                self.rpc_setup_network_on_host(context, number, teardown)
                if teardown and host == self.host:
                    network_hosts.leave(self._cloud, record, str(instance_id))

    def rpc_setup_network_on_host(self, context: object, network_id: object, teardown: object) -> None:
        """The network is served on this host, or no more."""
        del context
        record = network_hosts.get(self._cloud, str(network_id))
        network_hosts.set_up(self._cloud, self._traits, record)
        if teardown:
            network_hosts.take_down_unused(self._cloud, [record])

    def update_dns(self, context: object, network_ids: Iterable[object]) -> None:
        """The names of these multi_host networks' guests are known on this host."""
        del context
        wanted = {str(one) for one in network_ids}
        for record in network_hosts.of_host(self._cloud) if self.DHCP else ():
            if record.classic.multi_host and wanted & {str(record.classic.number), record.id}:
                self._cloud.side.update_dns(network_hosts.seen_here(self._cloud, record))

    def periodic_update_dns(self, context: object) -> None:
        """Of all of them."""
        self.update_dns(context, [record.id for record in network_hosts.of_host(self._cloud)])

    def run_periodic_tasks(self, context: object) -> None:
        """All that is to be done now and then: every few seconds is not too often."""
        if not self.DHCP:
            return
        network_hosts.say_alive(self._cloud)
        network_hosts.hear_leases(self._cloud)
        network_hosts.let_go(self._cloud)
        network_hosts.pick_up(self._cloud, self._traits)
        self._follow(context)
        self._update_dns_in_time(context)
        network_hosts.take_down_unused(self._cloud, None)
        self._disassociate_stale_fixed_ips(context)

    def get_backdoor_port(self, context: object) -> None:
        """There is none."""
        del context

    def _follow(self, context: object) -> None:
        """What changed elsewhere since the last time is done here."""
        self._generation, changed = network_hosts.changed_since(self._cloud, self._generation)
        again = self._undone.difference(record.id for record in changed)
        left = [one for one in network_hosts.of_host(self._cloud) if one.id in again] if again else []
        self._undone = network_hosts.serve(self._cloud, self._traits, [*changed, *left])
        network_hosts.end_leases(self._cloud, changed)
        if changed and self.options.update_dns_entries:
            self.update_dns(context, [one.id for one in changed if one.id not in self._undone])

    def _update_dns_in_time(self, context: object) -> None:
        """Every dns_update_periodic_interval seconds; a negative one: never."""
        interval, now = self.options.dns_update_periodic_interval, self.world.clock()
        told = self._names_told
        if interval >= 0 and (told is None or now - told >= timedelta(seconds=interval)):
            self._names_told = now
            self.periodic_update_dns(context)

    def _disassociate_stale_fixed_ips(self, context: object) -> None:
        """Fixed IPs whose release was lost are free."""
        del context
        if self.timeout_fixed_ips:
            freed = fixed_ip_calls.free_stale(self._cloud)
            if freed:
                network_hosts.end_leases(self._cloud, network_hosts.of_host(self._cloud))
                _LOG.info("stale_fixed_ips_freed", count=freed)

    def _networks_for(
        self, work: Work, project: ProjectId, wanted: Sequence[Requested]
    ) -> list[tuple[ClassicRecord, Requested]]:
        del project
        return network_calls.flat(work.connection, wanted)

    def _networks_of(self, instance_uuid: str) -> list[tuple[int, ClassicRecord]]:
        with self._cloud.world.look() as connection:
            ids = {port.network_id for port in classic_vifs.of_instance(connection, instance_uuid)}
            found = classic_networks.find_in(connection, {"network_id": ids}) if ids else []
        return [(record.classic.number, record) for record in found]

    @property
    def _rules(self) -> Rules:
        return Rules(self._traits, self._limited)


def _unheard(event: str, payload: Mapping[str, object]) -> None:
    del event, payload


def _factor(given: Mapping[str, object]) -> float | None:
    value = given.get("rxtx_factor")
    return float(value) if isinstance(value, int | float) else None


def _uuid_of(given: Mapping[str, object]) -> str:
    """The instance's, by any of the names that nova's callers had for it. Raises InvalidError."""
    for name in ("instance_uuid", "instance_id"):
        if given.get(name):
            return text_of(given, name, "call")
    found = text_of(given.get("instance"), "uuid", "instance")
    if not found:
        raise InvalidError("an instance has a uuid", "instance_id")
    return found
