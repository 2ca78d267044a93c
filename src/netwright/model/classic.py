"""What nova-network kept of networks and fixed IPs, and the Networking API has no place for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from netwright.model.ids import HostName, LinkName, Mac, NetworkId, PortId, ProjectId, SubnetId
from netwright.model.intent import Address


@dataclass(frozen=True, slots=True)
class ClassicNetwork:
    """The rest of a row of nova's networks; label, MTU, prefixes and name servers are the network's own."""

    network_id: NetworkId
    number: int
    """nova's id, which never changes; the lowest is 1."""
    bridge: LinkName | None = None
    bridge_interface: LinkName | None = None
    vlan: int | None = None
    injected: bool = False
    multi_host: bool = False
    share_address: bool = False
    enable_dhcp: bool = True
    gateway: IPv4Address | None = None
    """What guests are told. The host holds `dhcp_server`, which may be another."""
    gateway_v6: IPv6Address | None = None
    dhcp_server: IPv4Address | None = None
    dhcp_start: IPv4Address | None = None
    vpn_public_address: IPv4Address | None = None
    vpn_public_port: int | None = None
    vpn_private_address: IPv4Address | None = None
    rxtx_base: int | None = None
    priority: int | None = None
    project_id: ProjectId | None = None
    """Whose it is; None: nobody's."""
    host: HostName | None = None
    """Who is gateway and DHCP server of a network that is not multi_host; None: nobody yet."""


class Life(Enum):
    """What a fixed IP that is in use is in use for."""

    RESERVED = "reserved"
    """Set aside by an operator, and nobody's."""
    HOST = "host"
    """A host's own, as gateway and DHCP server of its guests."""
    ALLOCATED = "allocated"
    """An interface's."""
    WAITING = "waiting"
    """Given back, and kept from others until the guest's lease has ended."""


@dataclass(frozen=True, slots=True)
class ClassicFixedIp:
    """A fixed IP that is not free. Of one that is WAITING the interface may be gone: this is what it was."""

    network_id: NetworkId
    subnet_id: SubnetId
    address: Address
    life: Life
    updated_at: datetime
    instance_uuid: str | None = None
    port_id: PortId | None = None
    """The interface's, whether or not it is still there."""
    mac: Mac | None = None
    hostname: str = ""
    nic: int = 0
    """The interface's place among its instance's, in the order in which they were made."""
    host: HostName | None = None
    """The instance's; of Life.HOST, whose it is."""
    project_id: ProjectId | None = None
    leased: bool = False
    """Whether a DHCP server said that the guest has it."""
    reserved: bool = False
    """Goes back to Life.RESERVED once it is given back: the VPN's private address."""
