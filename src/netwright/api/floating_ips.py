"""Floating IPs over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

from netwright.api.fields import Fields
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import floating_ips as control
from netwright.control.floating_ips import FloatingIpRecord, FloatingIpRequest
from netwright.control.given import UNSET, Left
from netwright.control.refusals import invalid
from netwright.control.world import World
from netwright.model.ids import FloatingIpId, NetworkId, PortId, SubnetId
from netwright.model.intent import Port
from netwright.store.rows import Where


class FloatingIps:
    """Actions on floating IPs."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = FloatingIpRequest(
            port_id=_port(body),
            fixed_address=_ipv4(body, "fixed_ip_address"),
            description=body.text("description"),
        )
        body.done(ATTRIBUTES)
        return view(control.update(world, FloatingIpId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, FloatingIpId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, FloatingIpId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def view(shown: FloatingIpRecord) -> View:
    floating, association = shown.value, shown.value.association
    return {
        "id": floating.id,
        **owned(floating.project_id),
        "floating_network_id": floating.network_id,
        "floating_ip_address": str(floating.address),
        "port_id": None if association is None else association.port_id,
        "fixed_ip_address": None if association is None else str(association.fixed_address),
        "router_id": None,
        "status": "DOWN" if association is None else "ACTIVE",
        "description": floating.description,
        "port_details": None if shown.port is None else _details(shown.port),
        "port_forwardings": [],
        **stamped(shown.record.stamps),
    }


def _details(port: Port) -> View:
    return {
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac,
        "admin_state_up": port.admin_state_up,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
    }


def _new(body: Fields, project: str | None) -> FloatingIpRequest:
    network, subnet = body.text("floating_network_id"), body.optional("subnet_id")
    request = FloatingIpRequest(
        network_id=UNSET if network is UNSET else NetworkId(network),
        project_id=asked_project(body, project),
        subnet_id=None if subnet is None else SubnetId(subnet),
        address=_ipv4(body, "floating_ip_address"),
        port_id=_port(body),
        fixed_address=_ipv4(body, "fixed_ip_address"),
        description=body.text("description"),
    )
    body.done(ATTRIBUTES)
    return request


def _port(body: Fields) -> PortId | Left | None:
    port = body.text_or_null("port_id")
    return port if port is None or port is UNSET else PortId(port)


def _ipv4(body: Fields, name: str) -> IPv4Address | None:
    address = body.address(name)
    if address is None or address is UNSET:
        return None
    if not isinstance(address, IPv4Address):
        raise invalid(name, f"{address} is not an IPv4 address.")
    return address


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "floating_network_id", "floating_ip_address", "port_id",
    "fixed_ip_address", "router_id", "status", "description", "port_details", "port_forwardings",
    "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="floatingip",
    plural="floatingips",
    path="floatingips",
    actions=FloatingIps(),
    attributes=ATTRIBUTES,
    columns={
        "id": "id", "project_id": "project_id", "tenant_id": "project_id",
        "floating_network_id": "network_id", "floating_ip_address": "address",
        "port_id": "port_id", "fixed_ip_address": "fixed_address",
    },
)  # fmt: skip
