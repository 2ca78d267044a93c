"""What nova's managers can do with networks: each is a network of the Networking API with one IPv4 and one
IPv6 subnet at most, and what that API has no place for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

import sqlalchemy as sa

from netwright.control import classic_vpns, networks, quotas, sharing, subnets, text
from netwright.control.classic_refusals import (
    CidrConflict,
    DuplicateVlan,
    NetworkHasProject,
    NetworkInUse,
    NetworkNotFound,
    NoMoreNetworks,
)
from netwright.control.given import UNSET
from netwright.control.network_links import NetworkType
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import DEFAULT_PROJECT, Work, World
from netwright.model.classic import ClassicFixedIp, ClassicNetwork, Life
from netwright.model.errors import NotFoundError
from netwright.model.ids import HostName, LinkName, NetworkId, ProjectId, SubnetId
from netwright.model.intent import (
    Address,
    GatewayHosts,
    GatewayPlace,
    HostRoute,
    Ipv6Mode,
    Network,
    Pool,
    Prefix,
    Subnet,
)
from netwright.store import addresses, classic_fixed_ips, gateways, hosts
from netwright.store import classic_networks as store
from netwright.store import networks as network_rows
from netwright.store import subnets as subnet_rows
from netwright.store import vpns as vpn_rows
from netwright.store.changes import Touched
from netwright.store.records import Record, Stamps
from netwright.store.rows import Where

_EVERYWHERE: Final = IPv4Network("0.0.0.0/0")
_NUMBER: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Taken:
    """What networks to be made must keep clear of."""

    cidrs: Collection[IPv4Network]
    """Of all networks that are routed on hosts, and of the hosts' own routes."""
    vlans: Collection[int]
    vpn_ports: Collection[int]
    """Public ones."""
    count: int
    """All classic networks: nova numbers VLANs and VPN ports on from there."""


@dataclass(frozen=True, slots=True)
class ClassicRequest:
    """A network to be made, decided in every part but its ids."""

    label: str
    classic: ClassicNetwork
    cidr: IPv4Network | None
    cidr_v6: Prefix | None
    pools: tuple[Pool, ...]
    """IPv4 addresses that are given out. The others are reserved."""
    dns: tuple[Address, ...]
    mtu: int | None
    serves: bool
    """Whether hosts hand out addresses by DHCP and router advertisements."""
    ipv6_mode: Ipv6Mode | None
    by_agents: bool
    """Whether hosts' agents make its links. Else nova's managers do, and nothing is planned for agents."""
    network_id: NetworkId | None = None


@dataclass(frozen=True, slots=True)
class ClassicRecord:
    """A classic network, whole."""

    classic: ClassicNetwork
    network: Network
    stamps: Stamps
    v4: Subnet | None
    v6: Subnet | None
    gateway_host: HostName | None = None
    """Of agents' the one that holds the gateway for all."""

    @property
    def id(self) -> NetworkId:
        return self.network.id

    def subnet_of(self, address: Address) -> Subnet | None:
        """The subnet whose prefix the address is in."""
        return next((one for one in (self.v4, self.v6) if one is not None and address in one.cidr), None)


def create(
    world: World,
    lay_out: Callable[[Taken], Sequence[ClassicRequest]],
    default_quota: int = quotas.UNLIMITED,
) -> list[ClassicRecord]:
    """All of them or none; `lay_out` decides what they are, from what there is at that moment.

    Raises CidrConflict, DuplicateVlan, NetworkLimitExceeded, InvalidError.
    """
    with world.work() as work:
        requests = lay_out(_taken(work.connection))
        made = [create_in(work, request, default_quota) for request in requests]
        return _records(work.connection, store.find(work.connection, {"network_id": made}))


def find(world: World, where: Where) -> list[ClassicRecord]:
    """Those whose columns match, in the order in which they were made."""
    with world.look() as connection:
        return find_in(connection, where)


def find_in(connection: sa.Connection, where: Where) -> list[ClassicRecord]:
    """`find` as a part of a larger transaction."""
    return _records(connection, store.find(connection, where))


def get_in(connection: sa.Connection, reference: str | int) -> ClassicRecord:
    """By nova's number or the network's id. Raises NetworkNotFound."""
    given = str(reference)
    where: Where = {"number": (int(given),)} if _NUMBER.fullmatch(given) else {"network_id": (given,)}
    for record in find_in(connection, where):
        return record
    raise NetworkNotFound(reference)


def holding(connection: sa.Connection, address: Address) -> ClassicRecord | None:
    """The network that the address is of."""
    for network, prefix in store.prefixes(connection).values():
        if address in prefix:
            return get_in(connection, network)
    return None


def with_prefix(connection: sa.Connection, prefix: Prefix) -> ClassicRecord | None:
    """The network of exactly that prefix."""
    for network, own in store.prefixes(connection).values():
        if own == prefix:
            return get_in(connection, network)
    return None


def delete(world: World, reference: str, *, require_disassociated: bool) -> None:
    """Raises NetworkNotFound, NetworkHasProject, NetworkInUse, ConflictError."""
    with world.work() as work:
        record = get_in(work.connection, reference)
        if require_disassociated and record.classic.project_id is not None:
            raise NetworkHasProject(record.id, record.classic.project_id)
        where: Where = {"network_id": (record.id,), "life": (Life.ALLOCATED.value,)}
        if classic_fixed_ips.count(work.connection, where):
            raise NetworkInUse(record.id)
        networks.delete_in(work, record.network)


def associate(world: World, reference: str, wanted: Mapping[str, str | None]) -> None:
    """`project`: whose the network is; `host`: who is its gateway; None: nobody. All of it or nothing.

    Raises NetworkNotFound, InvalidError.
    """
    with world.work() as work:
        record = get_in(work.connection, reference)
        if "project" in wanted:
            project = wanted["project"]
            give_to(work, record, None if project is None else text.project(project))
        if "host" in wanted:
            host = wanted["host"]
            record = get_in(work.connection, record.id)
            _serve_by(work, record, None if host is None else text.host_name(host, "host"))


def take_host(
    world: World, network: NetworkId, host: HostName, instead_of: HostName | None
) -> HostName | None:
    """The host that the network has now: this one, unless another was faster. Raises NetworkNotFound."""
    with world.work() as work:
        if store.take_host(work.connection, network, host, instead_of):
            work.touch(Touched.NETWORK, network)
            return host
        return get_in(work.connection, network).classic.host


def set_injected(world: World, network: NetworkId, *, injected: bool) -> None:
    """Whether guests are configured by files put into their images."""
    with world.work() as work:
        record = get_in(work.connection, network)
        if record.classic.injected != injected:
            store.save(work.connection, replace(record.classic, injected=injected))


def of_project(work: Work, project: ProjectId) -> list[ClassicRecord]:
    """The project's networks; where it has none, a free one is its own from now on. Raises NoMoreNetworks."""
    mine = find_in(work.connection, {"project_id": (project,)})
    return mine or [claim(work, project, None)]


def claim(work: Work, project: ProjectId, reference: str | None) -> ClassicRecord:
    """That network, or the next free one, is the project's. Raises NetworkNotFound, NoMoreNetworks."""
    if reference is not None:
        record = get_in(work.connection, reference)
    else:
        free = store.free(work.connection)
        if free is None:
            raise NoMoreNetworks
        record = get_in(work.connection, free.network_id)
    give_to(work, record, project)
    return get_in(work.connection, record.id)


def give_to(work: Work, record: ClassicRecord, project: ProjectId | None) -> None:
    """The network is the project's in both faces."""
    store.save(work.connection, replace(record.classic, project_id=project))
    classic_vpns.give_to(work, record.classic, project or DEFAULT_PROJECT)
    owned = replace(record.network, project_id=project or DEFAULT_PROJECT, shared=project is None)
    network_rows.save(work.connection, owned, work.now)
    sharing.with_everybody(work, "network", (owned.id, owned.project_id), wanted=owned.shared)
    work.touch(Touched.NETWORK, record.id)


def _serve_by(work: Work, record: ClassicRecord, host: HostName | None) -> None:
    store.save(work.connection, replace(record.classic, host=host))
    work.touch(Touched.NETWORK, record.id)
    if record.network.gateway_hosts is GatewayHosts.ONE:
        networks.update_in(work, record.network, NetworkRequest(gateway_host=host))


def _taken(connection: sa.Connection) -> Taken:
    prefixes = [prefix for _, _, prefix in subnet_rows.of_host_networks(connection)]
    for host in hosts.every(connection):
        prefixes.extend(host.facts.routes)
    return Taken(
        cidrs=[prefix for prefix in prefixes if isinstance(prefix, IPv4Network)],
        vlans=store.vlans(connection),
        vpn_ports=store.vpn_ports(connection) | vpn_rows.ports(connection),
        count=store.count(connection),
    )


def create_in(work: Work, request: ClassicRequest, default_quota: int = quotas.UNLIMITED) -> NetworkId:
    """One network, as a part of a larger transaction; it keeps its number if it brings one that is free."""
    classic, connection = request.classic, work.connection
    if classic.vlan is not None and classic.vlan in store.vlans(connection):
        raise DuplicateVlan(classic.vlan)
    if classic.project_id is not None:
        quotas.refuse_one_more(connection, classic.project_id, quotas.NETWORKS, default_quota)
    if request.network_id is not None:
        _refuse_known(connection, request.network_id)
    links = request.by_agents and request.serves and not _has_bridge(connection, classic.bridge)
    made = networks.create_in(work, _network_request(request, links=links), request.network_id)
    number = classic.number
    if number < 1 or store.find(connection, {"number": (number,)}):
        number = store.last_number(connection) + 1
    classic = replace(classic, network_id=made, number=number)
    store.insert(connection, classic)
    for asked in _subnet_requests(request, made):
        subnet = subnets.create_in(work, asked)
        if asked.cidr == request.cidr:
            _hold(work, made, subnet, request)
    if request.by_agents and request.serves:
        classic_vpns.add(work, classic, request.label)
    return made


def _refuse_known(connection: sa.Connection, wanted: NetworkId) -> None:
    try:
        network_rows.get(connection, wanted)
    except NotFoundError:
        return
    raise CidrConflict(f"Network {wanted} is there already.", "uuid")


def _has_bridge(connection: sa.Connection, bridge: LinkName | None) -> bool:
    """Whether a network has it. Of nova's several networks of one bridge agents give it to the first."""
    return bridge is not None and bool(network_rows.find(connection, {"bridge": (bridge,)}))


def _network_request(request: ClassicRequest, *, links: bool) -> NetworkRequest:
    """`links`: with the bridge and the way out that agents make it."""
    classic = request.classic
    uplink = classic.bridge_interface if links else None
    on_vlan = uplink is not None and classic.vlan is not None
    return NetworkRequest(
        project_id=classic.project_id or DEFAULT_PROJECT,
        name=request.label,
        shared=classic.project_id is None,
        mtu=UNSET if request.mtu is None else request.mtu,
        gateway_place=GatewayPlace.HOST,
        uplink=uplink,
        bridge=classic.bridge if links else None,
        network_type=NetworkType.VLAN if on_vlan else UNSET,
        segmentation_id=classic.vlan if on_vlan else UNSET,
        shared_gateway=uplink is not None and classic.multi_host and classic.share_address,
        gateway_hosts=_gateway_hosts(classic) if uplink is not None else UNSET,
    )


def _gateway_hosts(classic: ClassicNetwork) -> GatewayHosts:
    if classic.multi_host:
        return GatewayHosts.EVERY if classic.share_address else GatewayHosts.OWN
    return GatewayHosts.ONE


def _subnet_requests(request: ClassicRequest, made: NetworkId) -> list[SubnetRequest]:
    classic, found = request.classic, []
    if request.cidr is not None:
        elsewhere = classic.gateway is not None and classic.gateway != classic.dhcp_server
        routes = (HostRoute(_EVERYWHERE, classic.gateway),) if elsewhere and classic.gateway else ()
        found.append(
            SubnetRequest(
                network_id=made,
                cidr=request.cidr,
                gateway_ip=classic.dhcp_server if request.serves else None,
                enable_dhcp=request.serves and classic.enable_dhcp,
                pools=request.pools,
                dns_nameservers=tuple(server for server in request.dns if server.version == 4),
                host_routes=routes,
            )
        )
    if request.cidr_v6 is not None:
        mode = request.ipv6_mode if request.serves else None
        found.append(
            SubnetRequest(
                network_id=made,
                cidr=request.cidr_v6,
                gateway_ip=classic.gateway_v6 if request.serves else None,
                enable_dhcp=mode is not None,
                dns_nameservers=tuple(server for server in request.dns if server.version == 6),
                ipv6_ra_mode=mode,
                ipv6_address_mode=mode,
            )
        )
    return found


def _hold(work: Work, made: NetworkId, subnet: SubnetId, request: ClassicRequest) -> None:
    """The VPN's address waits for its instance; a gateway that is somebody else's is nobody's fixed IP."""
    classic, vpn = request.classic, request.classic.vpn_private_address
    if vpn is not None:
        addresses.take(work.connection, subnet, vpn, addresses.GATEWAY)
        kept = ClassicFixedIp(made, subnet, vpn, Life.RESERVED, work.now, reserved=True)
        classic_fixed_ips.insert(work.connection, kept)
    held = {classic.dhcp_server} if request.serves else set()
    for address in {classic.gateway, classic.dhcp_server} - held:
        if address is not None:
            addresses.take(work.connection, subnet, address, addresses.GATEWAY)


def _records(connection: sa.Connection, found: Sequence[ClassicNetwork]) -> list[ClassicRecord]:
    ids = [classic.network_id for classic in found]
    if not ids:
        return []
    by_id: dict[NetworkId, Record[Network]] = {
        record.value.id: record for record in network_rows.find(connection, {"id": ids})
    }
    theirs: dict[tuple[NetworkId, int], Subnet] = {
        (record.value.network_id, record.value.cidr.version): record.value
        for record in subnet_rows.find(connection, {"network_id": ids})
    }
    ones = [one for one, record in by_id.items() if record.value.gateway_hosts is GatewayHosts.ONE]
    held = gateways.tenures(connection, ones) if ones else {}
    return [
        ClassicRecord(
            classic,
            by_id[classic.network_id].value,
            by_id[classic.network_id].stamps,
            theirs.get((classic.network_id, 4)),
            theirs.get((classic.network_id, 6)),
            held[classic.network_id].host if classic.network_id in held else None,
        )
        for classic in found
    ]
