"""Rows of nova-network's database -> values. Pure; what cannot be is an InvalidError that says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from uuid import UUID

from netwright.control import text
from netwright.control.address_ranges import Run, joined, pool_of, without
from netwright.control.classic_networks import ClassicRequest
from netwright.control.rules import RuleRequest
from netwright.model.classic import ClassicNetwork
from netwright.model.errors import InvalidError
from netwright.model.ids import GroupId, LinkName, NetworkId, PortId
from netwright.model.intent import Address, Direction, EtherType, Ipv6Mode, Pool, Prefix
from netwright.nova.given import link, number, parsed, text_of, zoneless
from netwright.nova.import_read import OldRow

MOST_POOLS: Final = 32
_MOST_KEPT: Final = 65536
_ANY_PORT: Final = -1
_PORTS: Final = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Given:
    """What of a network's addresses is given out, and which within that are not."""

    pools: tuple[Pool, ...]
    kept: tuple[IPv4Address, ...] = ()


def uuid_of(row: OldRow, name: str = "uuid") -> str:
    """In nova's own spelling."""
    found = text_of(row, name, "row")
    try:
        return str(UUID(found))
    except ValueError as error:
        raise InvalidError(f"{found[:40]!r} is not a UUID", name) from error


def network_id(row: OldRow) -> NetworkId:
    return NetworkId(uuid_of(row))


def port_id(row: OldRow) -> PortId:
    return PortId(uuid_of(row))


def address(row: OldRow) -> Address:
    found = text_of(row, "address", "row")
    try:
        return ip_address(zoneless(found))
    except ValueError as error:
        raise InvalidError(f"{found[:60]!r} is not an address", "address") from error


def is_set(row: OldRow, name: str) -> bool:
    """Databases have 0, "0" and False for the same."""
    return str(row.get(name) or "0").lower() not in {"0", "false"}


def network_request(row: OldRow, given: Given) -> ClassicRequest:
    """The network as it was, with its uuid and number. Raises InvalidError."""
    cidr = parsed(row, "cidr", IPv4Network, "networks")
    cidr_v6 = parsed(row, "cidr_v6", IPv6Network, "networks")
    if cidr is None and cidr_v6 is None:
        raise InvalidError("has neither cidr nor cidr_v6", "cidr")
    gateway = parsed(row, "gateway", IPv4Address, "networks")
    server = parsed(row, "dhcp_server", IPv4Address, "networks") or gateway
    project, host = text_of(row, "project_id", "networks"), text_of(row, "host", "networks")
    serves = server is not None or cidr is None
    vlan = number(row, "vlan", "networks")
    if vlan is not None and not 1 <= vlan <= 4094:
        raise InvalidError(f"there is no VLAN {vlan}", "vlan")
    classic = ClassicNetwork(
        network_id=NetworkId(""),
        number=number(row, "id", "networks") or 0,
        bridge=_link(row, "bridge"),
        bridge_interface=_link(row, "bridge_interface"),
        vlan=vlan,
        injected=is_set(row, "injected"),
        multi_host=is_set(row, "multi_host"),
        share_address=is_set(row, "share_address"),
        enable_dhcp=row.get("enable_dhcp") is None or is_set(row, "enable_dhcp"),
        gateway=gateway,
        gateway_v6=parsed(row, "gateway_v6", IPv6Address, "networks"),
        dhcp_server=server,
        dhcp_start=parsed(row, "dhcp_start", IPv4Address, "networks"),
        vpn_public_address=parsed(row, "vpn_public_address", IPv4Address, "networks"),
        vpn_public_port=_vpn_port(row),
        vpn_private_address=parsed(row, "vpn_private_address", IPv4Address, "networks"),
        rxtx_base=number(row, "rxtx_base", "networks"),
        priority=number(row, "priority", "networks"),
        project_id=text.project(project) if project else None,
        host=text.host_name(host, "host") if host else None,
    )
    return ClassicRequest(
        label=text.line(text_of(row, "label", "networks"), "label"),
        classic=classic,
        cidr=cidr,
        cidr_v6=cidr_v6,
        pools=given.pools,
        dns=tuple(_dns(row)),
        mtu=number(row, "mtu", "networks"),
        serves=serves,
        by_agents=True,
        ipv6_mode=Ipv6Mode.SLAAC,
        network_id=network_id(row),
    )


def given_out(row: OldRow, runs: Sequence[Run]) -> Given:
    """`runs`: the addresses of rows that are not reserved. Without any, all that nova gave out by itself."""
    cidr = parsed(row, "cidr", IPv4Network, "networks")
    if cidr is None:
        return Given(())
    used = [
        int(one)
        for name in ("gateway", "dhcp_server", "vpn_private_address")
        if (one := parsed(row, name, IPv4Address, "networks")) is not None
    ]
    within = (int(cidr.network_address) + 1, int(cidr.broadcast_address) - 1)
    first = parsed(row, "dhcp_start", IPv4Address, "networks") or cidr.network_address + 2
    found = joined(runs) or [(int(first), within[1])]
    for cut in ((0, within[0] - 1), (within[1] + 1, (1 << 32) - 1), *((one, one) for one in used)):
        found = without(found, cut)
    if len(found) <= MOST_POOLS:
        return Given(tuple(map(pool_of, found)))
    return _spanned(found, used)


def _spanned(found: Sequence[Run], used: Sequence[int]) -> Given:
    """One pool over all, and the addresses between its parts kept from it."""
    whole = [(found[0][0], found[-1][1])]
    for one in used:
        whole = without(whole, (one, one))
    between = whole
    for run in found:
        between = without(between, run)
    if sum(last - first + 1 for first, last in between) > _MOST_KEPT:
        raise InvalidError(f"its fixed IPs are in {len(found)} parts, too far from each other", "fixed_ips")
    kept = (IPv4Address(one) for first, last in between for one in range(first, last + 1))
    return Given(tuple(map(pool_of, whole)), tuple(kept))


def rule_requests(row: OldRow, group: GroupId, remote: GroupId | None) -> list[RuleRequest]:
    """nova's rules let in; one with a group as its source is for both families."""
    protocol = text_of(row, "protocol", "rule").lower() or None
    if protocol == "-1":
        protocol = None
    if protocol not in {None, "tcp", "udp", "icmp"}:
        raise InvalidError(f"there is no protocol {protocol!r}", "protocol")
    prefix = None if remote is not None else _source(row)
    kinds = list(EtherType) if remote is not None else [_family(prefix)]
    return [_rule(row, RuleRequest(group, direction=Direction.INGRESS, ethertype=kind, remote_prefix=prefix,
                                   remote_group_id=remote), protocol) for kind in kinds]  # fmt: skip


def _rule(row: OldRow, bare: RuleRequest, protocol: str | None) -> RuleRequest:
    low, high = (number(row, name, "rule") for name in ("from_port", "to_port"))
    if protocol == "icmp" and bare.ethertype is EtherType.IPV6:
        protocol = "ipv6-icmp"
    whole = low in {None, _ANY_PORT} and high in {None, _ANY_PORT}
    every_port = protocol in {"tcp", "udp"} and (low, high) == (1, 65535)
    if protocol is None or whole or every_port:
        low = high = None
    return RuleRequest(
        group_id=bare.group_id,
        direction=bare.direction,
        ethertype=bare.ethertype,
        protocol=protocol,
        port_range_min=None if low == _ANY_PORT else low,
        port_range_max=None if high == _ANY_PORT else high,
        remote_prefix=bare.remote_prefix,
        remote_group_id=bare.remote_group_id,
    )


def _source(row: OldRow) -> Prefix:
    found = text_of(row, "cidr", "rule") or "0.0.0.0/0"
    try:
        prefix = ip_network(zoneless(found), strict=False)
        ends = ip_address(found.partition("/")[0])
    except ValueError as error:
        raise InvalidError(f"{found[:60]!r} is not a prefix", "cidr") from error
    if prefix.prefixlen == 0 and int(ends):
        raise InvalidError(f"{found!r} would be everybody", "cidr")
    return prefix


def _family(prefix: Prefix | None) -> EtherType:
    return EtherType.IPV6 if prefix is not None and prefix.version == 6 else EtherType.IPV4


def _link(row: OldRow, name: str) -> LinkName | None:
    return link(row, name, "networks")


def _vpn_port(row: OldRow) -> int | None:
    found = number(row, "vpn_public_port", "networks")
    if found is not None and found not in _PORTS:
        raise InvalidError(f"there is no port {found}", "vpn_public_port")
    return found


def _dns(row: OldRow) -> Iterator[Address]:
    for name in ("dns1", "dns2"):
        found = text_of(row, name, "networks")
        if found:
            try:
                yield ip_address(zoneless(found))
            except ValueError as error:
                raise InvalidError(str(error), name) from error
