"""What a manager has its own host do for the networks that it serves there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from netwright.model.ids import Mac
from netwright.model.intent import Address
from netwright.model.leases import LeaseEvent
from netwright.nova.models import NetworkModel


class HostSide(Protocol):
    """Networks come with the host's own address as `dhcp_server`."""

    def setup(self, networks: Sequence[NetworkModel]) -> None:
        """Gateways, DHCP, router advertisements and VPN forwards are as the networks say now."""

    def teardown(self, network: NetworkModel, *, guests: bool) -> None:
        """This host serves it no more. With `guests` there are some here: the bridge stays for them."""

    def release(self, network: NetworkModel, address: Address, mac: Mac) -> None:
        """Ends the guest's lease."""

    def update_dns(self, network: NetworkModel) -> None:
        """The names of all the network's guests are known here."""

    def serves(self, network: NetworkModel) -> bool:
        """Whether the host is gateway or DHCP server of it, whoever set it up."""

    def leases(self) -> Iterator[Sequence[LeaseEvent]]:
        """What DHCP servers here told since the last time. Each lot is taken when the next is asked for."""


class AgentSide:
    """Nothing is left to do: each host's agent follows the store."""

    def setup(self, networks: Sequence[NetworkModel]) -> None:
        del networks

    def teardown(self, network: NetworkModel, *, guests: bool) -> None:
        del network, guests

    def release(self, network: NetworkModel, address: Address, mac: Mac) -> None:
        del network, address, mac

    def update_dns(self, network: NetworkModel) -> None:
        del network

    def serves(self, network: NetworkModel) -> bool:
        del network
        return False

    def leases(self) -> Iterator[Sequence[LeaseEvent]]:
        return iter(())
