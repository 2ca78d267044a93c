"""Project VPNs and their peers as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

import sqlalchemy as sa

from netwright.model.errors import NotFoundError
from netwright.model.ids import NetworkId, ProjectId, VpnId, VpnPeerId
from netwright.model.intent import UdpForward, Vpn, VpnPeer, WireGuard
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.tables import vpn_peers, vpns

FORWARD, WIREGUARD = "forward", "wireguard"


def insert(connection: sa.Connection, vpn: Vpn, now: datetime) -> None:
    rows.insert(connection, vpns, _values(vpn), now)


def save(connection: sa.Connection, vpn: Vpn, now: datetime) -> None:
    rows.save(connection, vpns, _values(vpn), now)


def delete(connection: sa.Connection, vpn: VpnId) -> None:
    """With its peers."""
    rows.delete(connection, vpns, vpn)


def get(connection: sa.Connection, vpn: VpnId) -> Record[Vpn]:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (vpn,)}):
        return record
    raise NotFoundError("Vpn", vpn)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[Vpn]]:
    """The VPNs that match, oldest first."""
    found = rows.oldest_first(connection, vpns, where)
    return [Record(_vpn(row), rows.stamps(row)) for row in found]


def ports(connection: sa.Connection) -> frozenset[int]:
    """The public ones in use, at whatever address."""
    return frozenset(connection.execute(sa.select(vpns.c.public_port)).scalars())


def ids(connection: sa.Connection, among: Collection[NetworkId] | None = None) -> frozenset[VpnId]:
    """All there are, or those of these networks."""
    statement = sa.select(vpns.c.id)
    if among is not None:
        statement = statement.where(vpns.c.network_id.in_(among))
    return frozenset(map(VpnId, connection.execute(statement).scalars()))


def insert_peer(connection: sa.Connection, peer: VpnPeer, now: datetime) -> None:
    rows.insert(connection, vpn_peers, _peer_values(peer), now)


def save_peer(connection: sa.Connection, peer: VpnPeer, now: datetime) -> None:
    rows.save(connection, vpn_peers, _peer_values(peer), now)


def delete_peer(connection: sa.Connection, peer: VpnPeerId) -> None:
    rows.delete(connection, vpn_peers, peer)


def get_peer(connection: sa.Connection, peer: VpnPeerId) -> Record[VpnPeer]:
    """Raises NotFoundError."""
    for record in find_peers(connection, {"id": (peer,)}):
        return record
    raise NotFoundError("VpnPeer", peer)


def find_peers(connection: sa.Connection, where: rows.Where) -> list[Record[VpnPeer]]:
    """The peers that match, oldest first."""
    found = rows.oldest_first(connection, vpn_peers, where)
    return [Record(_peer(row), rows.stamps(row)) for row in found]


def _values(vpn: Vpn) -> Mapping[str, object]:
    forward = vpn.way if isinstance(vpn.way, UdpForward) else None
    own = vpn.way if isinstance(vpn.way, WireGuard) else None
    return {
        "id": vpn.id,
        "project_id": vpn.project_id,
        "name": vpn.name,
        "description": vpn.description,
        "network_id": vpn.network_id,
        "kind": FORWARD if forward else WIREGUARD,
        "public_address": str(vpn.public_address or ""),
        "public_port": vpn.public_port,
        "private_address": forward and str(forward.private_address),
        "private_key": own and own.private_key,
        "peer_range": own and str(own.peers),
    }


def _vpn(row: rows.Row) -> Vpn:
    forward = row.kind == FORWARD
    return Vpn(
        id=VpnId(row.id),
        project_id=ProjectId(row.project_id),
        network_id=NetworkId(row.network_id),
        name=row.name,
        public_port=row.public_port,
        way=UdpForward(IPv4Address(row.private_address))
        if forward
        else WireGuard(row.private_key, IPv4Network(row.peer_range)),
        public_address=IPv4Address(row.public_address) if row.public_address else None,
        description=row.description,
    )


def _peer_values(peer: VpnPeer) -> Mapping[str, object]:
    return {
        "id": peer.id,
        "vpn_id": peer.vpn_id,
        "name": peer.name,
        "public_key": peer.public_key,
        "address": str(peer.address),
    }


def _peer(row: rows.Row) -> VpnPeer:
    return VpnPeer(
        id=VpnPeerId(row.id),
        vpn_id=VpnId(row.vpn_id),
        name=row.name,
        public_key=row.public_key,
        address=IPv4Address(row.address),
    )
