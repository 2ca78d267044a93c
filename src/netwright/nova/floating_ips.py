"""nova.network.floating_ips: what managers whose instances have floating IPs have beside the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from netwright.control import classic_floating_ips, classic_floating_pools
from netwright.control.classic_floating_ips import Terms
from netwright.control.world import World
from netwright.model.errors import InvalidError, NetwrightError
from netwright.model.ids import HostName, ProjectId
from netwright.nova import floating_ip_calls as calls
from netwright.nova.cloud import Cloud, InstanceNames, Notifier, caller
from netwright.nova.dns_calls import DnsCalls
from netwright.nova.dns_entries import instance_dns
from netwright.nova.floating_host import FloatingHost
from netwright.nova.floating_ip_calls import FloatingIpModel
from netwright.nova.given import text_of
from netwright.nova.host_side import AgentSide
from netwright.nova.linux_side import LinuxSide
from netwright.nova.notifications import log_notification
from netwright.nova.nw_info import Data
from netwright.nova.options import NetworkOptions
from netwright.store import classic_fixed_ips

if TYPE_CHECKING:
    from netwright.nova.network_manager import NetworkManager as _Manager
else:
    _Manager = object


class FloatingIP(DnsCalls, _Manager):
    """Floating IPs by nova's calls. A mixin, as nova's was: what it adds to a manager's own calls comes
    before them in the order of resolution. Each call raises what nova's raised (nova/exception.py)."""

    _cloud: Cloud
    _patience_s: float = 30.0
    """How long the host that an instance left may take to let its floating IPs go."""

    # Pools and projects

    def allocate_floating_ip(
        self,
        context: object,
        project_id: str,
        auto_assigned: object = False,  # noqa: FBT002 - nova's signature
        pool: str | None = None,
    ) -> str:
        """One of the pool's is the project's: its address."""
        del context
        options = self._cloud.options
        terms = Terms(pool or options.default_floating_pool, bool(auto_assigned), options.quota_floating_ips)
        record = classic_floating_ips.allocate(self._cloud.world, ProjectId(project_id), terms)
        calls.tell(self._cloud, "allocate", record)
        return str(record.address)

    def deallocate_floating_ip(
        self,
        context: object,
        address: object,
        affect_auto_assigned: object = False,  # noqa: FBT002 - nova's signature
    ) -> None:
        """It is its pool's again. One that is so already, or came with its instance, is left alone."""
        wanted = calls.address_of(address)
        calls.give_back(
            self._cloud, context, wanted, calls.owner_of(context), auto_assigned=bool(affect_auto_assigned)
        )

    def associate_floating_ip(
        self,
        context: object,
        floating_address: object,
        fixed_address: object,
        affect_auto_assigned: object = False,  # noqa: FBT002 - nova's signature
    ) -> str | None:
        """It stands for that fixed IP. The uuid of the instance that it stood for before, if another."""
        change = classic_floating_ips.associate(
            self._cloud.world,
            calls.address_of(floating_address),
            calls.address_of(fixed_address),
            calls.owner_of(context),
            affect_auto_assigned=bool(affect_auto_assigned),
        )
        if change is None or change.before == change.now:
            return None
        calls.put_on_host(self._cloud, self._here, change.now)
        if change.before.port_id is not None:
            calls.tell(self._cloud, "disassociate", change.before)
        calls.tell(self._cloud, "associate", change.now)
        moved = change.before.instance_uuid != change.now.instance_uuid
        return change.before.instance_uuid if moved else None

    def disassociate_floating_ip(
        self,
        context: object,
        address: object,
        affect_auto_assigned: object = False,  # noqa: FBT002 - nova's signature
    ) -> None:
        """It stands for no fixed IP any more, and its connections end."""
        before = classic_floating_ips.disassociate(
            self._cloud.world,
            calls.address_of(address),
            calls.owner_of(context),
            affect_auto_assigned=bool(affect_auto_assigned),
        )
        self._settle(before.address)
        calls.tell(self._cloud, "disassociate", before)

    def _associate_floating_ip(
        self,
        context: object,
        floating_address: object,
        fixed_address: object,
        interface: object,
        instance_uuid: object,
    ) -> str | None:
        """What nova's API asked the instance's host for. Here any manager does it; interface and instance
        are the store's. Raises InvalidError where the caller takes them to be others."""
        calls.refuse_others(self._cloud, floating_address, fixed_address, (interface, instance_uuid))
        before = self.associate_floating_ip(context, floating_address, fixed_address, True)  # noqa: FBT003 - nova's
        self._settle(calls.address_of(floating_address))
        return before

    def _disassociate_floating_ip(
        self, context: object, address: object, interface: object, instance_uuid: object
    ) -> None:
        """The same for the end of an association; one that has ended already is taken off the host."""
        if self.is_floating_ip_associated(context, address):
            found = model_of(self._cloud, context, calls.address_of(address))
            calls.refuse_others(self._cloud, address, found.fixed_address, (interface, instance_uuid))
            self.disassociate_floating_ip(context, address, True)  # noqa: FBT003 - nova's
        self._settle(calls.address_of(address))

    # Looking

    def get_floating_ip(self, context: object, id: object) -> FloatingIpModel:  # noqa: A002 - nova's name
        """By nova's number, or by its address."""
        return model_of(self._cloud, context, calls.address_of_id(id))

    def get_floating_ip_by_address(self, context: object, address: object) -> FloatingIpModel:
        return model_of(self._cloud, context, calls.address_of(address))

    def get_floating_ips_by_project(self, context: object) -> list[FloatingIpModel]:
        """The caller's, but those that came with instances."""
        where = {"project_id": (caller(context).project_id,)}
        found = classic_floating_ips.find(self._cloud.world, where)
        return calls.models(record for record in found if not record.auto_assigned)

    def get_floating_ips_by_fixed_address(self, context: object, fixed_address: object) -> list[str]:
        """The addresses of those that stand for it; for one who is no administrator, of the project's."""
        asker = caller(context)
        fixed = calls.address_of(fixed_address)
        with self._cloud.world.look() as connection:
            behind = classic_fixed_ips.with_address(connection, fixed)
            if behind is None or behind.instance_uuid is None:
                return []
            found = classic_floating_ips.of_instance(connection, behind.instance_uuid)
        theirs = (one for one in found if one.fixed_address == fixed)
        return [str(one.address) for one in theirs if asker.is_admin or one.project_id == asker.project_id]

    def get_floating_pools(self, context: object) -> list[str]:
        """nova's older name for the same."""
        return self.get_floating_ip_pools(context)

    def get_floating_ip_pools(self, context: object) -> list[str]:
        """The pools' names."""
        del context
        return classic_floating_pools.names(self._cloud.world)

    def get_instance_id_by_floating_address(self, context: object, address: object) -> str | None:
        """The uuid of the instance that it stands for; None: for none."""
        return model_of(self._cloud, context, calls.address_of(address)).instance_uuid

    def is_floating_ip_associated(self, context: object, address: object) -> bool:
        """Whether it stands for a fixed IP."""
        return model_of(self._cloud, context, calls.address_of(address)).fixed_address is not None

    # Instances

    def allocate_for_instance(self, context: object, **kwargs: object) -> list[Data]:
        """With the option auto_assign_floating_ip, a floating IP comes with the instance, or nothing does."""
        info = super().allocate_for_instance(context, **kwargs)
        if not self._cloud.options.auto_assign_floating_ip:
            return info
        uuid = _uuid_of(kwargs)
        project = text_of(kwargs, "project_id", "call") or caller(context).project_id
        try:
            record = calls.auto_assign(self._cloud, uuid, ProjectId(project))
            if record is None:
                return info
            calls.put_on_host(self._cloud, self._here, record)
        except NetwrightError:
            self.deallocate_for_instance(context, **kwargs)
            raise
        calls.tell(self._cloud, "allocate", record)
        calls.tell(self._cloud, "associate", record)
        return self.get_instance_nw_info(context, uuid, None, text_of(kwargs, "host", "call") or None)

    def deallocate_for_instance(self, context: object, **kwargs: object) -> None:
        """Its floating IPs stand for nothing first; those that came with it go with it."""
        uuid = _uuid_of(kwargs)
        for record in classic_floating_ips.leaving(self._cloud.world, uuid):
            calls.forget_names(self._cloud, context, record)
        for record in classic_floating_ips.leave(self._cloud.world, uuid):
            self._settle(record.address)
            calls.tell(self._cloud, "disassociate", record)
            if record.auto_assigned:
                calls.tell(self._cloud, "deallocate", record)
        super().deallocate_for_instance(context, **kwargs)

    def deallocate_fixed_ip(
        self,
        context: object,
        address: object,
        host: object = None,
        teardown: object = True,  # noqa: FBT002 - nova's signature
        instance: object = None,
    ) -> None:
        """The floating IP that stands for it stands for nothing, here at once."""
        with self._parting(context, address):
            super().deallocate_fixed_ip(context, address, host, teardown, instance)

    def remove_fixed_ip_from_instance(
        self, context: object, instance_id: str, host: str, address: object, rxtx_factor: float | None = None
    ) -> list[Data]:
        """The same."""
        with self._parting(context, address):
            return super().remove_fixed_ip_from_instance(context, instance_id, host, address, rxtx_factor)

    def migrate_instance_start(self, context: object, instance_uuid: str, **kwargs: object) -> None:
        """The floating IPs leave the host `source`; arguments: floating_addresses, source, dest, project_id,
        rxtx_factor. Addresses that are not the instance's any more are passed over."""
        super().migrate_instance_start(context, instance_uuid, **kwargs)
        if kwargs.get("source") != kwargs.get("dest"):
            wanted = _addresses(kwargs.get("floating_addresses"))
            for record in classic_floating_ips.depart(self._cloud.world, str(instance_uuid), wanted):
                self._settle(record.address)

    def migrate_instance_finish(self, context: object, instance_uuid: str, **kwargs: object) -> None:
        """The instance is on the host `dest` (or `host`), and so are its floating IPs, once no other host has
        them. Raises FloatingIpAssociateFailed where one does not let go; then call it again."""
        dest = text_of(kwargs, "dest", "call") or text_of(kwargs, "host", "call")
        super().migrate_instance_finish(context, instance_uuid, **{**kwargs, "dest": dest})
        wanted = _addresses(kwargs.get("floating_addresses"))
        if not dest or not wanted:
            return
        world, uuid = self._cloud.world, str(instance_uuid)
        if self._cloud.is_agents:
            with world.look() as connection:
                found = classic_floating_ips.of_instance(connection, uuid)
            calls.await_departure(world, found, self._patience_s)
        for record in classic_floating_ips.arrive(world, uuid, wanted, HostName(dest)):
            self._settle(record.address)

    # This host

    def init_host(self) -> None:
        super().init_host()
        self.init_host_floating_ips()

    def init_host_floating_ips(self) -> None:
        """Those of this host's instances are on it. An interface that is missing stops nothing: its floating
        IPs are tried again by the periodic task."""
        if self._here is not None:
            self._here.sync()

    def run_periodic_tasks(self, context: object) -> None:
        super().run_periodic_tasks(context)
        self.init_host_floating_ips()

    @contextmanager
    def _parting(self, context: object, fixed: object) -> Iterator[None]:
        """Those that stand for the fixed IP no more afterwards leave this host, and are told of."""
        world = self._cloud.world
        before = classic_floating_ips.find(world, {"fixed_address": (str(fixed),)})
        yield
        for record in before:
            if classic_floating_ips.get(world, record.address).port_id is None:
                self._settle(record.address)
                calls.tell(self._cloud, "disassociate", record)
                if record.auto_assigned:
                    calls.forget_names(self._cloud, context, record)
                    calls.tell(self._cloud, "deallocate", record)

    def _settle(self, address: IPv4Address) -> None:
        if self._here is not None:
            self._here.settle(address)

    @cached_property
    def _here(self) -> FloatingHost | None:
        """None where agents do the hosts' part."""
        side = self._cloud.side
        if not isinstance(side, LinuxSide):
            return None
        return FloatingHost(self._cloud.world, self._cloud.host, side.l3)


class LocalManager(FloatingIP):
    """nova's manager in the API's process: no host of its own, floating IPs only, and pools in bulk."""

    def __init__(
        self,
        world: World,
        *,
        options: NetworkOptions | None = None,
        dns: InstanceNames | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        chosen = options or NetworkOptions()
        self._cloud = Cloud(
            world=world,
            options=chosen,
            host=HostName(chosen.host),
            side=AgentSide(),
            is_agents=True,
            dns=dns or instance_dns(world, chosen),
            notify=notifier or log_notification,
        )

    def create_floating_ips_bulk(
        self, context: object, ip_range: object, pool: str | None = None, interface: str | None = None
    ) -> int:
        """The range's addresses are the pool's: how many. For administrators."""
        del context
        options = self._cloud.options
        wanted = calls.range_of(ip_range)
        name, link = pool or options.default_floating_pool, interface or options.public_interface
        return classic_floating_pools.add(self._cloud.world, wanted, name, link)

    def delete_floating_ips_bulk(self, context: object, ip_range: object) -> int:
        """No pool has them any more: how many went. Those that are projects' are refused."""
        del context
        return classic_floating_pools.remove(self._cloud.world, calls.range_of(ip_range))

    def list_floating_ips_bulk(self, context: object, host: str | None = None) -> list[FloatingIpModel]:
        """All addresses of all pools, or those of instances on the host."""
        del context
        if host is None:
            return calls.models(classic_floating_ips.every(self._cloud.world))
        with self._cloud.world.look() as connection:
            return calls.models(classic_floating_ips.on_host(connection, HostName(host)))


class NoFloatingIPs:
    """FlatManager's answers: its instances have none."""

    def get_floating_ip(self, context: object, id: object) -> None:  # noqa: A002 - nova's name
        del context, id

    def get_floating_pools(self, context: object) -> dict[str, str]:
        del context
        return {}

    def get_floating_ip_pools(self, context: object) -> dict[str, str]:
        del context
        return {}

    def get_floating_ip_by_address(self, context: object, address: object) -> None:
        del context, address

    def get_floating_ips_by_project(self, context: object) -> list[str]:
        del context
        return []

    def get_floating_ips_by_fixed_address(self, context: object, fixed_address: object) -> list[str]:
        del context, fixed_address
        return []

    def allocate_floating_ip(self, context: object, project_id: str, pool: str | None = None) -> None:
        del context, project_id, pool

    def deallocate_floating_ip(
        self, context: object, address: object, affect_auto_assigned: object = None
    ) -> None:
        del context, address, affect_auto_assigned

    def associate_floating_ip(
        self,
        context: object,
        floating_address: object,
        fixed_address: object,
        affect_auto_assigned: object = None,
    ) -> None:
        del context, floating_address, fixed_address, affect_auto_assigned

    def disassociate_floating_ip(
        self, context: object, address: object, affect_auto_assigned: object = None
    ) -> None:
        del context, address, affect_auto_assigned


def model_of(cloud: Cloud, context: object, address: IPv4Address) -> FloatingIpModel:
    """Raises FloatingIpNotFoundForAddress, also for another project's."""
    return calls.model(calls.visible(cloud, caller(context), address))


def _addresses(given: object) -> frozenset[IPv4Address]:
    """Texts, or models with an `address`."""
    if given is None:
        return frozenset()
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InvalidError(f"{given!r} is not a list of addresses", "floating_addresses")
    return frozenset(calls.address_of(text_of(one, "address", "floating_ip") or one) for one in given)


def _uuid_of(given: dict[str, object]) -> str:
    for name in ("instance_uuid", "instance_id"):
        if given.get(name):
            return text_of(given, name, "call")
    return text_of(given.get("instance"), "uuid", "instance")
