"""Ports as items."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from netwright.model.ids import GroupId, HostName, LogId
from netwright.model.intent import Port, Unplugged
from netwright.model.plan import Nic, PortAddress, PortItem
from netwright.planner.gateways import Place
from netwright.planner.names import address_label, domain_of
from netwright.planner.subnets import port_address


def is_plugged(port: Port, host: HostName) -> bool:
    """Whether the port has a link on that host."""
    return port.host == host and not isinstance(port.attachment, Unplugged)


def item(
    port: Port,
    label: str | None,
    place: Place,
    nics: tuple[Nic, ...],
    group_names: Mapping[GroupId, str],
    logs: tuple[LogId, ...] = (),
) -> PortItem:
    """A plugged port. `label` is its own DNS label; `nics` are those of its guest, its own among them."""
    groups = port.security_groups if port.port_security_enabled else ()
    network = place.network
    return PortItem(
        id=port.id,
        network_id=port.network_id,
        project_id=port.project_id,
        name=port.name,
        mac=port.mac,
        mtu=network.link_mtu,
        zone=network.zone,
        place=network.gateway_place,
        admin_up=port.admin_state_up,
        attachment=port.attachment,
        addresses=_addresses(port, place),
        secured=port.port_security_enabled,
        pairs=port.allowed_address_pairs,
        groups=groups,
        dns_name=label or address_label(port),
        dns_domain=domain_of(network.dns_domain),
        device_id=port.device_id,
        guest=port.guest,
        nics=nics,
        security_group_names=tuple(group_names[group] for group in groups),
        logs=logs if port.port_security_enabled else (),
        bridge_called=network.bridge,
        dhcp_options=port.dhcp_options,
    )


def nic(port: Port, place: Place, floating: tuple[IPv4Address, ...]) -> Nic:
    """One interface of a guest, with the floating IPs that stand for its addresses."""
    return Nic(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac,
        mtu=place.network.link_mtu,
        addresses=_addresses(port, place),
        floating_addresses=floating,
    )


def _addresses(port: Port, place: Place) -> tuple[PortAddress, ...]:
    return tuple(port_address(fixed, place.subnet(fixed.subnet_id, port.host)) for fixed in port.fixed_ips)
