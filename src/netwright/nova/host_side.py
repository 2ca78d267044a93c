"""What a manager has its own host do for the networks that it serves there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from netwright.model.ids import Mac
from netwright.model.intent import Address
from netwright.nova.models import NetworkModel


class HostSide(Protocol):
    """Networks come with the host's own address as `dhcp_server`."""

    def initialize(self, networks: Sequence[NetworkModel]) -> None:
        """Once, at the start, before any is set up: what the host has for all of them."""

    def setup(self, network: NetworkModel) -> None:
        """Gateway, DHCP, router advertisements and the VPN's forward are as the network says now."""

    def teardown(self, network: NetworkModel) -> None:
        """This host serves it no more."""

    def release(self, network: NetworkModel, address: Address, mac: Mac) -> None:
        """Ends the guest's lease."""

    def update_dns(self, network: NetworkModel) -> None:
        """The names of all the network's guests are known here."""

    def serves(self, network: NetworkModel) -> bool:
        """Whether the host has something of it, whoever set it up."""


class AgentSide:
    """Nothing is left to do: each host's agent follows the store."""

    def initialize(self, networks: Sequence[NetworkModel]) -> None:
        del networks

    def setup(self, network: NetworkModel) -> None:
        del network

    def teardown(self, network: NetworkModel) -> None:
        del network

    def release(self, network: NetworkModel, address: Address, mac: Mac) -> None:
        del network, address, mac

    def update_dns(self, network: NetworkModel) -> None:
        del network

    def serves(self, network: NetworkModel) -> bool:
        del network
        return False
