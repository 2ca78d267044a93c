"""Networks over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from netwright.api.fields import Fields, Left
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import networks as control
from netwright.control.given import UNSET
from netwright.control.network_links import NetworkType, type_of
from netwright.control.networks import NetworkRecord, NetworkRequest
from netwright.control.world import World
from netwright.model.ids import NetworkId
from netwright.model.intent import GatewayHosts, GatewayPlace
from netwright.store.rows import Where


class Networks:
    """Actions on networks."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = _asked(body)
        body.done(ATTRIBUTES)
        return view(control.update(world, NetworkId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, NetworkId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, NetworkId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def view(shown: NetworkRecord) -> View:
    network = shown.value
    return {
        "id": network.id,
        **owned(network.project_id),
        "name": network.name,
        "description": network.description,
        "admin_state_up": network.admin_state_up,
        "status": "ACTIVE",
        "shared": network.shared,
        "subnets": shown.subnets,
        "mtu": network.mtu,
        "router:external": network.external,
        "port_security_enabled": network.port_security_enabled,
        "dns_domain": network.dns_domain,
        "provider:network_type": type_of(network).value,
        "provider:physical_network": network.uplink,
        "provider:segmentation_id": network.vlan and network.vlan.id,
        "netwright:gateway_place": network.gateway_place.value,
        "netwright:nat": network.nat,
        "netwright:host_access": network.host_access,
        "netwright:shared_gateway": network.shared_gateway,
        "netwright:bridge": network.bridge,
        "netwright:gateway_hosts": network.gateway_hosts.value,
        "netwright:gateway_host": network.gateway_host,
        "netwright:gateways": [
            {"host": one.host, "addresses": list(map(str, one.addresses))} for one in shown.gateways
        ],
        **stamped(shown.record.stamps),
    }


def _new(body: Fields, project: str | None) -> NetworkRequest:
    place = body.one_of("netwright:gateway_place", GatewayPlace)
    kind = body.one_of("provider:network_type", NetworkType)
    request = replace(
        _asked(body, asked_project(body, project), UNSET if place is None else place),
        network_type=UNSET if kind is None else kind,
        segmentation_id=body.number("provider:segmentation_id"),
    )
    body.done(ATTRIBUTES)
    return request


def _asked(body: Fields, project: str | Left = UNSET, place: GatewayPlace | Left = UNSET) -> NetworkRequest:
    mtu, gateway_hosts = body.number("mtu"), body.one_of("netwright:gateway_hosts", GatewayHosts)
    return NetworkRequest(
        project_id=project,
        name=body.text("name"),
        description=body.text("description"),
        admin_state_up=body.flag("admin_state_up"),
        shared=body.flag("shared"),
        external=body.flag("router:external"),
        port_security_enabled=body.flag("port_security_enabled"),
        mtu=UNSET if mtu is None else mtu,
        dns_domain=body.text("dns_domain"),
        gateway_place=place,
        uplink=body.text_or_null("provider:physical_network"),
        nat=body.flag("netwright:nat"),
        host_access=body.flag("netwright:host_access"),
        shared_gateway=body.flag("netwright:shared_gateway"),
        bridge=body.text_or_null("netwright:bridge"),
        gateway_hosts=UNSET if gateway_hosts is None else gateway_hosts,
        gateway_host=body.text_or_null("netwright:gateway_host"),
    )


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "name", "description", "admin_state_up", "status", "shared",
    "subnets", "mtu", "router:external", "port_security_enabled", "dns_domain", "provider:network_type",
    "provider:physical_network", "provider:segmentation_id", "netwright:gateway_place", "netwright:nat",
    "netwright:host_access", "netwright:shared_gateway", "netwright:bridge",
    "netwright:gateway_hosts", "netwright:gateway_host", "netwright:gateways",
    "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="network",
    plural="networks",
    path="networks",
    actions=Networks(),
    attributes=ATTRIBUTES,
    columns={"id": "id", "name": "name", "project_id": "project_id", "tenant_id": "project_id"},
)
