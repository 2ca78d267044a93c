"""What nova-network kept of floating IPs, and the Networking API has no place for."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from netwright.model.ids import FloatingIpId, HostName, PortId


@dataclass(frozen=True, slots=True)
class Moving:
    """Between two hosts: it is on neither until its instance has arrived."""

    port_id: PortId
    fixed_address: IPv4Address
    left_host: HostName | None
    since: int
    """The generation at which it left: a host that reports this one, or a later one, has it no more."""


@dataclass(frozen=True, slots=True)
class ClassicFloatingIp:
    """The rest of a row of nova's floating_ips; the address and whose it is are the floating IP's own."""

    id: FloatingIpId
    auto_assigned: bool = False
    """It came with its instance, goes with it, and does not count against the project's quota."""
    moving: Moving | None = None
