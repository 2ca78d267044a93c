"""Where linux_net's DHCP functions learn who has which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from netwright.model.ids import Mac


@dataclass(frozen=True, slots=True)
class FixedAddress:
    """A fixed IP of an instance (nova's fixed_ips joined with its virtual interface and instance)."""

    address: IPv4Address
    mac: Mac
    hostname: str
    instance_uuid: str
    instance_host: str
    vif_id: str
    """The virtual interface's id, as it stands in tags: `NW-<vif id>`."""
    allocated: bool
    leased: bool
    default_route: bool
    """Whether the interface is its instance's first."""


class AddressSource(Protocol):
    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        """The network's, by address; with `host` those of instances there only."""


class NoAddresses:
    """Nobody has any."""

    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        del network_id, host
        return ()
