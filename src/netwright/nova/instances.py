"""Instances and their network_info, as nova hands them over, parsed into values.

Models and plain dicts alike: whatever has the keys, or attributes of their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from netwright.model.errors import InvalidError
from netwright.model.ids import (
    MAC_FORM,
    UUID_FORM,
    LinkName,
    Mac,
    NetworkId,
    PortId,
    bridge_name,
    port_link_name,
)
from netwright.model.intent import Address, Prefix
from netwright.nova.given import link, part, text_of, zoneless

_MTU: Final = 1500


@dataclass(frozen=True, slots=True)
class Instance:
    """`groups`: names or ids of its security groups, in the project."""

    id: str
    name: str
    project_id: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VifSubnet:
    cidr: Prefix
    gateway: Address | None
    dhcp: bool
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Vif:
    """One interface of an instance."""

    id: PortId
    mac: Mac
    network: NetworkId
    bridge: LinkName
    mtu: int
    subnets: tuple[VifSubnet, ...]


def parse_instance(instance: object) -> Instance:
    """Raises InvalidError."""
    identity = text_of(instance, "uuid", "instance") or text_of(instance, "id", "instance")
    if not identity:
        raise InvalidError("an instance has a uuid", "instance.uuid")
    return Instance(
        id=identity,
        name=text_of(instance, "name", "instance") or identity,
        project_id=text_of(instance, "project_id", "instance"),
        groups=tuple(_groups(part(instance, "security_groups"))),
    )


def parse_network_info(network_info: object) -> tuple[Vif, ...]:
    """A list of VIFs, or the JSON of one. Raises InvalidError, which names the field that is wrong."""
    listed = _from_json(network_info) if isinstance(network_info, str) else network_info
    return tuple(
        _vif(vif, f"network_info[{number}]") for number, vif in enumerate(_items(listed, "network_info"))
    )


def _from_json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"not JSON: {error}", "network_info") from error
    return found


def _vif(vif: object, where: str) -> Vif:
    identity = PortId(_matching(UUID_FORM, text_of(vif, "id", where), f"{where}.id"))
    network = part(vif, "network")
    network_id = NetworkId(_matching(UUID_FORM, text_of(network, "id", where), f"{where}.network.id"))
    # Rules name links by these: another name would leave the interface without its filter.
    _same(text_of(vif, "devname", where), port_link_name(identity), f"{where}.devname")
    subnets = _items(part(network, "subnets"), f"{where}.network.subnets")
    mtu = part(part(network, "meta"), "mtu")
    return Vif(
        id=identity,
        mac=Mac(_matching(MAC_FORM, text_of(vif, "address", where), f"{where}.address")),
        network=network_id,
        bridge=link(network, "bridge", f"{where}.network") or bridge_name(network_id),
        mtu=mtu if isinstance(mtu, int) else _MTU,
        subnets=tuple(
            _subnet(subnet, f"{where}.network.subnets[{number}]")
            for number, subnet in enumerate(subnets)
            # Of old there were always two, the IPv6 one without a CIDR where there was no IPv6.
            if part(subnet, "cidr")
        ),
    )


def _subnet(subnet: object, where: str) -> VifSubnet:
    cidr = text_of(subnet, "cidr", where)
    try:
        prefix = ip_network(zoneless(cidr))
    except ValueError as error:
        raise InvalidError(f"{cidr!r} is not a network: {error}", f"{where}.cidr") from error
    ips = _items(part(subnet, "ips"), f"{where}.ips")
    addresses = tuple(
        found for number, ip in enumerate(ips) if (found := _address(ip, f"{where}.ips[{number}]"))
    )
    for address in addresses:
        if address not in prefix:
            raise InvalidError(f"{address} is not in {prefix}", f"{where}.ips")
    dhcp = bool(part(part(subnet, "meta"), "dhcp_server"))
    return VifSubnet(prefix, _address(part(subnet, "gateway"), f"{where}.gateway"), dhcp, addresses)


def _address(ip: object, where: str) -> Address | None:
    """An address given as text, or as nova's IP with its `address`."""
    text = ip if isinstance(ip, str) else text_of(ip, "address", where)
    if not text:
        return None
    try:
        return ip_address(zoneless(text))
    except ValueError as error:
        raise InvalidError(str(error), where) from error


def _groups(groups: object) -> Iterator[str]:
    """Names, or models with a uuid or a name; a list, or nova's list object."""
    for number, group in enumerate(_items(part(groups, "objects") or groups, "instance.security_groups")):
        where = f"instance.security_groups[{number}]"
        found = (
            group
            if isinstance(group, str)
            else text_of(group, "uuid", where) or text_of(group, "name", where)
        )
        if not found:
            raise InvalidError("a security group has a name or an id", where)
        yield found


def _items(things: object, where: str) -> list[object]:
    if things is None:
        return []
    if isinstance(things, str | Mapping) or not isinstance(things, Iterable):
        raise InvalidError(f"{things!r} is not a list", where)
    return list(things)


def _matching(shape: re.Pattern[str], text: str, where: str) -> str:
    if not shape.fullmatch(text.lower()):
        raise InvalidError(f"{text!r} is not what belongs there", where)
    return text.lower()


def _same(given: str, needed: LinkName, where: str) -> None:
    if given and given != needed:
        raise InvalidError(f"netwright's rules name this link {needed!r}, and it is {given!r}", where)
