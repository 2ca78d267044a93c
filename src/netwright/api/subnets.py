"""Subnets over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.api.fields import Fields, number_or_none, parse_address
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import subnets as control
from netwright.control.given import UNSET, Left
from netwright.control.refusals import invalid
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.ids import NetworkId, SubnetId
from netwright.model.intent import Address, HostRoute, Ipv6Mode, Pool, Prefix, Subnet
from netwright.store.records import Record
from netwright.store.rows import Where


class Subnets:
    """Actions on subnets."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        request = SubnetRequest(
            name=body.text("name"),
            description=body.text("description"),
            gateway_ip=body.address("gateway_ip"),
            enable_dhcp=body.flag("enable_dhcp"),
            pools=_pools(body),
            dns_nameservers=_servers(body),
            host_routes=_routes(body),
        )
        body.done(ATTRIBUTES)
        return view(control.update(world, SubnetId(resource_id), request))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, SubnetId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, SubnetId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def view(record: Record[Subnet]) -> View:
    subnet = record.value
    return {
        "id": subnet.id,
        **owned(subnet.project_id),
        "network_id": subnet.network_id,
        "name": subnet.name,
        "description": subnet.description,
        "ip_version": subnet.cidr.version,
        "cidr": str(subnet.cidr),
        "gateway_ip": None if subnet.gateway_ip is None else str(subnet.gateway_ip),
        "enable_dhcp": subnet.enable_dhcp,
        "allocation_pools": [{"start": str(pool.start), "end": str(pool.end)} for pool in subnet.pools],
        "dns_nameservers": [str(server) for server in subnet.dns_nameservers],
        "host_routes": [
            {"destination": str(route.destination), "nexthop": str(route.nexthop)}
            for route in subnet.host_routes
        ],
        "ipv6_ra_mode": subnet.ipv6_ra_mode,
        "ipv6_address_mode": subnet.ipv6_address_mode,
        "subnetpool_id": None,
        **stamped(record.stamps),
    }


def _new(body: Fields, project: str | None) -> SubnetRequest:
    network = body.text("network_id")
    request = SubnetRequest(
        network_id=UNSET if network is UNSET else NetworkId(network),
        project_id=asked_project(body, project),
        name=body.text("name"),
        description=body.text("description"),
        cidr=_cidr(body),
        gateway_ip=body.address("gateway_ip"),
        enable_dhcp=body.flag("enable_dhcp"),
        pools=_pools(body),
        dns_nameservers=_servers(body),
        host_routes=_routes(body),
        ipv6_ra_mode=body.one_of("ipv6_ra_mode", Ipv6Mode),
        ipv6_address_mode=body.one_of("ipv6_address_mode", Ipv6Mode),
    )
    if body.optional("subnetpool_id") is not None:
        raise invalid("subnetpool_id", "there are no subnet pools here: give a cidr.")
    body.done(ATTRIBUTES)
    return request


def _cidr(body: Fields) -> Prefix | Left:
    cidr = body.prefix("cidr", strict=True)
    if cidr is None or cidr is UNSET:
        return UNSET
    version = number_or_none(body.number("ip_version"))
    if version not in {None, cidr.version}:
        raise invalid("ip_version", f"{version} is not that of cidr {cidr}.")
    return cidr


def _pools(body: Fields) -> tuple[Pool, ...] | Left:
    listed = body.objects("allocation_pools")
    if listed is UNSET:
        return UNSET
    pools = []
    for one in listed:
        start, end = one.address("start"), one.address("end")
        one.done(frozenset())
        if not isinstance(start, Address) or not isinstance(end, Address):
            raise invalid("allocation_pools", "each needs start and end.")
        pools.append(Pool(start, end))
    return tuple(pools)


def _servers(body: Fields) -> tuple[Address, ...] | Left:
    listed = body.texts("dns_nameservers")
    if listed is UNSET:
        return UNSET
    return tuple(parse_address(one, "dns_nameservers") for one in listed)


def _routes(body: Fields) -> tuple[HostRoute, ...] | Left:
    listed = body.objects("host_routes")
    if listed is UNSET:
        return UNSET
    routes = []
    for one in listed:
        destination, nexthop = one.prefix("destination", strict=True), one.address("nexthop")
        one.done(frozenset())
        if not isinstance(destination, Prefix) or not isinstance(nexthop, Address):
            raise invalid("host_routes", "each needs destination and nexthop.")
        routes.append(HostRoute(destination, nexthop))
    return tuple(routes)


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "network_id", "name", "description", "ip_version", "cidr",
    "gateway_ip", "enable_dhcp", "allocation_pools", "dns_nameservers", "host_routes", "ipv6_ra_mode",
    "ipv6_address_mode", "subnetpool_id", "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="subnet",
    plural="subnets",
    path="subnets",
    actions=Subnets(),
    attributes=ATTRIBUTES,
    columns={
        "id": "id", "name": "name", "network_id": "network_id", "project_id": "project_id",
        "tenant_id": "project_id"
    },
)  # fmt: skip
