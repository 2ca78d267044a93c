"""The links that a network has on every host: what they may be called, and that no two are one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from netwright.control import text
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.ids import HostName, LinkName, NetworkId
from netwright.model.intent import Network, Unplugged
from netwright.store import hosts, networks, ports

BRIDGE: Final = "netwright:bridge"
_RESERVED: Final = re.compile(r"(brq|tap|dhp|ns-).*|all|default|lo")
"""Netwright's own links, and what is no link's name below /proc/sys/net/ipv6/conf."""


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


def refuse_bridge(work: Work, old: Network | None, new: Network) -> None:
    """Raises ConflictError for a name that is in use, and for a change under ports that are plugged."""
    if new.bridge == (old.bridge if old else None):
        return
    if old and any(
        not isinstance(record.value.attachment, Unplugged)
        for record in ports.find(work.connection, {"network_id": (new.id,)})
    ):
        message = f"{BRIDGE}: ports of network {new.id} are plugged: unplug them first."
        raise NamedConflictError("BridgeInUse", message, BRIDGE)
    if new.bridge is None:
        return
    if other := _network_with(work.connection, new.bridge, new.id):
        message = f"{BRIDGE}: {new.bridge} is a link of network {other}."
        raise NamedConflictError("BridgeNameInUse", message, BRIDGE)
    for host in _hosts_with(work.connection, new.bridge):
        message = f"{BRIDGE}: host {host} has a link called {new.bridge} that is not netwright's."
        raise NamedConflictError("BridgeNameInUse", message, BRIDGE)


def _network_with(connection: sa.Connection, name: LinkName, apart_from: NetworkId) -> NetworkId | None:
    """Another network that has a link of that name on hosts, or joins one."""
    for column in ("bridge", "uplink"):
        for record in networks.find(connection, {column: (name,)}):
            if record.value.id != apart_from or column == "uplink":
                return record.value.id
    return None


def _hosts_with(connection: sa.Connection, name: LinkName) -> Iterable[HostName]:
    return (host.name for host in hosts.every(connection) if name in host.facts.links)
