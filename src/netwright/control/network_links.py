"""The links that a network has on every host: what they may be called, and that no two are one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from netwright.control import text
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.ids import HostName, LinkName, NetworkId
from netwright.model.intent import Network, Unplugged, Vlan
from netwright.store import hosts, networks, ports

BRIDGE: Final = "netwright:bridge"
UPLINK: Final = "provider:physical_network"
SEGMENT: Final = "provider:segmentation_id"
_LAST_VLAN: Final = 4094
_LONGEST: Final = 15
_RESERVED: Final = re.compile(r"(brq|tap|dhp|ns-).*|wg[0-9a-f]{8}-[0-9a-f]{2}|all|default|lo")
"""Netwright's own links, and what is no link's name below /proc/sys/net/ipv6/conf."""


class NetworkType(StrEnum):
    """The Networking API's provider:network_type."""

    LOCAL = "local"
    FLAT = "flat"
    VLAN = "vlan"


def bridge(name: str | None) -> LinkName | None:
    """A link name that begins with a letter and is none of those that netwright makes by itself."""
    if name is None:
        return None
    found = text.link_name(name, BRIDGE)
    if not found[0].isalpha():
        raise invalid(BRIDGE, "must begin with a letter.")
    if _RESERVED.fullmatch(found):
        raise invalid(BRIDGE, f"{found} is a name that netwright or the kernel keeps for itself.")
    return found


def type_of(network: Network) -> NetworkType:
    if network.vlan is not None:
        return NetworkType.VLAN
    return NetworkType.LOCAL if network.uplink is None else NetworkType.FLAT


def segment(work: Work, kind: NetworkType | None, number: int | None, uplink: LinkName | None) -> int | None:
    """The VLAN that a new network asks for, or one that no other has of its link.

    Raises InvalidError where type, link and VLAN do not fit, ConflictError where all are in use.
    """
    if kind is NetworkType.LOCAL and uplink is not None:
        raise invalid(UPLINK, "a local network has none.")
    if kind in {NetworkType.FLAT, NetworkType.VLAN} and uplink is None:
        raise invalid(UPLINK, f"a {kind} network needs one: the link that it is joined to.")
    if kind is not NetworkType.VLAN:
        if number is not None:
            raise invalid(SEGMENT, "only a vlan network (provider:network_type) has one.")
        return None
    if number is None and uplink is not None:
        return _free_vlan(work, uplink)
    if number is None or not 1 <= number <= _LAST_VLAN:
        raise invalid(SEGMENT, f"must be from 1 to {_LAST_VLAN}.")
    return number


def _free_vlan(work: Work, uplink: LinkName) -> int:
    """Any: who does not say which does not know what others use on the wire, either."""
    used = networks.vlans_of(work.connection, uplink)
    free = [number for number in range(1, _LAST_VLAN + 1) if number not in used]
    if not free:
        message = f"{SEGMENT}: all VLANs of {uplink} are in use."
        raise NamedConflictError("NoNetworkAvailable", message, SEGMENT)
    return work.world.rng.choice(free)


def with_links(work: Work, old: Network | None, new: Network, wanted: int | None = None) -> Network:
    """The network with its device for the VLAN `wanted`, or for the one that it has.

    Raises InvalidError, and ConflictError where a name or a VLAN is in use, or ports are plugged on a bridge
    that is to have another name.
    """
    number = new.vlan.id if new.vlan else wanted
    if number is not None:
        if new.uplink is None:
            raise invalid(UPLINK, "a vlan network needs one.")
        if new.external:
            why = "of an external network, whose link is the host's own, give the VLAN's device as the link."
            raise invalid(SEGMENT, why)
        if old is None or new.uplink != old.uplink:
            new = replace(new, vlan=_vlan(work, new, new.uplink, number))
    if old is None or (new.uplink, new.external) != (old.uplink, old.external):
        _refuse_link(work.connection, new)
    if new.bridge != (old.bridge if old else None):
        _refuse_bridge(work, old, new)
    return new


def _vlan(work: Work, network: Network, uplink: LinkName, number: int) -> Vlan:
    """Called `vlan<N>`; where that is somebody else's, after its link."""
    for record in networks.find(work.connection, {"uplink": (uplink,), "segmentation_id": (number,)}):
        if record.value.id != network.id:
            message = f"{SEGMENT}: VLAN {number} of {uplink} is network {record.value.id}'s."
            raise NamedConflictError("VlanIdInUse", message, SEGMENT)
    suffix = f".{number}"
    for name in (LinkName(f"vlan{number}"), LinkName(uplink[: _LONGEST - len(suffix)] + suffix)):
        other = _network_with(work.connection, name, network.id)
        if name != network.bridge and other is None and not any(_hosts_with(work.connection, name)):
            return Vlan(number, name)
    message = f"{SEGMENT}: hosts have other links of the names vlan{number} and {name}."
    raise NamedConflictError("VlanLinkInUse", message, SEGMENT)


def _refuse_link(connection: sa.Connection, network: Network) -> None:
    """What netwright makes for one network is not another's way out, and a link is on one bridge only."""
    if network.uplink is None:
        return
    if _RESERVED.fullmatch(network.uplink):
        raise invalid(UPLINK, f"{network.uplink} is a name that netwright or the kernel keeps for itself.")
    for column in ("bridge", "vlan_link"):
        for record in networks.find(connection, {column: (network.uplink,)}):
            message = f"{UPLINK}: {network.uplink} is a link of network {record.value.id}."
            raise NamedConflictError("UplinkInUse", message, UPLINK)
    others = networks.find(connection, {"uplink": (network.uplink,)}) if _is_flat(network) else ()
    for record in others:
        if record.value.id != network.id and _is_flat(record.value):
            message = f"{UPLINK}: {network.uplink} joins network {record.value.id}; give a VLAN of it."
            raise NamedConflictError("FlatNetworkInUse", message, UPLINK)


def _is_flat(network: Network) -> bool:
    """Whether it has the link to itself; an external network's stays the host's own."""
    return type_of(network) is NetworkType.FLAT and not network.external


def _refuse_bridge(work: Work, old: Network | None, new: Network) -> None:
    """Raises ConflictError for a name that is in use, and for a change under ports that are plugged."""
    if old and any(
        not isinstance(record.value.attachment, Unplugged)
        for record in ports.find(work.connection, {"network_id": (new.id,)})
    ):
        message = f"{BRIDGE}: ports of network {new.id} are plugged: unplug them first."
        raise NamedConflictError("BridgeInUse", message, BRIDGE)
    if new.bridge is None:
        return
    own = new.vlan is not None and new.vlan.link == new.bridge
    if own or (other := _network_with(work.connection, new.bridge, new.id)):
        message = f"{BRIDGE}: {new.bridge} is a link of network {new.id if own else other}."
        raise NamedConflictError("BridgeNameInUse", message, BRIDGE)
    for host in _hosts_with(work.connection, new.bridge):
        message = f"{BRIDGE}: host {host} has a link called {new.bridge} that is not netwright's."
        raise NamedConflictError("BridgeNameInUse", message, BRIDGE)


def _network_with(connection: sa.Connection, name: LinkName, apart_from: NetworkId) -> NetworkId | None:
    """Another network that has a link of that name on hosts, or joins one."""
    for column in ("bridge", "vlan_link", "uplink"):
        for record in networks.find(connection, {column: (name,)}):
            if record.value.id != apart_from or column == "uplink":
                return record.value.id
    return None


def _hosts_with(connection: sa.Connection, name: LinkName) -> Iterable[HostName]:
    return (host.name for host in hosts.every(connection) if name in host.facts.links)
