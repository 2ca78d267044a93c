"""Project VPNs over HTTP: netwright's own resource."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import vpn_keys
from netwright.control import vpns as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.vpns import VpnKind, VpnRequest
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId
from netwright.model.intent import UdpForward, Vpn
from netwright.store import vpns as store
from netwright.store.records import Record
from netwright.store.rows import Where


class Vpns:
    """Acts on VPNs."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = control.create_in(work, _new(Fields(values)))
        return view(store.get(work.connection, made))

    def update(self, work: Work, old: Record[Vpn], values: Values, caller: Caller) -> View:
        del caller
        return view(control.update_in(work, old.value, _changed(Fields(values))))

    def delete(self, work: Work, old: Record[Vpn]) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[Record[Vpn]]:
        return store.find(connection, where)

    def view(self, thing: Record[Vpn]) -> View:
        return view(thing)


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


def _private(body: Fields) -> IPv4Address | Left:
    value = body.ipv4("private_address")
    return UNSET if value is None else value


def _port(body: Fields) -> int | Left:
    value = body.optional_number("public_port")
    return UNSET if value is None else value


def _range(body: Fields) -> IPv4Network | Left:
    value = body.optional("peer_range")
    return UNSET if value is None else IPv4Network(value)


def _changed(body: Fields) -> VpnRequest:
    return VpnRequest(
        name=body.text("name"),
        description=body.text("description"),
        public_address=body.ipv4("public_address"),
        public_port=_port(body),
        private_address=_private(body),
    )


def _new(body: Fields) -> VpnRequest:
    kind, network = body.one_of("kind", VpnKind), body.optional("network_id")
    return VpnRequest(
        network_id=UNSET if network is None else NetworkId(network),
        project_id=asked_project(body),
        name=body.text("name"),
        description=body.text("description"),
        kind=VpnKind.FORWARD if kind is UNSET else kind,
        public_address=body.ipv4("public_address"),
        public_port=_port(body),
        private_address=_private(body),
        peer_range=_range(body),
    )
