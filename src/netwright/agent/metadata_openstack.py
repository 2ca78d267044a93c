"""A port -> the OpenStack layout of its guest's metadata (nova user guide, "Metadata"). Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from netwright.agent.metadata_guest import ZONE, Directory, hostname, instance, nics, user_data
from netwright.model.ids import port_link_name
from netwright.model.intent import Address, Prefix
from netwright.model.plan import Nic, PortAddress, PortItem, Serving

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]

_FOLSOM, _GRIZZLY, _HAVANA, _LIBERTY = "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15"
_NEWTON, _NEWTON_TWO, _OCATA, _ROCKY = "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27"
VERSIONS: Final = (_FOLSOM, _GRIZZLY, _HAVANA, _LIBERTY, _NEWTON, _NEWTON_TWO, _OCATA, _ROCKY, "latest")
"""In the order of the alphabet too: a version has what every earlier one has."""

_NETWORK_TYPES: Final[Mapping[Serving, str]] = {
    Serving.DHCPV4: "ipv4_dhcp",
    Serving.SLAAC: "ipv6_slaac",
    Serving.DHCPV6_STATEFUL: "ipv6_dhcpv6-stateful",
    Serving.DHCPV6_STATELESS: "ipv6_dhcpv6-stateless",
}


def openstack_directory(port: PortItem, seed: bytes) -> Directory:
    """What is below /openstack."""
    versions = {version: Directory(_files(port, version, seed)) for version in VERSIONS}
    return Directory(versions, titles={version: version for version in VERSIONS})


def _files(port: PortItem, version: str, seed: bytes) -> dict[str, Directory | bytes]:
    """The documents that the version knows; without user data there is no such document."""
    since: tuple[tuple[str, str, Callable[[], bytes | None]], ...] = (
        (_FOLSOM, "meta_data.json", lambda: _encoded(meta_data(port, version, seed))),
        (_FOLSOM, "user_data", lambda: user_data(port)),
        (_GRIZZLY, "password", lambda: b""),
        (_HAVANA, "vendor_data.json", lambda: b"{}"),
        (_LIBERTY, "network_data.json", lambda: _encoded(network_data(port))),
        (_NEWTON_TWO, "vendor_data2.json", lambda: b"{}"),
    )
    made = {name: make() for first, name, make in since if version >= first}
    return {name: body for name, body in made.items() if body is not None}


def meta_data(port: PortItem, version: str, seed: bytes) -> dict[str, Json]:
    """meta_data.json; `seed` feeds the guest's random number generator."""
    guest = port.guest
    said: dict[str, Json] = {
        "uuid": instance(port),
        "hostname": hostname(port),
        "name": guest.hostname or port.name or port.dns_name,
        "launch_index": 0,
        "availability_zone": ZONE,
        "meta": dict(guest.meta),
        "public_keys": dict(guest.public_keys),
        "keys": [{"name": name, "type": "ssh", "data": text} for name, text in guest.public_keys],
    }
    if version >= _GRIZZLY:
        said["random_seed"] = b64encode(seed).decode()
    if version >= _LIBERTY:
        said["project_id"] = port.project_id
    if version >= _NEWTON:
        said["devices"] = []
    return said


def network_data(port: PortItem) -> dict[str, Json]:
    """network_data.json: the guest's links, its addresses on them, and its name servers."""
    interfaces = nics(port)
    addresses = [(nic, fixed) for nic in interfaces for fixed in nic.addresses]
    servers = dict.fromkeys(server for _, fixed in addresses for server in _nameservers(fixed))
    return {
        "links": [_link(nic) for nic in interfaces],
        "networks": [_network(number, nic, fixed) for number, (nic, fixed) in enumerate(addresses)],
        "services": [_dns(server) for server in servers],
    }


def _link(nic: Nic) -> Json:
    return {
        "id": port_link_name(nic.port_id),
        "vif_id": nic.port_id,
        "type": "bridge",
        "mtu": nic.mtu,
        "ethernet_mac_address": nic.mac,
    }


def _network(number: int, nic: Nic, fixed: PortAddress) -> Json:
    said: dict[str, Json] = {
        "id": f"network{number}",
        "type": _NETWORK_TYPES.get(fixed.serving, f"ipv{fixed.address.version}"),
        "link": port_link_name(nic.port_id),
        "network_id": nic.network_id,
    }
    if fixed.serving is Serving.DHCPV4:
        return said
    return said | {
        "ip_address": str(fixed.address),
        "netmask": str(ip_network((fixed.address, fixed.prefix_length), strict=False).netmask),
        "routes": [_route(*route) for route in _routes(fixed)],
        "services": [_dns(server) for server in _nameservers(fixed)],
    }


def _routes(fixed: PortAddress) -> Iterator[tuple[Prefix, Address]]:
    """The default route and the subnet's own; a guest that hears advertisements takes its default there."""
    everywhere: Prefix = IPv4Network("0.0.0.0/0") if fixed.address.version == 4 else IPv6Network("::/0")
    if fixed.gateway_ip:
        yield everywhere, fixed.gateway_ip
    for route in fixed.host_routes:
        yield route.destination, route.nexthop


def _route(destination: Prefix, gateway: Address) -> Json:
    return {
        "network": str(destination.network_address),
        "netmask": str(destination.netmask),
        "gateway": str(gateway),
    }


def _nameservers(fixed: PortAddress) -> list[Address]:
    return [server for server in fixed.dns_nameservers if not server.is_unspecified]


def _dns(server: Address) -> Json:
    return {"type": "dns", "address": str(server)}


def _encoded(value: dict[str, Json]) -> bytes:
    return json.dumps(value).encode()
