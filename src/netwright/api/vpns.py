"""Project VPNs over HTTP: netwright's own resource."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from netwright.api.fields import Fields, number_or_none
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import vpn_keys
from netwright.control import vpns as control
from netwright.control.given import UNSET, Left
from netwright.control.refusals import invalid
from netwright.control.vpns import VpnKind, VpnRequest
from netwright.control.world import World
from netwright.model.ids import NetworkId, VpnId
from netwright.model.intent import UdpForward, Vpn
from netwright.store.records import Record
from netwright.store.rows import Where


class Vpns:
    """Actions on VPNs."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = VpnRequest(
            name=body.text("name"),
            description=body.text("description"),
            public_address=ipv4_or_null(body, "public_address"),
            public_port=_port(body),
            private_address=_private(body),
        )
        body.done(ATTRIBUTES)
        return view(control.update(world, VpnId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, VpnId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, VpnId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def view(record: Record[Vpn]) -> View:
    """Its private key is told to hosts only."""
    vpn, way = record.value, record.value.way
    forward = isinstance(way, UdpForward)
    return {
        "id": vpn.id,
        **owned(vpn.project_id),
        "name": vpn.name,
        "description": vpn.description,
        "network_id": vpn.network_id,
        "kind": VpnKind.FORWARD if forward else VpnKind.WIREGUARD,
        "public_address": vpn.public_address and str(vpn.public_address),
        "public_port": vpn.public_port,
        "private_address": str(way.private_address) if isinstance(way, UdpForward) else None,
        "peer_range": None if isinstance(way, UdpForward) else str(way.peers),
        "public_key": None if isinstance(way, UdpForward) else vpn_keys.public_key(way.private_key),
        **stamped(record.stamps),
    }


def ipv4_or_null(body: Fields, name: str) -> IPv4Address | Left | None:
    """An IPv4 address of the body. Raises InvalidError."""
    value = body.address(name)
    if value is UNSET or value is None or isinstance(value, IPv4Address):
        return value
    raise invalid(name, "must be an IPv4 address.")


def _private(body: Fields) -> IPv4Address | Left:
    value = ipv4_or_null(body, "private_address")
    return UNSET if value is None else value


def _port(body: Fields) -> int | Left:
    value = number_or_none(body.number("public_port"))
    return UNSET if value is None else value


def _range(body: Fields) -> IPv4Network | Left:
    value = body.prefix("peer_range", strict=True)
    if value is None or value is UNSET:
        return UNSET
    if not isinstance(value, IPv4Network):
        raise invalid("peer_range", "must be an IPv4 prefix.")
    return value


def _new(body: Fields, project: str | None) -> VpnRequest:
    kind, network = body.one_of("kind", VpnKind), body.optional("network_id")
    request = VpnRequest(
        network_id=UNSET if network is None else NetworkId(network),
        project_id=asked_project(body, project),
        name=body.text("name"),
        description=body.text("description"),
        kind=VpnKind.FORWARD if kind is None or kind is UNSET else kind,
        public_address=ipv4_or_null(body, "public_address"),
        public_port=_port(body),
        private_address=_private(body),
        peer_range=_range(body),
    )
    body.done(ATTRIBUTES)
    return request


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "name", "description", "network_id", "kind", "public_address",
    "public_port", "private_address", "peer_range", "public_key",
    "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="vpn",
    plural="vpns",
    path="vpns",
    actions=Vpns(),
    attributes=ATTRIBUTES,
    columns={
        "id": "id", "name": "name", "project_id": "project_id", "tenant_id": "project_id",
        "network_id": "network_id", "kind": "kind",
    },
    root="/v1",
)  # fmt: skip
