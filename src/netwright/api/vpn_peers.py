"""Peers of WireGuard VPNs over HTTP: netwright's own resource."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import stamped
from netwright.control import vpn_peers as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET
from netwright.control.nouns import View
from netwright.control.vpn_peers import PeerRecord, PeerRequest
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import VpnId
from netwright.store.rows import Where


class VpnPeers:
    """Acts on peers of VPNs."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = control.create_in(work, _new(Fields(values)))
        return {**view(made), "private_key": made.private_key}

    def update(self, work: Work, old: PeerRecord, values: Values, caller: Caller) -> View:
        del caller
        request = PeerRequest(name=Fields(values).text("name"))
        return view(control.update_in(work, old.value, request))

    def delete(self, work: Work, old: PeerRecord) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[PeerRecord]:
        return control.find_in(connection, where)

    def view(self, thing: PeerRecord) -> View:
        return view(thing)


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
    vpn, address = body.optional("vpn_id"), body.ipv4("address")
    return PeerRequest(
        vpn_id=UNSET if vpn is None else VpnId(vpn),
        name=body.text("name"),
        public_key=body.optional("public_key"),
        address=None if address is UNSET else address,
    )
