"""What a user can do with floating IPs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

import sqlalchemy as sa

from netwright.control import fixed_ips, port_forwardings, text, ways_out
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import DEFAULT_PROJECT, Work
from netwright.model.caller import Caller
from netwright.model.ids import FloatingIpId, NetworkId, PortId, QosPolicyId, RouterId, SubnetId
from netwright.model.intent import (
    Address,
    Association,
    FloatingIp,
    Network,
    Port,
    PortForwarding,
    Subnet,
)
from netwright.store import addresses, networks, ports, qos, rows, subnets
from netwright.store import floating_ips as store
from netwright.store import port_forwardings as forwardings
from netwright.store.addresses import Holder
from netwright.store.changes import Touched
from netwright.store.records import PortRecord, Record
from netwright.store.rows import Where

_NOT_YET: Final = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class FloatingIpRequest:
    """A floating IP as a user asks for it; the first four and the names are for new ones only.

    `port_id` None takes the floating IP from its port.
    """

    network_id: NetworkId | Left = UNSET
    project_id: str | Left = UNSET
    subnet_id: SubnetId | None = None
    address: IPv4Address | None = None
    port_id: PortId | Left | None = UNSET
    fixed_address: IPv4Address | None = None
    description: str | Left = UNSET
    dns_name: str = ""
    dns_domain: str = ""
    qos_policy_id: QosPolicyId | Left | None = UNSET
    router_id: RouterId | Left | None = UNSET
    """Not given, or None: the one that joins the port's subnet to the external network."""


@dataclass(frozen=True, slots=True)
class FloatingIpRecord:
    """A floating IP, and the port that it stands for."""

    record: Record[FloatingIp]
    port: PortRecord | None
    networks_policy: QosPolicyId | None = None
    """Of the network that the address is from."""
    forwardings: tuple[PortForwarding, ...] = ()

    @property
    def value(self) -> FloatingIp:
        return self.record.value


def update_in(work: Work, old: FloatingIp, request: FloatingIpRequest) -> None:
    """Raises NotFoundError, InvalidError, ConflictError."""
    described = text.prose(given(request.description, old.description), "description")
    policy = given(request.qos_policy_id, old.qos_policy_id)
    floating = _associated(work, replace(old, description=described, qos_policy_id=policy), request)
    store.save(work.connection, floating, work.now)
    _touch(work, old)
    _touch(work, floating)


def delete_in(work: Work, floating: FloatingIp) -> None:
    """Raises ConflictError while port forwardings use it."""
    port_forwardings.refuse_used(work, floating.id)
    store.delete(work.connection, floating.id)
    _touch(work, floating)


def drop_unused_in(work: Work, network: NetworkId) -> None:
    """Those of the network that stand for nothing go with what makes it external."""
    for record in store.find(work.connection, {"network_id": (network,)}):
        if record.value.association is None:
            delete_in(work, record.value)


def drop_fixed_in(work: Work, port: PortId, fixed: Address) -> None:
    """The port loses that address: the floating IP that stands for it stands for nothing."""
    for record in store.find(work.connection, {"port_id": (port,), "fixed_address": (str(fixed),)}):
        update_in(work, record.value, FloatingIpRequest(port_id=None))
    held = {one.address for one in ports.get(work.connection, port).value.fixed_ips}
    port_forwardings.drop_in(work, port, held - {fixed})


def find_in(connection: sa.Connection, where: Where) -> list[FloatingIpRecord]:
    """Those whose columns match, oldest first."""
    return _shown(connection, store.find(connection, where))


def _shown(connection: sa.Connection, records: Sequence[Record[FloatingIp]]) -> list[FloatingIpRecord]:
    wanted = [record.value.association.port_id for record in records if record.value.association]
    behind = rows.few("id", wanted) or {"id": store.STOOD_FOR}
    theirs = {record.value.id: record for record in ports.find(connection, behind)} if wanted else {}
    forwarded: dict[FloatingIpId, list[PortForwarding]] = {}
    bare = [record.value.id for record in records if record.value.association is None]
    for found in forwardings.find(connection, rows.few("floating_ip_id", bare)) if bare else ():
        forwarded.setdefault(found.value.floating_ip_id, []).append(found.value)
    policies = qos.of_networks(connection, {record.value.network_id for record in records})
    return [
        FloatingIpRecord(
            record,
            theirs.get(record.value.association.port_id) if record.value.association else None,
            policies.get(record.value.network_id),
            tuple(forwarded.get(record.value.id, ())),
        )
        for record in records
    ]


def create_in(work: Work, request: FloatingIpRequest) -> FloatingIpId:
    """One floating IP, as a part of a larger transaction."""
    wanted: NetworkId = required(request.network_id, "floating_network_id")
    network = networks.get(work.connection, wanted).value
    if not network.external:
        raise invalid("floating_network_id", f"network {network.id} is not a valid external network.")
    blank = FloatingIp(
        id=FloatingIpId(work.world.new_id()),
        project_id=text.project(given(request.project_id, DEFAULT_PROJECT)),
        network_id=network.id,
        address=_NOT_YET,
        description=text.prose(given(request.description, ""), "description"),
        dns_name=text.dns_domain(request.dns_name, "dns_name").lower(),
        dns_domain=text.dns_domain(request.dns_domain).lower(),
        qos_policy_id=given(request.qos_policy_id, None),
    )
    if bool(blank.dns_name) is not bool(blank.dns_domain):
        raise invalid("dns_name", "goes with dns_domain: give both or neither.")
    store.insert(work.connection, blank, work.now)
    floating = replace(blank, address=_take(work, blank, network, request))
    floating = _associated(work, floating, request)
    store.fill(work.connection, floating)
    _touch(work, floating)
    return floating.id


def _take(work: Work, floating: FloatingIp, network: Network, request: FloatingIpRequest) -> IPv4Address:
    """An address of one of the external network's IPv4 subnets: the one asked for, or any."""
    among = [subnet for subnet in subnets.of_network(work.connection, network.id) if subnet.cidr.version == 4]
    if request.subnet_id is not None:
        among = [subnet for subnet in among if subnet.id == request.subnet_id]
    if not among:
        raise invalid("floating_network_id", f"network {network.id} has no such IPv4 subnet.")
    holder = Holder(floating_ip=floating.id)
    if request.address is not None:
        return _take_named(work, among, request.address, holder)
    for subnet in among:
        found = addresses.take_free(work.connection, subnet.id, subnet.pools, holder, work.world.rng)
        if isinstance(found, IPv4Address):
            return found
    raise fixed_ips.exhausted(network.id)


def _take_named(work: Work, among: Sequence[Subnet], address: IPv4Address, holder: Holder) -> IPv4Address:
    for subnet in among:
        if address in subnet.cidr:
            fixed_ips.check_usable(subnet, address, "floating_ip_address")
            taken = address == subnet.gateway_ip
            if taken or not addresses.take(work.connection, subnet.id, address, holder):
                raise fixed_ips.already_allocated(address, subnet, "floating_ip_address")
            return address
    raise invalid("floating_ip_address", f"{address} is not in a subnet of the external network.")


def _associated(work: Work, floating: FloatingIp, request: FloatingIpRequest) -> FloatingIp:
    """The floating IP with the port that is asked for. Raises NotFoundError, InvalidError, ConflictError."""
    port_id, more = request.port_id, _with_port(request)
    if port_id is UNSET and more is not None and floating.association is not None:
        port_id = floating.association.port_id
    if port_id is UNSET and more is None:
        return floating
    if port_id is UNSET or port_id is None:
        if more is not None:
            raise invalid(more, "cannot be given without port_id.")
        kept = None if floating.association else floating.router_id  # forwardings' own
        return replace(floating, association=None, router_id=kept)
    port_forwardings.refuse_used(work, floating.id)
    port = ports.get(work.connection, port_id).value
    association = Association(port.id, _fixed_address(port, request.fixed_address))
    asked = given(request.router_id, None)
    router = ways_out.router_of(work.connection, floating.network_id, port, association.fixed_address, asked)
    _refuse_second(work, floating, association)
    return replace(floating, association=association, router_id=router)


def _with_port(request: FloatingIpRequest) -> str | None:
    """What is asked for that goes with a port only."""
    if request.fixed_address is not None:
        return "fixed_ip_address"
    return None if request.router_id is UNSET or request.router_id is None else "router_id"


def refuse_foreign(
    connection: sa.Connection, project: str, port_id: PortId | Left | None, caller: Caller
) -> None:
    """Raises InvalidError where the port is another project's than the floating IP, unless an admin asks."""
    if port_id is None or port_id is UNSET or caller.is_admin:
        return
    if ports.get(connection, port_id).value.project_id != project:
        why = f"Port {port_id} is associated with a different project than the floating IP."
        raise invalid("port_id", why)


def _fixed_address(port: Port, asked: IPv4Address | None) -> IPv4Address:
    mine = [fixed.address for fixed in port.fixed_ips if isinstance(fixed.address, IPv4Address)]
    if asked is not None and asked not in mine:
        raise invalid("fixed_ip_address", f"{asked} is not an address of port {port.id}.")
    if asked is None and len(mine) != 1:
        raise invalid("fixed_ip_address", f"port {port.id} has {len(mine)} IPv4 addresses: say which.")
    return mine[0] if asked is None else asked


def _refuse_second(work: Work, floating: FloatingIp, association: Association) -> None:
    same = {"port_id": (association.port_id,), "fixed_address": (str(association.fixed_address),)}
    for record in store.find(work.connection, same):
        if record.value.id != floating.id:
            message = (
                f"port_id: {association.fixed_address} of port {association.port_id} has floating IP"
                f" {record.value.address} already."
            )
            raise NamedConflictError("FloatingIPPortAlreadyAssociated", message, "port_id")


def _touch(work: Work, floating: FloatingIp) -> None:
    work.touch(Touched.FLOATING_IP, floating.id)
    if floating.association is not None:
        work.touch(Touched.PORT, floating.association.port_id)
