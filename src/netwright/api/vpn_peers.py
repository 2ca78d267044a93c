"""Peers of WireGuard VPNs over HTTP: netwright's own resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.api.fields import Fields
from netwright.api.resource import Resource, View, stamped
from netwright.api.vpns import ipv4_or_null
from netwright.control import vpn_peers as control
from netwright.control.given import UNSET
from netwright.control.vpn_peers import PeerRecord, PeerRequest
from netwright.control.world import World
from netwright.model.ids import VpnId, VpnPeerId
from netwright.store.rows import Where


class VpnPeers:
    """Actions on peers."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        del project
        made = control.create(world, [_new(body) for body in bodies])
        return [{**view(one), "private_key": one.private_key} for one in made]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = PeerRequest(name=body.text("name"))
        body.done(ATTRIBUTES)
        return view(control.update(world, VpnPeerId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, VpnPeerId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, VpnPeerId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(found) for found in control.find(world, where)]


def view(found: PeerRecord) -> View:
    peer = found.value
    return {
        "id": peer.id,
        "vpn_id": peer.vpn_id,
        "name": peer.name,
        "public_key": peer.public_key,
        "address": str(peer.address),
        "config": found.config,
        **stamped(found.record.stamps),
    }


def _new(body: Fields) -> PeerRequest:
    vpn, address = body.optional("vpn_id"), ipv4_or_null(body, "address")
    request = PeerRequest(
        vpn_id=UNSET if vpn is None else VpnId(vpn),
        name=body.text("name"),
        public_key=body.optional("public_key"),
        address=None if address is UNSET else address,
    )
    body.done(ATTRIBUTES)
    return request


ATTRIBUTES: Final = frozenset({
    "id", "vpn_id", "name", "public_key", "address", "config", "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="vpn_peer",
    plural="vpn_peers",
    path="vpn-peers",
    actions=VpnPeers(),
    attributes=ATTRIBUTES,
    columns={"id": "id", "name": "name", "vpn_id": "vpn_id", "public_key": "public_key"},
    root="/v1",
)  # fmt: skip
