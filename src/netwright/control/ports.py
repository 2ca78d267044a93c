"""What a user can do with ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netwright.control import (
    dhcp_options,
    dhcp_ports,
    fixed_ips,
    gateways,
    groups,
    macs,
    port_checks,
    port_forwardings,
    router_interfaces,
    router_ports,
    text,
    trunks,
)
from netwright.control.dhcp_options import OptionRequest
from netwright.control.fixed_ips import FixedIpRequest, Ground
from netwright.control.given import UNSET, Left, given
from netwright.control.port_checks import PairRequest
from netwright.control.refusals import NamedConflictError, required
from netwright.control.world import Work, World
from netwright.model.ids import GroupId, NetworkId, PortId, QosPolicyId
from netwright.model.intent import Attachment, Guest, Port, Unplugged
from netwright.planner.names import wanted_label
from netwright.store import floating_ips, networks, presence, subnets
from netwright.store import ports as store
from netwright.store.changes import Touched
from netwright.store.records import DnsLabel, PortNotes, PortRecord, PortState, Stamps
from netwright.store.rows import Where


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A port as a user asks for it; network and project are for new ones only."""

    network_id: NetworkId | Left = UNSET
    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    mac: str | Left | None = UNSET
    """None: a new one."""
    fixed_ips: tuple[FixedIpRequest, ...] | Left = UNSET
    security_groups: tuple[GroupId, ...] | Left = UNSET
    allowed_address_pairs: tuple[PairRequest, ...] | Left = UNSET
    port_security_enabled: bool | Left = UNSET
    admin_state_up: bool | Left = UNSET
    device_id: str | Left = UNSET
    device_owner: str | Left = UNSET
    dns_name: str | Left = UNSET
    host: str | Left | None = UNSET
    attachment: Attachment | Left = UNSET
    guest: Guest | Left = UNSET
    profile: Mapping[str, object] | Left = UNSET
    data_plane_status: str | Left | None = UNSET
    propagate_uplink_status: bool | Left = UNSET
    dns_domain: str | Left = UNSET
    dhcp_options: tuple[OptionRequest, ...] = ()
    """Added to those that are there, or in their place."""
    qos_policy_id: QosPolicyId | Left | None = UNSET


def update_in(work: Work, record: PortRecord, request: PortRequest) -> PortRecord:
    """The port after it. Raises NotFoundError, InvalidError, ConflictError."""
    old = record.value
    if dhcp_ports.is_dhcp(old):
        _refuse_dhcp(old, request)
    before = _guest_ports(work, old)
    port = _asked(work, old, request)
    if request.mac is None:
        port = replace(port, mac=macs.free(work, old.network_id))
    router_ports.refuse_change(work, old, port)
    router_ports.refuse_foreign(work, old, port)
    port_checks.refuse_unguarded(port)
    if port.mac != old.mac:
        _check_mac(work, old, port)
    label, notes = _label(work, port), _noted(record.notes, request)
    store.save(work.connection, port, label, work.now, notes)
    port = _readdressed(work, old, port, request)
    state, moved = record.state, (port.host, port.attachment) != (old.host, old.attachment)
    _regroup(work, old, port, moved=moved)
    if moved and not isinstance(old.attachment, Unplugged):
        state = PortState.DOWN
        store.save_states(work.connection, {port.id: state})
    if dhcp_ports.is_dhcp(port) and port.admin_state_up is not old.admin_state_up:
        state = dhcp_ports.follow(work, port)
    work.touch(Touched.PORT, port.id, *before)
    if moved:
        gateways.settle_after_plugging(work, networks.get(work.connection, port.network_id).value)
    stamps = record.stamps.revised(work.now)
    return replace(record, value=port, stamps=stamps, state=state, label=label, notes=notes)


def delete_in(work: Work, record: PortRecord) -> None:
    """Its floating IPs stand for nothing then. Raises ConflictError for a DHCP port."""
    port, port_id = record.value, record.value.id
    if dhcp_ports.is_dhcp(port):
        message = f"Port {port_id} cannot be deleted directly: it is the network's own DHCP port."
        raise NamedConflictError("ServicePortInUse", message)
    router_ports.refuse_deletion(work, port)
    trunks.refuse_used_port(work.connection, port_id)
    for theirs in floating_ips.find(work.connection, {"port_id": (port_id,)}):
        floating_ips.save(work.connection, replace(theirs.value, association=None, router_id=None), work.now)
        work.touch(Touched.FLOATING_IP, theirs.value.id)
    port_forwardings.drop_in(work, port_id)
    work.touch(Touched.PORT, port_id, *_guest_ports(work, port))
    work.touch(Touched.NETWORK_ITEM, port.network_id)
    _leave_groups(work, port)
    store.delete(work.connection, port_id)
    if not isinstance(port.attachment, Unplugged):
        gateways.settle_after_plugging(work, networks.get(work.connection, port.network_id).value)


def _regroup(work: Work, old: Port, port: Port, *, moved: bool) -> None:
    regrouped = port.security_groups != old.security_groups
    if regrouped:
        store.save_groups(work.connection, port)
    if regrouped or moved:
        _leave_groups(work, old)


def _leave_groups(work: Work, port: Port) -> None:
    """Its host may need the groups that it was in no more; where it is plugged nowhere, nobody did for it."""
    if not isinstance(port.attachment, Unplugged):
        work.touch(Touched.GROUP_USE, *port.security_groups, host=port.host)


def find(world: World, where: Where) -> list[PortRecord]:
    """Those whose columns match, oldest first."""
    with world.look() as connection:
        return store.find(connection, where)


def create_in(work: Work, request: PortRequest, port_id: PortId | None = None) -> PortRecord:
    """One port, as a part of a larger transaction; its id is a new one where none is given."""
    wanted: NetworkId = required(request.network_id, "network_id")
    network = networks.get(work.connection, wanted).value
    ground = Ground(network, subnets.of_network(work.connection, network.id))
    owner = given(request.device_owner, "")
    blank = Port(
        id=port_id or PortId(work.world.new_id()),
        network_id=network.id,
        project_id=network.project_id if request.project_id is UNSET else text.project(request.project_id),
        name="",
        mac=text.mac(request.mac) if isinstance(request.mac, str) else macs.free(work, network.id),
        port_security_enabled=network.port_security_enabled and not owner.startswith("network:"),
    )
    if isinstance(request.mac, str):
        macs.refuse_used(work, network.id, blank.mac)
    port = _asked(work, blank, request)
    router_ports.refuse_foreign(work, None, port)
    if request.security_groups is UNSET and port.port_security_enabled and not owner.startswith("network:"):
        port = replace(port, security_groups=(groups.default_of(work, port.project_id),))
    port_checks.refuse_unguarded(port)
    label = _label(work, port)
    notes = _noted(store.NO_NOTES, request)
    store.insert(work.connection, port, label, work.now, notes)
    if request.fixed_ips is UNSET:
        port = fixed_ips.assign_default(work, port, ground)
    else:
        port = fixed_ips.assign(work, port, ground, request.fixed_ips)
    work.touch(Touched.PORT, port.id)
    if not isinstance(port.attachment, Unplugged):
        gateways.settle_after_plugging(work, network)
    stamps = Stamps(work.now, work.now, 0)
    return PortRecord(port, stamps, PortState.DOWN, label, network.dns_domain, network.qos_policy_id, notes)


def _noted(notes: PortNotes, request: PortRequest) -> PortNotes:
    return PortNotes(
        given(request.profile, notes.profile),
        given(request.data_plane_status, notes.data_plane_status),
        given(request.propagate_uplink_status, notes.propagate_uplink_status),
        text.dns_domain(given(request.dns_domain, notes.dns_domain)),
    )


def _asked(work: Work, port: Port, request: PortRequest) -> Port:
    """The port with what is asked of it, all but its addresses."""
    asked = replace(
        port,
        name=text.line(given(request.name, port.name), "name"),
        description=text.prose(given(request.description, port.description), "description"),
        mac=text.mac(request.mac) if isinstance(request.mac, str) else port.mac,
        admin_state_up=given(request.admin_state_up, port.admin_state_up),
        device_id=text.line(given(request.device_id, port.device_id), "device_id"),
        device_owner=port.device_owner
        if request.device_owner is UNSET
        else port_checks.owner(request.device_owner),
        dns_name=text.dns_label(given(request.dns_name, port.dns_name)),
        port_security_enabled=given(request.port_security_enabled, port.port_security_enabled),
        host=port_checks.host(given(request.host, port.host)),
        attachment=given(request.attachment, port.attachment),
        guest=port_checks.guest(given(request.guest, port.guest)),
        dhcp_options=dhcp_options.merged(port.dhcp_options, request.dhcp_options),
        qos_policy_id=given(request.qos_policy_id, port.qos_policy_id),
    )
    if request.allowed_address_pairs is not UNSET:
        pairs = port_checks.pairs(request.allowed_address_pairs, asked.mac)
        asked = replace(asked, allowed_address_pairs=pairs)
    if request.security_groups is not UNSET:
        asked = replace(asked, security_groups=groups.known(work.connection, request.security_groups))
    return port_checks.placed(work, port, asked)


def _readdressed(work: Work, old: Port, port: Port, request: PortRequest) -> Port:
    """The port with the addresses asked for, and those that its MAC makes."""
    if request.fixed_ips is UNSET and port.mac == old.mac:
        return port
    network = networks.get(work.connection, port.network_id).value
    ground = Ground(network, subnets.of_network(work.connection, network.id))
    if port.mac != old.mac:
        port = fixed_ips.follow_mac(work, port, ground)
    if request.fixed_ips is not UNSET:
        port = fixed_ips.assign(work, port, ground, request.fixed_ips)
    _refuse_orphans(work, port)
    if (lost := router_ports.subnets_lost(work, old, port)) is not None:
        router_interfaces.refuse_used(work, *lost)
    port_forwardings.drop_in(work, port.id, [fixed.address for fixed in port.fixed_ips])
    return port


def _refuse_dhcp(port: Port, request: PortRequest) -> None:
    """A network's own DHCP port is named, described, and switched off and on: no more."""
    allowed = PortRequest(
        name=request.name, description=request.description, admin_state_up=request.admin_state_up
    )
    if request != allowed:
        raise NamedConflictError(
            "PortInUse", f"Port {port.id} is the network's own DHCP port.", "device_owner"
        )


def _check_mac(work: Work, old: Port, new: Port) -> None:
    """Raises ConflictError where the port cannot have its new MAC."""
    if not isinstance(old.attachment, Unplugged):
        raise NamedConflictError("PortBound", f"Port {new.id} is plugged: unplug it first.", "mac_address")
    macs.refuse_used(work, new.network_id, new.mac)


def _refuse_orphans(work: Work, port: Port) -> None:
    """A floating IP's fixed address cannot be taken from under it."""
    mine = {fixed.address for fixed in port.fixed_ips}
    for record in floating_ips.find(work.connection, {"port_id": (port.id,)}):
        association = record.value.association
        if association is not None and association.fixed_address not in mine:
            message = (
                f"fixed_ips: floating IP {record.value.address} stands for {association.fixed_address}:"
                " disassociate it first."
            )
            raise NamedConflictError("FixedIpInUse", message, "fixed_ips")


def _label(work: Work, port: Port) -> DnsLabel | None:
    """The DNS label that its names ask for, if no other port has it.

    One that it asks for by its `dns_name` it may have beside other ports, but of its own project only.
    """
    wanted = wanted_label(port.dns_name, port.name)
    if wanted is None:
        return None
    others = store.called(work.connection, port, wanted)
    if not others:
        return DnsLabel(wanted)
    return DnsLabel(wanted, shared=True) if port.dns_name and others == {port.project_id} else None


def _guest_ports(work: Work, port: Port) -> frozenset[PortId]:
    """The ports whose items show this one, as things stand in the database."""
    return presence.siblings(work.connection, (port.id,)) if port.device_id else frozenset()
