"""The ports of routers: how they are made and let go, and what about them cannot be changed from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from netwright.control import fixed_ips, macs
from netwright.control.fixed_ips import FixedIpRequest, Ground
from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work
from netwright.model.ids import PortId, ProjectId, QosPolicyId, RouterId, SubnetId
from netwright.model.intent import Network, Port
from netwright.store import documents, networks, ports, router_tables, routers, subnets
from netwright.store.changes import Touched
from netwright.store.records import PortState
from netwright.store.routers import RouterPort, RouterPortKind

OWNERS: Final = {
    RouterPortKind.INTERFACE: "network:router_interface",
    RouterPortKind.GATEWAY: "network:router_gateway",
}
NOBODY: Final = ProjectId("")
"""Whose a gateway is: only admins see it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a new port is to its router."""

    router: RouterId
    kind: RouterPortKind
    project: ProjectId
    first: bool = False
    """Before the others of its kind."""
    qos_policy_id: QosPolicyId | None = None


def make(work: Work, place: Place, network: Network, wanted: Sequence[FixedIpRequest] | None) -> Port:
    """A new port of a router. `wanted` None: an address of each family that the network has."""
    port = Port(
        id=PortId(work.world.new_id()),
        network_id=network.id,
        project_id=place.project,
        name="",
        mac=macs.free(work, network.id),
        port_security_enabled=False,
        device_id=place.router,
        device_owner=OWNERS[place.kind],
        qos_policy_id=place.qos_policy_id,
    )
    ports.insert(work.connection, port, None, work.now)
    routers.insert(work.connection, place.router, port.id, place.kind, first=place.first)
    ports.save_states(work.connection, {port.id: PortState.ACTIVE})
    ground = Ground(network, subnets.of_network(work.connection, network.id))
    if wanted is None:
        return fixed_ips.assign_default(work, port, ground)
    return fixed_ips.assign(work, port, ground, wanted)


def readdress(work: Work, port: PortId, wanted: Sequence[FixedIpRequest]) -> None:
    """Gives the port just these addresses."""
    found = ports.get(work.connection, port).value
    network = networks.get(work.connection, found.network_id).value
    ground = Ground(network, subnets.of_network(work.connection, network.id))
    fixed_ips.assign(work, found, ground, wanted)


def limit(work: Work, port: PortId, policy: QosPolicyId | None) -> None:
    """Gives the port that QoS policy."""
    record = ports.get(work.connection, port)
    ports.save(work.connection, replace(record.value, qos_policy_id=policy), record.label, work.now)


def let_go(work: Work, port: PortId) -> None:
    """A router's port goes with its router, or by it."""
    work.touch(Touched.PORT, port)
    ports.delete(work.connection, port)


def refuse_deletion(work: Work, port: Port) -> None:
    """Raises ConflictError for what only its router lets go."""
    theirs = _of(work, port)
    if theirs is not None:
        message = (
            f"Port {port.id} cannot be deleted directly via the port API: has device owner"
            f" {port.device_owner}."
        )
        raise NamedConflictError("ServicePortInUse", message)


def refuse_change(work: Work, old: Port, new: Port) -> None:
    """Raises ConflictError where a router's port would be another's."""
    if (old.device_id, old.device_owner) != (new.device_id, new.device_owner) and _of(work, old) is not None:
        message = f"Port {old.id} is a port of router {old.device_id}: remove it from the router first."
        raise NamedConflictError("PortInUse", message, "device_id")


def refuse_foreign(work: Work, old: Port | None, new: Port) -> None:
    """Raises ConflictError where somebody who is no admin says that a port is another project's router's."""
    asked = (new.device_id, new.device_owner)
    if new.device_owner not in OWNERS.values() or (old and asked == (old.device_id, old.device_owner)):
        return
    if work.caller is None or work.caller.is_admin:
        return
    for router in documents.find(work.connection, router_tables.routers, {"id": (new.device_id,)}):
        if router["project_id"] != work.caller.project:
            message = (
                f"The following device_id {new.device_id} is not owned by your tenant or matches another"
                " tenants router."
            )
            raise NamedConflictError("DeviceIDNotOwnedByTenant", message, "device_id")


def subnets_lost(work: Work, old: Port, new: Port) -> tuple[RouterId, set[SubnetId]] | None:
    """The router, and the subnets that it is no longer connected to, where the port is an interface."""
    theirs = _of(work, old)
    if theirs is None or theirs.kind is not RouterPortKind.INTERFACE:
        return None
    kept = {fixed.subnet_id for fixed in new.fixed_ips}
    return theirs.router, {fixed.subnet_id for fixed in old.fixed_ips} - kept


def is_interface(port: Port) -> bool:
    """Whether it has just the addresses that its router was given."""
    return port.device_owner == OWNERS[RouterPortKind.INTERFACE]


def _of(work: Work, port: Port) -> RouterPort | None:
    """Ports of routers bear their owner, so that others need not be looked up."""
    return routers.of_port(work.connection, port.id) if port.device_owner in OWNERS.values() else None
