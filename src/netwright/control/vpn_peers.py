"""What a user can do with the peers of a WireGuard VPN, and what such a peer is to be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from netwright.control import text, vpn_keys
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid, required
from netwright.control.world import Work
from netwright.model.ids import VpnId, VpnPeerId
from netwright.model.intent import Vpn, VpnPeer, WireGuard
from netwright.planner.vpns import inner_mtu
from netwright.store import networks, subnets
from netwright.store import vpns as store
from netwright.store.changes import Touched
from netwright.store.records import Record
from netwright.store.rows import Where

_KEEPALIVE: Final = 25
"""Seconds; what wg(8) advises behind a NAT."""


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """A peer as a user asks for it; all but the name is for new ones only."""

    vpn_id: VpnId | Left = UNSET
    name: str | Left = UNSET
    public_key: str | None = None
    """None: the server makes the pair of keys, and tells the private one this once."""
    address: IPv4Address | None = None
    """None: any free one of the VPN's range."""


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """A peer, and its configuration as wg-quick(8) reads it."""

    record: Record[VpnPeer]
    config: str
    private_key: str | None = None
    """Only where it was made just now."""

    @property
    def value(self) -> VpnPeer:
        return self.record.value


def update_in(work: Work, old: VpnPeer, request: PeerRequest) -> PeerRecord:
    """Its name. Raises InvalidError."""
    peer = replace(old, name=text.line(given(request.name, old.name), "name"))
    store.save_peer(work.connection, peer, work.now)
    return _shown(work.connection, store.get_peer(work.connection, peer.id))


def delete_in(work: Work, peer: VpnPeer) -> None:
    store.delete_peer(work.connection, peer.id)
    work.touch(Touched.VPN, peer.vpn_id)


def find_in(connection: sa.Connection, where: Where) -> list[PeerRecord]:
    """Those whose columns match, oldest first."""
    return [_shown(connection, record) for record in store.find_peers(connection, where)]


def create_in(work: Work, request: PeerRequest) -> PeerRecord:
    """One peer, with its private key where that is made here. Raises NotFoundError, InvalidError,
    ConflictError."""
    vpn_id = required(request.vpn_id, "vpn_id")
    vpn = store.get(work.connection, vpn_id).value
    way = vpn.way
    if not isinstance(way, WireGuard):
        raise invalid("vpn_id", "this VPN is a guest's: its peers are that guest's business.")
    public, private = _keys(request.public_key)
    theirs = [record.value for record in store.find_peers(work.connection, {"vpn_id": (vpn_id,)})]
    if public in {vpn_keys.public_key(way.private_key), *(peer.public_key for peer in theirs)}:
        raise NamedConflictError("VpnPeerKeyInUse", f"public_key: {public} is in use already.", "public_key")
    taken = {peer.address for peer in theirs}
    peer = VpnPeer(
        id=VpnPeerId(work.world.new_id()),
        vpn_id=vpn_id,
        name=text.line(given(request.name, ""), "name"),
        public_key=public,
        address=_address(work, way.peers, request.address, taken),
    )
    try:
        store.insert_peer(work.connection, peer, work.now)
    except IntegrityError as error:
        message = f"address: {peer.address} was taken just now: try again."
        raise NamedConflictError("IpAddressAlreadyAllocated", message, "address") from error
    work.touch(Touched.VPN, vpn_id)
    return _shown(work.connection, store.get_peer(work.connection, peer.id), private)


def _keys(given_key: str | None) -> tuple[str, str | None]:
    """The peer's public key, and the private one where the pair is made here."""
    if given_key is not None:
        return vpn_keys.checked(given_key, "public_key"), None
    private = vpn_keys.new_private_key()
    return vpn_keys.public_key(private), private


def _address(
    work: Work, among: IPv4Network, asked: IPv4Address | None, taken: set[IPv4Address]
) -> IPv4Address:
    first, count = int(among.network_address) + 1, among.num_addresses - 2
    if asked is None:
        start = work.world.rng.randrange(count)
        free = (IPv4Address(first + (start + step) % count) for step in range(count))
        found = next((one for one in free if one not in taken), None)
        if found is None:
            raise NamedConflictError(
                "IpAddressGenerationFailure", f"No more addresses in {among}.", "address"
            )
        return found
    if not first <= int(asked) < first + count:
        raise invalid("address", f"{asked} is no host's address in {among}.")
    if asked in taken:
        message = f"address: {asked} is another peer's."
        raise NamedConflictError("IpAddressAlreadyAllocated", message, "address")
    return asked


def _shown(connection: sa.Connection, record: Record[VpnPeer], private_key: str | None = None) -> PeerRecord:
    vpn = store.get(connection, record.value.vpn_id).value
    mtu = networks.get(connection, vpn.network_id).value.mtu
    reach = [one.cidr for one in subnets.of_network(connection, vpn.network_id)]
    inside = [cidr for cidr in reach if isinstance(cidr, IPv4Network)]
    return PeerRecord(record, config(vpn, record.value, inside, private_key, inner_mtu(mtu)), private_key)


def config(vpn: Vpn, peer: VpnPeer, inside: Iterable[IPv4Network], private_key: str | None, mtu: int) -> str:
    """What wg-quick(8) reads on the peer's side; no user's text is in it."""
    server = vpn_keys.public_key(vpn.way.private_key) if isinstance(vpn.way, WireGuard) else ""
    lines = (
        "[Interface]",
        f"PrivateKey = {private_key}" if private_key else "# PrivateKey = (the peer's own)",
        f"Address = {peer.address}/32",
        f"MTU = {mtu}",
        "",
        "[Peer]",
        f"PublicKey = {server}",
        f"AllowedIPs = {', '.join(map(str, inside))}",
        f"Endpoint = {vpn.public_address}:{vpn.public_port}",
        f"PersistentKeepalive = {_KEEPALIVE}",
    )
    return "\n".join(lines) + "\n"
