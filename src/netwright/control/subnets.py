"""What a user can do with subnets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from netwright.control import (
    dhcp_ports,
    fixed_ips,
    gateways,
    overlaps,
    policy,
    router_ports,
    segments,
    subnet_checks,
    subnet_pools,
    text,
)
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, in_use, invalid, required
from netwright.control.subnet_pools import Wanted
from netwright.control.world import Work
from netwright.model.ids import NetworkId, SubnetId
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
from netwright.store import addresses, networks, ports, routers
from netwright.store import subnets as store
from netwright.store.changes import Touched
from netwright.store.records import Record
from netwright.store.rows import Where

PREFIX_DELEGATION: Final = "prefix_delegation"


@dataclass(frozen=True, slots=True)
class SubnetRequest:
    """A subnet as a user asks for it; network, project, cidr and modes are for new ones only."""

    network_id: NetworkId | Left = UNSET
    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    cidr: Prefix | Left = UNSET
    gateway_ip: Address | Left | None = UNSET
    """Not given: the first address. None: no gateway."""
    enable_dhcp: bool | Left = UNSET
    pools: tuple[Pool, ...] | Left = UNSET
    dns_nameservers: tuple[Address, ...] | Left = UNSET
    host_routes: tuple[HostRoute, ...] | Left = UNSET
    ipv6_ra_mode: Ipv6Mode | Left | None = UNSET
    ipv6_address_mode: Ipv6Mode | Left | None = UNSET
    version: int | None = None
    pool: str | None = None
    """Where the prefix is from; with `cidr` that very one, else one of `length`."""
    length: int | None = None
    default_pool: bool = False
    """Whether it is from the default pool of its IP version."""
    segment_id: str | Left | None = UNSET
    service_types: tuple[str, ...] | Left = UNSET
    dns_publish_fixed_ip: bool | Left = UNSET


@dataclass(frozen=True, slots=True)
class SubnetRecord:
    """A subnet, and whether its network leads out, as the Networking API shows them."""

    record: Record[Subnet]
    external: bool

    @property
    def value(self) -> Subnet:
        return self.record.value


def update_in(work: Work, old: Subnet, request: SubnetRequest) -> None:
    """Raises NotFoundError, InvalidError, ConflictError."""
    network = networks.get(work.connection, old.network_id).value
    subnet = _asked(old, request)
    if subnet.gateway_ip != old.gateway_ip:
        _refuse_routed(work, old)
    subnet_checks.check(subnet, network)
    if subnet.segment_id != old.segment_id:
        _check_segment(work, subnet)
    store.save(work.connection, subnet, work.now)
    if subnet.gateway_ip != old.gateway_ip:
        _move_gateway(work, network, old, subnet)
    _settle(work, network.id)


def delete_in(work: Work, subnet: Subnet) -> None:
    """Raises ConflictError while ports (but the DHCP port) or floating IPs are on it."""
    dhcp = dhcp_ports.find(work.connection, subnet.network_id)
    used = addresses.used_by_others(work.connection, subnet.id, None if dhcp is None else dhcp.id)
    routed = routers.on_subnet(work.connection, subnet.id)
    if routed or (used and not fixed_ips.is_automatic(subnet)):
        raise in_use("Subnet", subnet.id, "one or more ports or floating IPs have addresses from it")
    _touch_ports(work, subnet)
    store.delete(work.connection, subnet.id)
    _settle(work, subnet.network_id)


def find_in(connection: sa.Connection, where: Where) -> list[SubnetRecord]:
    """Those whose columns match, oldest first."""
    found = store.find(connection, where)
    external = networks.external(connection, {record.value.network_id for record in found})
    return [SubnetRecord(record, record.value.network_id in external) for record in found]


def create_in(work: Work, request: SubnetRequest) -> SubnetId:
    """One subnet, as a part of a larger transaction."""
    network = networks.get(work.connection, required(request.network_id, "network_id")).value
    if network.external and work.caller is not None and not work.caller.is_admin:
        raise policy.disallowed("create_subnet:network_id")  # as for RBAC policies that make it so
    project = network.project_id if request.project_id is UNSET else text.project(request.project_id)
    pool = _pool(work, request)
    cidr = subnet_checks.usable_cidr(_cidr(work, request, pool, project))
    siblings = store.of_network(work.connection, network.id)
    theirs = [(sibling.cidr.version, sibling.subnetpool_id) for sibling in siblings]
    subnet_pools.refuse_strangers(work.connection, theirs, (cidr.version, pool))
    overlaps.refuse_in_network(cidr, siblings)
    if network.gateway_place is GatewayPlace.HOST and not network.external:
        overlaps.refuse_in_use(work, cidr, apart_from=network.id)
    blank = Subnet(
        id=SubnetId(work.world.new_id()),
        network_id=network.id,
        project_id=project,
        name="",
        cidr=cidr,
        gateway_ip=subnet_checks.default_gateway(cidr),
        ipv6_ra_mode=given(request.ipv6_ra_mode, None),
        ipv6_address_mode=given(request.ipv6_address_mode, None),
        subnetpool_id=pool,
    )
    subnet = _asked(blank, request)
    if request.pools is UNSET:
        subnet = replace(subnet, pools=subnet_checks.default_pools(cidr, subnet.gateway_ip))
    subnet_checks.check(subnet, network)
    _check_segment(work, subnet)
    store.insert(work.connection, subnet, work.now)
    _hold_gateway(work, network, subnet)
    _settle(work, network.id)
    if fixed_ips.is_automatic(subnet):
        _join_all(work, subnet)
        _touch_ports(work, subnet)
    return subnet.id


def _pool(work: Work, request: SubnetRequest) -> str | None:
    """The pool that the prefix is to be from."""
    if request.default_pool and request.pool is not None:
        raise invalid("use_default_subnetpool", "cannot be given together with subnetpool_id.")
    if request.pool == PREFIX_DELEGATION:
        raise invalid("subnetpool_id", "prefixes by delegation (RFC 8415) are not given here.")
    return subnet_pools.default_of(work.connection, request.version) if request.default_pool else request.pool


def _cidr(work: Work, request: SubnetRequest, pool: str | None, project: str) -> Prefix:
    """The prefix that is given, or that a pool gives."""
    cidr = given(request.cidr, None)
    if cidr is not None and request.length is not None:
        raise invalid("prefixlen", "cannot be given together with cidr.")
    if pool is not None:
        if cidr is None and request.pools is not UNSET:
            raise invalid("allocation_pools", "can be given only together with cidr.")
        return subnet_pools.allocate(work, pool, Wanted(project, request.version, cidr, request.length))
    if cidr is None:
        raise invalid("cidr", "must be given, or a subnet pool (subnetpool_id) to take it from.")
    return cidr


def _asked(subnet: Subnet, request: SubnetRequest) -> Subnet:
    return replace(
        subnet,
        name=text.line(given(request.name, subnet.name), "name"),
        description=text.prose(given(request.description, subnet.description), "description"),
        gateway_ip=given(request.gateway_ip, subnet.gateway_ip),
        enable_dhcp=given(request.enable_dhcp, subnet.enable_dhcp),
        pools=tuple(
            sorted(given(request.pools, subnet.pools), key=lambda pool: (pool.start.version, int(pool.start)))
        ),
        dns_nameservers=given(request.dns_nameservers, subnet.dns_nameservers),
        host_routes=given(request.host_routes, subnet.host_routes),
        segment_id=given(request.segment_id, subnet.segment_id),
        service_types=given(request.service_types, subnet.service_types),
        dns_publish_fixed_ip=given(request.dns_publish_fixed_ip, subnet.dns_publish_fixed_ip),
    )


def _check_segment(work: Work, subnet: Subnet) -> None:
    siblings = store.of_network(work.connection, subnet.network_id)
    others = [sibling.segment_id for sibling in siblings if sibling.id != subnet.id]
    segments.refuse_strange(work, subnet.network_id, subnet.segment_id, others)


def _settle(work: Work, network: NetworkId) -> None:
    dhcp_ports.settle(work, network)
    placed = networks.get(work.connection, network).value
    if placed.gateway_hosts is not GatewayHosts.EVERY:
        gateways.settle(work, placed)
    work.touch(Touched.NETWORK, network)


def _hold_gateway(work: Work, network: Network, subnet: Subnet) -> None:
    """On a host network the gateway's address is netwright's own. Raises ConflictError where it is in use."""
    gateway = subnet.gateway_ip
    if network.gateway_place is not GatewayPlace.HOST or gateway is None:
        return
    if not addresses.take(work.connection, subnet.id, gateway, addresses.GATEWAY):
        raise fixed_ips.already_allocated(gateway, subnet, "gateway_ip")


def _move_gateway(work: Work, network: Network, old: Subnet, new: Subnet) -> None:
    if network.gateway_place is GatewayPlace.HOST and old.gateway_ip is not None:
        addresses.release(work.connection, old.id, old.gateway_ip)
    _hold_gateway(work, network, new)


def _refuse_routed(work: Work, old: Subnet) -> None:
    """Raises ConflictError where a router is the gateway."""
    if old.gateway_ip is None:
        return
    if port := routers.holder_of(work.connection, old.id, old.gateway_ip):
        message = f"Current gateway ip {old.gateway_ip} already in use by port {port}. Unable to update."
        raise NamedConflictError("GatewayIpInUse", message, "gateway_ip")


def _join_all(work: Work, subnet: Subnet) -> None:
    """Guests that are there already make themselves an address on a new automatic subnet, too."""
    for record in ports.find(work.connection, {"network_id": (subnet.network_id,)}):
        if router_ports.is_interface(record.value):
            continue
        if subnet.id not in {fixed.subnet_id for fixed in record.value.fixed_ips}:
            fixed_ips.add(work, record.value, subnet)


def _touch_ports(work: Work, subnet: Subnet) -> None:
    """Their addresses on it come or go: groups that they are members of follow, on all hosts."""
    theirs = ports.find(work.connection, {"network_id": (subnet.network_id,)})
    on_it = (
        one.value.id for one in theirs if subnet.id in {fixed.subnet_id for fixed in one.value.fixed_ips}
    )
    work.touch(Touched.PORT, *on_it)
