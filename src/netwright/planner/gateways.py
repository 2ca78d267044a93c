"""Where a network's gateway is, as each host sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netwright.model.ids import HostName, SubnetId
from netwright.model.intent import Address, GatewayHosts, Network, Subnet
from netwright.model.plan_parts import Gateway

OwnAddresses = Mapping[tuple[HostName, SubnetId], Address]


@dataclass(frozen=True, slots=True)
class Place:
    """A network and its subnets; which host is its gateway, and which addresses hosts have of their own."""

    network: Network
    subnets: Mapping[SubnetId, Subnet]
    holder: HostName | None = None
    own: OwnAddresses = field(default_factory=dict)

    def gateway(self, host: HostName) -> Gateway:
        match self.network.gateway_hosts:
            case GatewayHosts.EVERY:
                return Gateway.EVERY
            case GatewayHosts.OWN:
                return Gateway.OWN
            case GatewayHosts.ONE:
                return Gateway.ONLY if self.holder == host else Gateway.ELSEWHERE

    def subnet(self, subnet: SubnetId, host: HostName | None) -> Subnet:
        """As guests on that host are to see it: their own host is the gateway, where each host is one."""
        found = self.subnets[subnet]
        if self.network.gateway_hosts is not GatewayHosts.OWN or found.gateway_ip is None:
            return found
        return replace(found, gateway_ip=self.own.get((host, subnet)) if host else None)

    def without_dhcp(self) -> Place:
        """Where nobody is to answer DHCP."""
        return replace(
            self, subnets={one: replace(subnet, enable_dhcp=False) for one, subnet in self.subnets.items()}
        )

    def at(self, host: HostName) -> tuple[Subnet, ...]:
        """The subnets as that host sees them."""
        return tuple(self.subnet(subnet, host) for subnet in self.subnets)
