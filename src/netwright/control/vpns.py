"""What a user can do with project VPNs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from netwright.control import overlaps, text, vpn_keys
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid, missing, required
from netwright.control.world import Work
from netwright.model.ids import NetworkId, ProjectId, VpnId
from netwright.model.intent import GatewayPlace, Network, UdpForward, Vpn, WireGuard
from netwright.store import networks, subnets
from netwright.store import vpns as store
from netwright.store.changes import Touched
from netwright.store.records import Record

FIRST_PORT: Final = 1000
"""From where on a VPN without a port of its own gets one (nova-network's vpn_start)."""
_LAST_PORT: Final = 65535
_MOST_PEERS: Final = 16
_FEWEST_PEERS: Final = 30
"""Lengths of the ranges that peers' addresses are from."""

_NO_HOSTS: Final = tuple(
    map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"))
)
"""This host, loopback, link-local, multicast, reserved and broadcast (RFC 6890)."""


class VpnKind(StrEnum):
    """Who ends the VPN: a guest, or WireGuard on the host."""

    FORWARD = store.FORWARD
    WIREGUARD = store.WIREGUARD


@dataclass(frozen=True, slots=True)
class VpnRequest:
    """A VPN as a user asks for it; network, project, kind and the peers' range are for new ones only."""

    network_id: NetworkId | Left = UNSET
    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    kind: VpnKind = VpnKind.FORWARD
    public_address: IPv4Address | Left | None = UNSET
    """None: any address that the host has."""
    public_port: int | Left = UNSET
    """Not given: the first free one from FIRST_PORT on."""
    private_address: IPv4Address | Left = UNSET
    peer_range: IPv4Network | Left = UNSET


def update_in(work: Work, old: Vpn, request: VpnRequest) -> Record[Vpn]:
    """Raises NotFoundError, InvalidError, ConflictError."""
    vpn = _asked(work, old, request)
    _refuse_taken(work.connection, vpn)
    store.save(work.connection, vpn, work.now)
    work.touch(Touched.VPN, vpn.id)
    return store.get(work.connection, vpn.id)


def delete_in(work: Work, vpn: Vpn) -> None:
    """With its peers."""
    store.delete(work.connection, vpn.id)
    work.touch(Touched.VPN, vpn.id)


def create_in(work: Work, request: VpnRequest) -> VpnId:
    """One, as a part of a larger transaction. Raises NotFoundError, InvalidError, ConflictError."""
    network = networks.get(work.connection, required(request.network_id, "network_id")).value
    _refuse_unreachable(network)
    project = network.project_id if request.project_id is UNSET else text.project(request.project_id)
    blank = Vpn(
        id=VpnId(work.world.new_id()),
        project_id=project,
        network_id=network.id,
        name="",
        public_port=_free_port(work.connection) if request.public_port is UNSET else request.public_port,
        way=_new_way(work, network, project, request),
    )
    vpn = _asked(work, blank, request)
    _refuse_taken(work.connection, vpn)
    try:
        store.insert(work.connection, vpn, work.now)
    except IntegrityError as error:
        raise _taken(vpn) from error
    work.touch(Touched.VPN, vpn.id)
    return vpn.id


def _refuse_unreachable(network: Network) -> None:
    """There is a way from outside where a host is the gateway."""
    if network.external or network.gateway_place is GatewayPlace.ROUTER:
        message = (
            f"network_id: no host is the gateway of network {network.id}."
            " Use a network whose gateway is on the host (netwright:gateway_place host)."
        )
        raise NamedConflictError("VpnNetworkHasNoGateway", message, "network_id")


def _new_way(work: Work, network: Network, project: ProjectId, request: VpnRequest) -> UdpForward | WireGuard:
    match request.kind:
        case VpnKind.FORWARD:
            if request.peer_range is not UNSET:
                raise invalid("peer_range", f"is for kind {VpnKind.WIREGUARD}.")
            if request.private_address is UNSET:
                raise missing("private_address")
            return UdpForward(_inside(work, network.id, request.private_address))
        case VpnKind.WIREGUARD:
            if request.public_address is UNSET or request.public_address is None:
                raise invalid("public_address", "must be given: peers' configurations name it.")
            if request.peer_range is UNSET:
                raise missing("peer_range")
            return WireGuard(_key_of(work, project), _usable_range(work, request.peer_range))


def _key_of(work: Work, project: ProjectId) -> str:
    """The private key that all WireGuard VPNs of a project have: the first of them makes it."""
    for record in store.find(work.connection, {"project_id": (project,), "kind": (store.WIREGUARD,)}):
        if isinstance(record.value.way, WireGuard):
            return record.value.way.private_key
    return vpn_keys.new_private_key()


def _usable_range(work: Work, peers: IPv4Network) -> IPv4Network:
    """Raises InvalidError, and ConflictError where somebody has some of these addresses."""
    if not _MOST_PEERS <= peers.prefixlen <= _FEWEST_PEERS:
        raise invalid("peer_range", f"must have a length from {_MOST_PEERS} to {_FEWEST_PEERS}.")
    if any(peers.overlaps(special) for special in _NO_HOSTS):
        raise invalid("peer_range", f"{peers} is no range of hosts' addresses.")
    overlaps.refuse_on_hosts(work.connection, peers, apart_from=None, field="peer_range")
    return peers


def _asked(work: Work, vpn: Vpn, request: VpnRequest) -> Vpn:
    """The VPN with what is asked of it, checked but for what others have."""
    asked = replace(
        vpn,
        name=text.line(given(request.name, vpn.name), "name"),
        description=text.prose(given(request.description, vpn.description), "description"),
        public_address=_public(given(request.public_address, vpn.public_address)),
        public_port=given(request.public_port, vpn.public_port),
        way=_moved(work, vpn, request),
    )
    own = asked.public_address is None or isinstance(asked.way, WireGuard)
    least = FIRST_PORT if own else 1
    if not least <= asked.public_port <= _LAST_PORT:
        raise invalid("public_port", f"must be from {least} to {_LAST_PORT}.")
    if isinstance(asked.way, WireGuard) and asked.public_address is None:
        raise invalid("public_address", "must be given: peers' configurations name it.")
    return asked


def _public(address: IPv4Address | None) -> IPv4Address | None:
    """Raises InvalidError for what no host is called by from outside: its own resolver's, metadata's."""
    if address is not None and any(address in special for special in _NO_HOSTS):
        raise invalid("public_address", f"{address} is no host's address.")
    return address


def _moved(work: Work, vpn: Vpn, request: VpnRequest) -> UdpForward | WireGuard:
    if request.private_address is UNSET:
        return vpn.way
    if isinstance(vpn.way, WireGuard):
        raise invalid("private_address", f"is for kind {VpnKind.FORWARD}.")
    return UdpForward(_inside(work, vpn.network_id, request.private_address))


def _inside(work: Work, network: NetworkId, address: IPv4Address) -> IPv4Address:
    """Raises InvalidError for an address that no guest of the network can have."""
    for subnet in subnets.of_network(work.connection, network):
        if address in subnet.cidr:
            ends = {subnet.cidr.network_address, subnet.cidr.broadcast_address, subnet.gateway_ip}
            if address in ends:
                raise invalid("private_address", f"{address} is no guest's in {subnet.cidr}.")
            return address
    raise invalid("private_address", f"{address} is not in a subnet of network {network}.")


def _free_port(connection: sa.Connection) -> int:
    taken = store.ports(connection)
    return next(port for port in range(FIRST_PORT, _LAST_PORT + len(taken)) if port not in taken)


def _refuse_taken(connection: sa.Connection, vpn: Vpn) -> None:
    """What listens at every address of the host shares its port with nobody."""
    for record in store.find(connection, {"public_port": (vpn.public_port,)}):
        other = record.value
        everywhere = any(one.public_address is None or isinstance(one.way, WireGuard) for one in (vpn, other))
        if other.id != vpn.id and (everywhere or other.public_address == vpn.public_address):
            raise _taken(vpn)


def _taken(vpn: Vpn) -> NamedConflictError:
    message = f"public_port: another VPN has UDP port {vpn.public_port} there."
    return NamedConflictError("VpnPortInUse", message, "public_port")
