"""Subnets over HTTP."""

from __future__ import annotations

from ipaddress import ip_address

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import subnets as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.refusals import invalid
from netwright.control.subnets import SubnetRecord, SubnetRequest
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId, SubnetId
from netwright.model.intent import Address, HostRoute, Ipv6Mode, Pool, Prefix
from netwright.store.rows import Where


class Subnets:
    """Acts on subnets."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        return self._one(work, control.create_in(work, _new(Fields(values))))

    def update(self, work: Work, old: SubnetRecord, values: Values, caller: Caller) -> View:
        del caller
        control.update_in(work, old.value, _changed(Fields(values)))
        return self._one(work, old.value.id)

    def delete(self, work: Work, old: SubnetRecord) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[SubnetRecord]:
        return control.find_in(connection, where)

    def view(self, thing: SubnetRecord) -> View:
        return view(thing)

    def _one(self, work: Work, subnet: SubnetId) -> View:
        return view(self.find(work.connection, {"id": (subnet,)})[0])


def view(shown: SubnetRecord) -> View:
    subnet = shown.value
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
        "subnetpool_id": subnet.subnetpool_id,
        "segment_id": subnet.segment_id,
        "service_types": subnet.service_types,
        "dns_publish_fixed_ip": subnet.dns_publish_fixed_ip,
        "router:external": shown.external,
        **stamped(shown.record.stamps),
    }


def _changed(body: Fields) -> SubnetRequest:
    return SubnetRequest(
        name=body.text("name"),
        description=body.text("description"),
        gateway_ip=body.address("gateway_ip"),
        enable_dhcp=body.flag("enable_dhcp"),
        pools=_pools(body),
        dns_nameservers=_servers(body),
        host_routes=_routes(body),
        segment_id=body.text_or_null("segment_id"),
        service_types=body.texts("service_types"),
        dns_publish_fixed_ip=body.flag("dns_publish_fixed_ip"),
    )


def _new(body: Fields) -> SubnetRequest:
    network = body.text("network_id")
    return SubnetRequest(
        network_id=UNSET if network is UNSET else NetworkId(network),
        project_id=asked_project(body),
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
        version=body.optional_number("ip_version"),
        pool=body.optional("subnetpool_id"),
        length=body.optional_number("prefixlen"),
        default_pool=body.flag("use_default_subnetpool") is True,
        segment_id=body.text_or_null("segment_id"),
        service_types=body.texts("service_types"),
        dns_publish_fixed_ip=body.flag("dns_publish_fixed_ip"),
    )


def _cidr(body: Fields) -> Prefix | Left:
    cidr = body.prefix("cidr")
    if cidr is None:
        return UNSET
    version = body.optional_number("ip_version")
    if version not in {None, cidr.version}:
        raise invalid("ip_version", f"{version} is not that of cidr {cidr}.")
    return cidr


def _pools(body: Fields) -> tuple[Pool, ...] | Left:
    listed = body.objects("allocation_pools")
    if listed is UNSET:
        return UNSET
    return tuple(Pool(one.needed_address("start"), one.needed_address("end")) for one in listed)


def _servers(body: Fields) -> tuple[Address, ...] | Left:
    listed = body.texts("dns_nameservers")
    return UNSET if listed is UNSET else tuple(map(ip_address, listed))


def _routes(body: Fields) -> tuple[HostRoute, ...] | Left:
    listed = body.objects("host_routes")
    if listed is UNSET:
        return UNSET
    return tuple(HostRoute(one.needed_prefix("destination"), one.needed_address("nexthop")) for one in listed)
