"""The virtual interfaces of nova's instances: ports, whose ids are the interfaces' uuids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from netwright.control import ports, text
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import (
    VirtualInterfaceCreateException,
    VirtualInterfaceMacAddressException,
)
from netwright.control.ports import PortRequest
from netwright.control.world import Work, World
from netwright.model.classic import ClassicFixedIp
from netwright.model.ids import HostName, Mac, NetworkId, ProjectId
from netwright.model.intent import Port, Unplugged, VmmTap
from netwright.store import classic_fixed_ips, classic_networks
from netwright.store import ports as store
from netwright.store.changes import Touched

_OWNER: Final = "compute:"
_LABEL: Final = 63
"""RFC 1035 2.3.4."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance's interfaces are told of it."""

    uuid: str
    project_id: ProjectId
    host: HostName | None = None
    hostname: str = ""
    """A DNS label; it may begin with a digit (RFC 1123)."""
    display_name: str = ""
    availability_zone: str = "nova"

    @property
    def dns_name(self) -> str:
        """The hostname as the Networking API takes it: it begins with a letter."""
        if not self.hostname or self.hostname[0].isalpha():
            return self.hostname
        return f"host-{self.hostname}"[:_LABEL].rstrip("-")


@dataclass(slots=True)
class Macs:
    """Where new interfaces get their MACs: from those that a hypervisor supplied, or random ones."""

    attempts: int
    supplied: list[str] | None = field(default=None)

    def take(self, work: Work) -> str:
        """Raises VirtualInterfaceCreateException, VirtualInterfaceMacAddressException, InvalidError."""
        if self.supplied is not None:
            if not self.supplied:
                raise VirtualInterfaceCreateException("There are not enough MAC addresses for all networks.")
            mac = text.mac(self.supplied.pop(0), "macs")
            if store.is_mac_used_anywhere(work.connection, mac):
                raise VirtualInterfaceCreateException(f"MAC address {mac} is in use.", "macs")
            return mac
        for _ in range(self.attempts):
            mac = Mac("fa:16:3e:" + work.world.rng.randbytes(3).hex(":"))
            if not store.is_mac_used_anywhere(work.connection, mac):
                return mac
        raise VirtualInterfaceMacAddressException(self.attempts)


def on_network(work: Work, record: ClassicRecord, instance: Instance, macs: Macs) -> Port:
    """The instance's interface on the network, made now if it has none there; a new one has no address."""
    for port in store.ids_of_device(work.connection, instance.uuid, record.id):
        return store.get(work.connection, port).value
    return ports.create_in(work, request_of(instance, record.id, macs.take(work))).value


def request_of(instance: Instance, network: NetworkId, mac: str) -> PortRequest:
    """A new interface of the instance's, without an address."""
    return PortRequest(
        network_id=network,
        project_id=instance.project_id,
        name=instance.display_name,
        mac=mac,
        fixed_ips=(),
        device_id=instance.uuid,
        device_owner=_OWNER + instance.availability_zone,
        dns_name=instance.dns_name,
        host=instance.host,
        attachment=Unplugged() if instance.host is None else VmmTap(),
    )


def of_instance(connection: sa.Connection, instance_uuid: str) -> list[Port]:
    """Those on classic networks, in the order in which they were made."""
    if not instance_uuid or not store.is_device_known(connection, instance_uuid):
        return []
    places = {
        fixed.port_id: fixed.nic
        for fixed in classic_fixed_ips.find(connection, {"instance_uuid": (instance_uuid,)})
    }
    found = _classic(
        connection, [one.value for one in store.find(connection, {"device_id": (instance_uuid,)})]
    )
    return sorted(found, key=lambda port: places.get(port.id, len(places)))


def with_mac(connection: sa.Connection, mac: Mac) -> Port | None:
    """The interface of that MAC on a classic network."""
    found = _classic(connection, [one.value for one in store.find(connection, {"mac": (mac,)})])
    return found[0] if found else None


def delete_all(work: Work, instance_uuid: str) -> None:
    """The instance's interfaces on classic networks are gone."""
    for port in of_instance(work.connection, instance_uuid):
        ports.delete_in(work, store.get(work.connection, port.id))


def move(world: World, instance_uuid: str, host: HostName) -> None:
    """The instance is on that host now, with the interfaces and addresses that it has."""
    with world.work() as work:
        move_in(work, instance_uuid, host)


def move_in(work: Work, instance_uuid: str, host: HostName) -> None:
    """`move` as a part of a larger transaction."""
    for port in of_instance(work.connection, instance_uuid):
        ports.update_in(
            work, store.get(work.connection, port.id), PortRequest(host=host, attachment=VmmTap())
        )
        work.touch(Touched.NETWORK, port.network_id)
    classic_fixed_ips.move(work.connection, instance_uuid, host)


def zone_of(port: Port) -> str:
    """The availability zone of the interface's instance."""
    return port.device_owner.removeprefix(_OWNER)


def networks_of(found: Sequence[ClassicFixedIp]) -> list[NetworkId]:
    """The networks of these addresses, each once, in their order."""
    return list(dict.fromkeys(fixed.network_id for fixed in found))


def _classic(connection: sa.Connection, found: Sequence[Port]) -> list[Port]:
    ids = {port.network_id for port in found}
    if not ids:
        return []
    known = {one.network_id for one in classic_networks.find(connection, {"network_id": ids})}
    return [port for port in found if port.network_id in known]
