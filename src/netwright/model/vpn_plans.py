"""What a host does for a project's VPN: forwards a port of its own, or ends WireGuard."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True, slots=True)
class ForwardPlan:
    """The public port is the guest's: its address and UDP port."""

    private_address: IPv4Address
    private_port: int


@dataclass(frozen=True, slots=True)
class PeerPlan:
    """Who may come in: a WireGuard key, and the address that its packets have inside."""

    public_key: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class WireGuardPlan:
    """The host ends the VPN: on a link of its own, which listens at the public port."""

    private_key: str = field(repr=False)
    mtu: int
    range: IPv4Network
    """Where all peers' addresses are from."""
    peers: tuple[PeerPlan, ...] = ()


VpnWay = ForwardPlan | WireGuardPlan
