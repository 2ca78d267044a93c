"""What a user can do with port forwardings of floating IPs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from netwright.control import text, ways_out
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, NamedNotFoundError, invalid, required
from netwright.control.world import Work
from netwright.model.ids import FloatingIpId, PortForwardingId, PortId, RouterId
from netwright.model.intent import FORWARDED, Address, FloatingIp, Port, PortForwarding, Ports
from netwright.store import floating_ips, ports
from netwright.store import port_forwardings as store
from netwright.store.changes import Touched
from netwright.store.records import Record

MOST_SHIFTED: Final = 1000
"""Ports of one forwarding that become others: hosts keep each of them by itself."""


@dataclass(frozen=True, slots=True)
class ForwardingRequest:
    """A port forwarding as a user asks for it; the floating IP is for new ones only."""

    floating_ip_id: FloatingIpId | Left = UNSET
    protocol: str | Left = UNSET
    external: Ports | Left = UNSET
    port_id: PortId | Left = UNSET
    internal_address: IPv4Address | Left | None = UNSET
    """None, or none for a new one: the port's first of IPv4."""
    internal: Ports | Left = UNSET
    description: str | Left = UNSET


def create_in(work: Work, request: ForwardingRequest) -> PortForwardingId:
    """Raises NotFoundError, InvalidError, ConflictError."""
    floating = floating_ips.get(work.connection, required(request.floating_ip_id, "floatingip_id")).value
    port = ports.get(work.connection, required(request.port_id, "internal_port_id")).value
    if floating.association is not None:
        message = f"Floating IP {floating.address} ({floating.id}) stands for a port: disassociate it first."
        raise NamedConflictError("FloatingIPPortAlreadyAssociated", message, "floatingip_id")
    forwarding = PortForwarding(
        id=PortForwardingId(work.world.new_id()),
        floating_ip_id=floating.id,
        protocol=_protocol(required(request.protocol, "protocol")),
        external=required(request.external, "external_port"),
        port_id=port.id,
        internal_address=_internal_address(port, given(request.internal_address, None)),
        internal=required(request.internal, "internal_port"),
        description=text.prose(given(request.description, ""), "description"),
    )
    _check(work, forwarding, port)
    _lead(work, floating, forwarding, port)
    store.insert(work.connection, forwarding, work.now)
    work.touch(Touched.FLOATING_IP, floating.id)
    return forwarding.id


def update_in(work: Work, old: PortForwarding, request: ForwardingRequest) -> Record[PortForwarding]:
    """Raises NotFoundError, InvalidError, ConflictError."""
    port = ports.get(work.connection, given(request.port_id, old.port_id)).value
    forwarding = replace(
        old,
        protocol=_protocol(given(request.protocol, old.protocol)),
        external=given(request.external, old.external),
        port_id=port.id,
        internal_address=_internal_address(port, given(request.internal_address, old.internal_address)),
        internal=given(request.internal, old.internal),
        description=text.prose(given(request.description, old.description), "description"),
    )
    _check(work, forwarding, port)
    _lead(work, floating_ips.get(work.connection, old.floating_ip_id).value, forwarding, port)
    store.save(work.connection, forwarding, work.now)
    work.touch(Touched.FLOATING_IP, forwarding.floating_ip_id)
    return store.get(work.connection, forwarding.id)


def delete_in(work: Work, forwarding: PortForwarding) -> None:
    store.delete(work.connection, forwarding.id)
    if not store.find(work.connection, {"floating_ip_id": (forwarding.floating_ip_id,)}):
        floating = floating_ips.get(work.connection, forwarding.floating_ip_id).value
        _led_by(work, floating, None)
    work.touch(Touched.FLOATING_IP, forwarding.floating_ip_id)


def drop_in(work: Work, port: PortId, kept: Collection[Address] = ()) -> None:
    """Those of a port that goes, or whose addresses are only these now, go too."""
    for record in store.find(work.connection, {"port_id": (port,)}):
        if record.value.internal_address not in kept:
            delete_in(work, record.value)


def refuse_used(work: Work, floating: FloatingIpId) -> None:
    """A floating IP with forwardings neither goes nor stands for a port. Raises ConflictError."""
    if store.find(work.connection, {"floating_ip_id": (floating,)}):
        message = f"Floating IP {floating} in use by Port Forwarding resources."
        raise NamedConflictError("FipInUseByPortForwarding", message)


def _protocol(name: str) -> str:
    if name.lower() not in FORWARDED:
        raise invalid("protocol", f"must be one of {', '.join(FORWARDED)}.")
    return name.lower()


def _internal_address(port: Port, asked: IPv4Address | None) -> IPv4Address:
    mine = [fixed.address for fixed in port.fixed_ips if isinstance(fixed.address, IPv4Address)]
    if not mine:
        raise invalid("internal_port_id", f"port {port.id} has no IPv4 address.")
    if asked is not None and asked not in mine:
        raise invalid("internal_ip_address", f"{asked} is not an address of port {port.id}.")
    return mine[0] if asked is None else asked


def _check(work: Work, forwarding: PortForwarding, port: Port) -> None:
    for record in floating_ips.find(work.connection, {"port_id": (port.id,)}):
        message = f"internal_port_id: port {port.id} has floating IP {record.value.address} already."
        raise NamedConflictError("PortHasBindingFloatingIP", message, "internal_port_id")
    _check_ranges(forwarding)
    _refuse_collisions(work, forwarding)


def _lead(work: Work, floating: FloatingIp, forwarding: PortForwarding, port: Port) -> None:
    """All of a floating IP's forwardings go by one router, or by none. Raises RequestError."""
    try:
        router = ways_out.router_of(work.connection, floating.network_id, port, forwarding.internal_address)
    except NamedNotFoundError as error:
        raise invalid("internal_port_id", error.message) from error
    there = store.find(work.connection, {"floating_ip_id": (floating.id,)})
    if router != floating.router_id and any(one.value.id != forwarding.id for one in there):
        why = f"port {port.id} is not behind the router of the floating IP's other port forwardings."
        raise invalid("internal_port_id", why)
    _led_by(work, floating, router)


def _led_by(work: Work, floating: FloatingIp, router: RouterId | None) -> None:
    if floating.router_id != router:
        floating_ips.save(work.connection, replace(floating, router_id=router), work.now)


def _check_ranges(forwarding: PortForwarding) -> None:
    outside, inside = forwarding.external, forwarding.internal
    if inside.count not in {1, outside.count}:
        message = "there must be as many internal ports as external ones, or one."
        raise invalid("internal_port_range", message)
    if inside.count > MOST_SHIFTED and inside != outside:
        message = f"more than {MOST_SHIFTED} ports must have the same numbers inside and outside."
        raise invalid("internal_port_range", message)


def _refuse_collisions(work: Work, forwarding: PortForwarding) -> None:
    same = {"protocol": (forwarding.protocol,)}
    outside = store.find(work.connection, {**same, "floating_ip_id": (forwarding.floating_ip_id,)})
    inside = store.find(
        work.connection,
        {
            **same,
            "port_id": (forwarding.port_id,),
            "internal_address": (str(forwarding.internal_address),),
        },
    )
    for field, mine, others in (
        ("external_port", forwarding.external, [(one.value.id, one.value.external) for one in outside]),
        ("internal_port", forwarding.internal, [(one.value.id, one.value.internal) for one in inside]),
    ):
        for identity, theirs in others:
            if identity != forwarding.id and mine.first <= theirs.last and theirs.first <= mine.last:
                why = f"{theirs.first}:{theirs.last} is forwarded already, by {identity}."
                raise invalid(field, why)
