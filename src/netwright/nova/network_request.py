"""create_networks' arguments, as nova's callers give them, parsed in nova's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeVar
from uuid import UUID

from netwright.control import text
from netwright.control.classic_refusals import (
    AddressOutOfRange,
    InvalidAddress,
    InvalidCidr,
    InvalidIntValue,
    LabelTooLong,
    NetworkNotCreated,
)
from netwright.model.errors import InvalidError
from netwright.model.ids import MOST_INTEGER, LinkName, NetworkId
from netwright.model.intent import Address, Ipv6Mode
from netwright.nova.given import link_name, zoneless
from netwright.nova.network_layout import LAST_VLAN, Asked, VlanError, Vlans
from netwright.nova.options import NetworkOptions

_INTEGERS: Final = ("network_size", "num_networks", "vlan_start", "vpn_start")
_YES: Final = frozenset({"1", "t", "true", "on", "y", "yes"})
_NO: Final = frozenset({"0", "f", "false", "off", "n", "no"})
_LONGEST: Final = 255
Found = TypeVar("Found", IPv4Network, IPv6Network)
Single = TypeVar("Single", IPv4Address, IPv6Address)


@dataclass(frozen=True, slots=True)
class Kind:
    """What of a manager's class decides how networks are made."""

    required: Sequence[str]
    dhcp: bool
    vlans: bool
    by_agents: bool
    """Whether hosts' agents make networks' links."""


def parse(given: Mapping[str, object], options: NetworkOptions, kind: Kind) -> Asked:
    """What is asked for, with the options' defaults.

    Raises InvalidIntValue, NetworkNotCreated, LabelTooLong, InvalidCidr, AddressOutOfRange, InvalidAddress,
    VlanError (a ValueError), InvalidError: the first that is wrong, in this order.
    """
    numbers = {name: _integer(given, name) for name in _INTEGERS}
    vlans = _vlans(given, numbers, options) if kind.vlans else None
    links = _links(given, options, kind)
    label = _label(given)
    if not (given.get("cidr") or given.get("cidr_v6")):
        raise NetworkNotCreated("cidr")
    for name in kind.required:
        if links.get(name) is None:
            raise NetworkNotCreated(name)
    cidr_v6 = _prefix(given, "cidr_v6", IPv6Network)
    cidr = _prefix(given, "cidr", IPv4Network)
    project, uuid = given.get("project_id"), given.get("uuid")
    return Asked(
        label=label,
        cidr=cidr,
        cidr_v6=cidr_v6,
        num_networks=_at_least_one(numbers["num_networks"], options.num_networks, "num_networks"),
        network_size=_size(numbers["network_size"]),
        default_size=options.network_size,
        serves=kind.dhcp,
        by_agents=kind.by_agents,
        multi_host=_flag(given, "multi_host", options.multi_host),
        share_address=_flag(given, "share_address", options.share_dhcp_address),
        enable_dhcp=_flag(given, "enable_dhcp", otherwise=True),
        split=not given.get("ipam"),
        fixed_cidr=_fixed_cidr(given, cidr),
        gateway=_address(given, "gateway", IPv4Address),
        gateway_v6=_address(given, "gateway_v6", IPv6Address),
        dhcp_server=_address(given, "dhcp_server", IPv4Address) or _address(given, "gateway", IPv4Address),
        allowed_start=_address(given, "allowed_start", IPv4Address),
        allowed_end=_address(given, "allowed_end", IPv4Address),
        bridge=links["bridge"],
        bridge_interface=links["bridge_interface"],
        dns=_dns(given, options),
        mtu=_integer(given, "mtu") or options.network_device_mtu,
        priority=_integer(given, "priority"),
        injected=options.flat_injected and not kind.dhcp,
        project_id=text.project(str(project)) if project else None,
        network_id=_uuid(str(uuid)) if uuid else None,
        ipv6_mode=_MODES[options.ipv6_backend],
        vlans=vlans,
    )


_MODES: Final[Mapping[str, Ipv6Mode]] = {
    "rfc2462": Ipv6Mode.SLAAC,
    # Addresses that no guest makes by itself: DHCPv6 hands them out.
    "account_identifier": Ipv6Mode.DHCPV6_STATEFUL,
}


def _integer(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    try:
        found = int(str(value))
    except ValueError as error:
        raise InvalidIntValue(name) from error
    if abs(found) > MOST_INTEGER:
        raise InvalidIntValue(name)
    return found


def _at_least_one(value: int | None, otherwise: int, name: str) -> int:
    found = otherwise if value is None else value
    if found < 1:
        raise InvalidError(f"{name} must be 1 or more", name)
    return found


def _size(value: int | None) -> int | None:
    return None if value is None else _at_least_one(value, 1, "network_size")


def _vlans(given: Mapping[str, object], numbers: Mapping[str, int | None], options: NetworkOptions) -> Vlans:
    start = numbers["vlan_start"] or options.vlan_start
    count = numbers["num_networks"] or options.num_networks
    if start < 1 or count + start > LAST_VLAN:
        message = f"vlan_start ({start}) and num_networks ({count}) together are above {LAST_VLAN}"
        raise VlanError(message, "vlan_start")
    value = given.get("vlan")
    try:
        vlan = None if value is None or value == "" else int(str(value))
    except ValueError as error:
        raise VlanError("vlan must be an integer", "vlan") from error
    if vlan is not None and not 1 <= vlan <= LAST_VLAN:
        raise VlanError(f"the vlan number must be from 1 to {LAST_VLAN}", "vlan")
    vpn_start = numbers["vpn_start"]
    return Vlans(
        vlan=vlan,
        vlan_start=start,
        vpn_start=options.vpn_start if vpn_start is None else vpn_start,
        vpn_clients=options.cnt_vpn_clients,
    )


def _label(given: Mapping[str, object]) -> str:
    label = str(given.get("label") or "")
    if not label:
        raise NetworkNotCreated("label")
    if len(label) > _LONGEST:
        raise LabelTooLong(f"Maximum allowed length for 'label' is {_LONGEST}.", "label")
    return text.line(label, "label")


def _links(given: Mapping[str, object], options: NetworkOptions, kind: Kind) -> Mapping[str, LinkName | None]:
    wire = options.vlan_interface if kind.vlans else options.flat_interface
    if kind.vlans and wire is None:
        wire = options.flat_interface
    defaults = {"bridge": options.flat_network_bridge, "bridge_interface": wire}
    return {
        name: link_name(str(chosen), name) if (chosen := given.get(name) or otherwise) else None
        for name, otherwise in defaults.items()
    }


def _uuid(given: str) -> NetworkId:
    try:
        return NetworkId(str(UUID(given)))
    except ValueError as error:
        raise InvalidError(f"{given[:40]!r} is not a UUID", "uuid") from error


def _prefix(given: Mapping[str, object], name: str, kind: type[Found]) -> Found | None:
    """Host bits do not matter, as they did not of old."""
    value = given.get(name)
    if not value:
        return None
    try:
        return kind(zoneless(str(value)), strict=False)
    except ValueError as error:
        raise InvalidCidr(f"{value!r} is not a prefix: {error}", name) from error


def _fixed_cidr(given: Mapping[str, object], cidr: IPv4Network | None) -> IPv4Network | None:
    fixed = _prefix(given, "fixed_cidr", IPv4Network)
    if fixed is not None and (cidr is None or not fixed.subnet_of(cidr)):
        raise AddressOutOfRange(f"{fixed} is not within {cidr}", "fixed_cidr")
    return fixed


def _address(given: Mapping[str, object], name: str, kind: type[Single]) -> Single | None:
    value = given.get(name)
    if not value:
        return None
    try:
        return kind(zoneless(str(value)))
    except ValueError as error:
        raise InvalidAddress(f"{value!r} is not an address: {error}", name) from error


def _dns(given: Mapping[str, object], options: NetworkOptions) -> tuple[Address, ...]:
    found: list[Address] = []
    for name, otherwise in (("dns1", options.flat_network_dns), ("dns2", None)):
        value = given.get(name) or otherwise
        if value:
            try:
                found.append(ip_address(zoneless(str(value))))
            except ValueError as error:
                raise InvalidAddress(str(error), name) from error
    return tuple(dict.fromkeys(found))


def _flag(given: Mapping[str, object], name: str, otherwise: bool) -> bool:  # noqa: FBT001 - a default
    """True, False, or one of the words that nova took for them."""
    value = given.get(name)
    if value is None:
        return otherwise
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise InvalidError(f"{value!r} is neither true nor false", name)
    return word in _YES
