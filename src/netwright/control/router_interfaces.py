"""What connects a router to subnets: which port it gets or takes, and when it can be taken away again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from netwright.control import policy, router_ports, router_routes
from netwright.control.fixed_ips import FixedIpRequest
from netwright.control.nouns import View
from netwright.control.overlaps import overlap
from netwright.control.refusals import NamedConflictError, NamedNotFoundError, invalid
from netwright.control.router_ports import OWNERS, Place
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import PortId, ProjectId, RouterId, SubnetId
from netwright.model.intent import FloatingIp, Port, Subnet
from netwright.store import floating_ips, networks, port_forwardings, ports, routers, subnets
from netwright.store.changes import Touched
from netwright.store.records import PortState
from netwright.store.routers import RouterPort, RouterPortKind

_INTERFACE: Final = RouterPortKind.INTERFACE


@dataclass(frozen=True, slots=True)
class Interface:
    """What was connected, or is no longer."""

    port: Port
    subnets: tuple[SubnetId, ...]


def add(work: Work, router: View, subnet: SubnetId | None, port: PortId | None, caller: Caller) -> Interface:
    """Connects the subnet, at its gateway's address, or the port. Raises RequestError."""
    if (subnet is None) == (port is None):
        raise _one_of("Cannot specify both subnet-id and port-id" if subnet else _NEITHER)
    router_id = RouterId(str(router["id"]))
    if port is not None:
        return _add_port(work, router_id, port)
    return _add_subnet(work, router, subnets.get(work.connection, SubnetId(str(subnet))).value, caller)


def remove(work: Work, router: View, subnet: SubnetId | None, port: PortId | None) -> Interface:
    """Disconnects the port, which is deleted, or the subnet, whose port is if it has no other."""
    if subnet is None and port is None:
        raise _one_of(_NEITHER)
    router_id = RouterId(str(router["id"]))
    theirs = _found(work, router_id, subnet, port)
    every = tuple(fixed.subnet_id for fixed in theirs.fixed_ips)
    lost = every if port is not None or subnet is None else (subnet,)
    refuse_used(work, router_id, lost)
    found = ports.get(work.connection, theirs.port).value
    kept = [fixed for fixed in theirs.fixed_ips if fixed.subnet_id not in lost]
    if kept:
        wanted = [FixedIpRequest(fixed.subnet_id, fixed.address) for fixed in kept]
        router_ports.readdress(work, theirs.port, wanted)
    else:
        router_ports.let_go(work, theirs.port)
    return Interface(found, lost)


def refuse_used(work: Work, router: RouterId, lost: Iterable[SubnetId]) -> None:
    """Raises ConflictError where floating IPs or routes need what the router would lose."""
    wanted = list(lost)
    gone = [one.value for one in subnets.find(work.connection, {"id": wanted})] if wanted else []
    for subnet in gone:
        _refuse_floating(work, router, subnet)
        router_routes.refuse_used(work, router, subnet)


def _refuse_floating(work: Work, router: RouterId, subnet: Subnet) -> None:
    by = "one or more floating IPs"
    for record in floating_ips.find(work.connection, {"router_id": (router,)}):
        if any(address in subnet.cidr for address in _behind(work, record.value)):
            raise _in_use("RouterInterfaceInUseByFloatingIP", router, subnet, by)
        if record.value.network_id == subnet.network_id:
            raise _in_use("RouterInterfaceInUseAsGatewayByFloatingIP", router, subnet, f"{by} as a gateway")


def _behind(work: Work, floating: FloatingIp) -> list[IPv4Address]:
    """The addresses that the floating IP leads to."""
    if floating.association is not None:
        return [floating.association.fixed_address]
    theirs = port_forwardings.find(work.connection, {"floating_ip_id": (floating.id,)})
    return [record.value.internal_address for record in theirs]


def _in_use(kind: str, router: RouterId, subnet: Subnet, by: str) -> NamedConflictError:
    message = (
        f"Router interface for subnet {subnet.id} on router {router} cannot be deleted, as it is required"
        f" by {by}."
    )
    return NamedConflictError(kind, message)


def _add_subnet(work: Work, router: View, subnet: Subnet, caller: Caller) -> Interface:
    network = networks.get(work.connection, subnet.network_id).value
    if subnet.gateway_ip is None:
        raise invalid("subnet_id", "Subnet for router interface must have a gateway IP.")
    if not (caller.is_admin or network.external or policy.owns_network(work.connection, network.id, caller)):
        # Whoever has the gateway's address is asked by all of the network's guests for the way out.
        raise policy.disallowed("add_router_interface:subnet_id")
    router_id = RouterId(str(router["id"]))
    _refuse_unfit(work, router_id, [subnet])
    within = subnet.gateway_ip in subnet.cidr  # an IPv6 gateway may be a link-local address
    wanted = FixedIpRequest(subnet.id, subnet.gateway_ip if within else None)
    joined = _same_network(work, router_id, subnet)
    if joined is not None:
        kept = [FixedIpRequest(fixed.subnet_id, fixed.address) for fixed in joined.fixed_ips]
        router_ports.readdress(work, joined.port, [*kept, wanted])
        return Interface(ports.get(work.connection, joined.port).value, (subnet.id,))
    place = Place(router_id, _INTERFACE, ProjectId(str(router["project_id"])))
    return Interface(router_ports.make(work, place, network, [wanted]), (subnet.id,))


def _same_network(work: Work, router: RouterId, subnet: Subnet) -> RouterPort | None:
    """All IPv6 subnets of a network share one interface of a router."""
    if subnet.cidr.version == 6:
        for theirs in _interfaces(work, router):
            if theirs.network == subnet.network_id and _has_v6(theirs):
                return theirs
    return None


def _add_port(work: Work, router: RouterId, port_id: PortId) -> Interface:
    port = ports.get(work.connection, port_id).value
    if port.device_id or port.device_owner:
        message = (
            f"Unable to complete operation on port {port_id} for network {port.network_id}."
            f" Port already has an attached device {port.device_id or port.device_owner}."
        )
        raise NamedConflictError("PortInUse", message, "port_id")
    wanted = {fixed.subnet_id for fixed in port.fixed_ips}
    theirs = [one.value for one in subnets.find(work.connection, {"id": sorted(wanted)})] if wanted else []
    if not theirs:
        raise invalid("port_id", "Router port must have at least one fixed IP.")
    if sum(fixed.address.version == 4 for fixed in port.fixed_ips) > 1:
        raise invalid("port_id", "Cannot have multiple IPv4 subnets on router port.")
    _refuse_unfit(work, router, theirs)
    if any(fixed.address.version == 6 for fixed in port.fixed_ips):
        _refuse_second_v6(work, router, port)
    owned = replace(port, device_id=router, device_owner=OWNERS[_INTERFACE])
    ports.save(work.connection, owned, None, work.now)
    routers.insert(work.connection, router, port_id, _INTERFACE)
    ports.save_states(work.connection, {port_id: PortState.ACTIVE})
    work.touch(Touched.PORT, port_id)
    return Interface(owned, tuple(dict.fromkeys(fixed.subnet_id for fixed in port.fixed_ips)))


def _refuse_second_v6(work: Work, router: RouterId, port: Port) -> None:
    for theirs in _interfaces(work, router):
        if theirs.network == port.network_id and _has_v6(theirs):
            why = (
                "Cannot have multiple router ports with the same network id if both contain IPv6 subnets."
                f" Existing port {theirs.port} has IPv6 subnet(s) and network id {theirs.network}."
            )
            raise invalid("port_id", why)


def _refuse_unfit(work: Work, router: RouterId, new: Sequence[Subnet]) -> None:
    """Raises InvalidError where the router is on one of these subnets, or on one with the same addresses."""
    there = {
        fixed.subnet_id
        for theirs in routers.find(work.connection, {"router_id": (router,)})
        for fixed in theirs.fixed_ips
    }
    known = subnets.find(work.connection, {"id": sorted(there)}) if there else []
    refuse_overlaps(router, new, [record.value for record in known])


def refuse_overlaps(router: RouterId, new: Sequence[Subnet], there: Sequence[Subnet]) -> None:
    """Raises InvalidError where one of the new subnets is there, or has addresses of one that is."""
    for subnet in new:
        for other in there:
            if subnet.id == other.id:
                raise invalid("subnet_id", f"Router {router} already has a port on subnet {subnet.id}.")
            if overlap(subnet.cidr, other.cidr):
                why = (
                    f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} of subnet"
                    f" {other.id}."
                )
                raise invalid("subnet_id", why)


def _found(work: Work, router: RouterId, subnet: SubnetId | None, port: PortId | None) -> RouterPort:
    """The interface that is meant. Raises NotFoundError, InvalidError."""
    for theirs in _interfaces(work, router):
        on = {fixed.subnet_id for fixed in theirs.fixed_ips}
        if port == theirs.port:
            if subnet is None or subnet in on:
                return theirs
            why = f"Subnet on port {port} does not match the requested subnet {subnet}."
            raise invalid("subnet_id", why)
        if port is None and subnet in on:
            return theirs
    if port is not None:
        message = f"Router {router} does not have an interface with id {port}."
        raise NamedNotFoundError("RouterInterfaceNotFound", message)
    if not subnets.find(work.connection, {"id": (subnet,)}):
        raise NotFoundError("Subnet", str(subnet))
    message = f"Router {router} has no interface on subnet {subnet}."
    raise NamedNotFoundError("RouterInterfaceNotFoundForSubnet", message)


def _interfaces(work: Work, router: RouterId) -> list[RouterPort]:
    return routers.find(work.connection, {"router_id": (router,), "kind": (_INTERFACE.value,)})


def _has_v6(theirs: RouterPort) -> bool:
    return any(fixed.address.version == 6 for fixed in theirs.fixed_ips)


def _one_of(why: str) -> InvalidError:
    return InvalidError(f"Bad router request: {why}.")


_NEITHER: Final = "either subnet_id or port_id must be specified"
