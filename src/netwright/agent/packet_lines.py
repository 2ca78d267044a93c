"""A logged packet as a line of JSON: what is in its headers, whose it was, which rule let it through."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from netwright.kernel.nflog import LoggedPacket
from netwright.model.ids import GroupId, HostName, LinkName
from netwright.model.intent import (
    ICMP,
    PORTED,
    Direction,
    Icmp,
    PortRange,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.intent import IpProtocol as Protocol
from netwright.model.plan import GroupItem, PortItem, RulePlan
from netwright.render.firewall_logs import Action, Logged, read_prefix
from netwright.render.verdicts import IsMember, Opening, allows

Line = dict[str, object]
_IPV4, _IPV6 = 0x0800, 0x86DD
_KNOWN: Final = {_IPV4: "IPv4", _IPV6: "IPv6", 0x0806: "ARP"}
_EXTENSIONS: Final = frozenset({0, 43, 60})
_FRAGMENT: Final = 44


@dataclass(frozen=True, slots=True)
class Around:
    """What the agent knows of the host; asked from the log's own thread."""

    host: HostName
    port_on: Callable[[LinkName], PortItem | None]
    group: Callable[[GroupId], GroupItem | None]
    is_member: IsMember


def line_of(packet: LoggedPacket, around: Around, now: float) -> bytes | None:
    """One line with its newline, ASCII only; None for a packet that none of our rules logged.

    `now` in seconds since 1970.
    """
    logged = read_prefix(packet.prefix)
    if logged is None:
        return None
    link = packet.link_out if logged.direction is Direction.INGRESS else packet.link_in
    port = around.port_on(link)
    headers = dict(_headers(packet))
    told: Line = {
        "time": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "host": around.host,
        "log_id": logged.log,
        "action": logged.action,
        "direction": logged.direction,
        "port_id": port.id if port else None,
        "project_id": port.project_id if port else None,
        "security_group_ids": list(port.groups) if port else [],
        "rule": _rule(logged, port, headers, around),
        **headers,
    }
    return json.dumps(told, ensure_ascii=True).encode() + b"\n"


def _headers(packet: LoggedPacket) -> Iterator[tuple[str, object]]:
    mac = packet.mac_header
    yield "source_mac", mac[6:12].hex(":") if len(mac) >= 12 else None
    yield "destination_mac", mac[:6].hex(":") if len(mac) >= 12 else None
    yield "ethertype", _KNOWN.get(packet.ethertype, f"{packet.ethertype:#06x}")
    data = packet.payload
    if packet.ethertype == _IPV4 and len(data) >= 20:
        later = struct.unpack_from(">H", data, 6)[0] & 0x1FFF
        yield from _addressed(data[12:16], data[16:20], struct.unpack_from(">H", data, 2)[0])
        yield from _transport(data[9], data[(data[0] & 15) * 4 :], whole=not later)
    elif packet.ethertype == _IPV6 and len(data) >= 40:
        yield from _addressed(data[8:24], data[24:40], 40 + struct.unpack_from(">H", data, 4)[0])
        yield from _transport(*_past_extensions(data))


def _addressed(source: bytes, target: bytes, length: int) -> Iterator[tuple[str, object]]:
    yield "source", str(ip_address(source))
    yield "destination", str(ip_address(target))
    yield "length", length


def _past_extensions(data: bytes) -> tuple[int, bytes, bool]:
    """The upper protocol, its header, and whether it is there: later fragments have none."""
    protocol, at, whole = data[6], 40, True
    while (protocol in _EXTENSIONS or protocol == _FRAGMENT) and at + 8 <= len(data):
        if protocol == _FRAGMENT:
            whole = whole and not struct.unpack_from(">H", data, at + 2)[0] & 0xFFF8
            length = 8
        else:
            length = (data[at + 1] + 1) * 8
        protocol, at = data[at], at + length
    return protocol, data[at:], whole


def _transport(protocol: int, data: bytes, whole: bool) -> Iterator[tuple[str, object]]:  # noqa: FBT001 - after *
    yield "protocol", protocol
    if not whole:
        return
    if protocol in PORTED and len(data) >= 4:
        source, target = struct.unpack_from(">HH", data)
        yield "source_port", source
        yield "destination_port", target
    elif protocol in ICMP.values() and len(data) >= 2:
        yield "icmp_type", data[0]
        yield "icmp_code", data[1]


def _rule(
    logged: Logged, port: PortItem | None, headers: Mapping[str, object], around: Around
) -> Line | None:
    """The rule that let the packet through, as the plan has it now."""
    opening = _opening(logged.direction, headers)
    if logged.action is Action.DROP or port is None or opening is None:
        return None
    for group_id in port.groups:
        group = around.group(group_id)
        for rule in group.rules if group else ():
            if allows((rule,), opening, around.is_member):
                return {"security_group_id": group_id, **_told(rule)}
    return None


def _opening(direction: Direction, headers: Mapping[str, object]) -> Opening | None:
    remote = headers.get("source" if direction is Direction.INGRESS else "destination")
    numbers = [headers.get(name) for name in ("protocol", "destination_port", "icmp_type", "icmp_code")]
    protocol, port, kind, code = (one if isinstance(one, int) else 0 for one in numbers)
    if not isinstance(remote, str):
        return None
    return Opening(direction, ip_address(remote), protocol, port, (kind, code))


def _told(rule: RulePlan) -> Line:
    """A rule in the Networking API's words."""
    told: Line = {"direction": rule.direction, "ethertype": rule.ethertype}
    match rule.match:
        case PortRange(number, first, last):
            told |= {"protocol": number, "port_range_min": first, "port_range_max": last}
        case Protocol(number):
            told |= {"protocol": number}
        case Icmp(kind, code):
            told |= {"protocol": "icmp", "port_range_min": kind, "port_range_max": code}
        case _:
            told |= {"protocol": None}
    match rule.remote:
        case RemotePrefix(prefix):
            told |= {"remote_ip_prefix": str(prefix)}
        case RemoteGroup(group):
            told |= {"remote_group_id": group}
        case RemoteAddressGroup(address_group):
            told |= {"remote_address_group_id": address_group}
        case _:
            pass
    return told
