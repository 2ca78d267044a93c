"""What a manager has its own host do, by linux_net's functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

import structlog

from netwright.kernel import gateways
from netwright.kernel.daemons import Daemon
from netwright.kernel.lease_spool import LeaseSpool
from netwright.kernel.moves import GATEWAY_PROTOCOL
from netwright.model.errors import InvalidError
from netwright.model.ids import HostName, LinkName, Mac, NetworkId, host_bridge_mac
from netwright.model.intent import Address
from netwright.model.leases import LeaseEvent
from netwright.nova.devices import device_exists, initialize_gateway_device
from netwright.nova.dhcp import NetworkDhcpReleaseFailed, kill_dhcp, release_dhcp, update_dhcp, update_dns
from netwright.nova.dhcp_text import dhcp_path, hosts_argument
from netwright.nova.interface_drivers import get_dev, plug, unplug
from netwright.nova.l3 import load_l3
from netwright.nova.linux_host import LinuxHost
from netwright.nova.models import NetworkModel
from netwright.nova.radvd import kill_ra, update_ra

_LOG: Final = structlog.get_logger("netwright.nova")
_DRIVER: Final = "linux_net"


class LinuxSide:
    """In the network namespace of the calling thread. Raises InvalidError, KernelRefusedError."""

    def __init__(self, on: LinuxHost) -> None:
        named = on.options.network_driver
        if named.rpartition(".")[2] != _DRIVER:
            raise InvalidError(f"{named!r}: managers act by {_DRIVER}, no other module", "network_driver")
        self._on = on
        self.l3 = load_l3(on)

    def setup(self, networks: Sequence[NetworkModel]) -> None:
        """Rules are written once for all of them."""
        rules = self._on.iptables_manager
        rules.defer_apply_on()
        try:
            self.l3.initialize(networks=networks)
            for network in networks:
                self._translate(network)
        finally:
            rules.defer_apply_off()
        for network in networks:
            self._serve(network)

    def teardown(self, network: NetworkModel, *, guests: bool) -> None:
        dev = get_dev(network, on=self._on)
        kill_dhcp(dev, on=self._on)
        kill_ra(dev, on=self._on)
        if self._leads_to_vpn(network):
            self.l3.remove_vpn(
                str(network.vpn_public_address),
                network.vpn_public_port or 0,
                str(network.vpn_private_address),
            )
        if not guests:
            unplug(network, gateway=_routes(network), on=self._on)
            return
        for own in _gateway_addresses(network):
            gateways.release(LinkName(dev), own, GATEWAY_PROTOCOL)

    def release(self, network: NetworkModel, address: Address, mac: Mac) -> None:
        """One that fails is in the log: its fixed IP is free after the timeout."""
        try:
            release_dhcp(get_dev(network, on=self._on), address, mac, on=self._on)
        except NetworkDhcpReleaseFailed as failed:
            _LOG.warning("lease_not_released", address=str(address), mac=mac, said=failed.said)

    def update_dns(self, network: NetworkModel) -> None:
        update_dns(None, get_dev(network, on=self._on), network, on=self._on)

    def serves(self, network: NetworkModel) -> bool:
        dev = LinkName(get_dev(network, on=self._on))
        options = self._on.options
        pid_file = dhcp_path(options, dev, "pid")
        if not pid_file.exists() and not device_exists(dev, on=self._on):
            return False
        # Another network of the same bridge may have its DHCP server here.
        daemon = Daemon(pid_file, hosts_argument(options, dev))
        own = [str(one.ip) for one in _gateway_addresses(network)]
        listens = any(f"--listen-address={address}" in daemon.words() for address in own)
        return listens or any(gateways.holds(dev, address) for address in own)

    def leases(self) -> Iterator[Sequence[LeaseEvent]]:
        spool = LeaseSpool(self._on.options.lease_directory)
        while (taken := spool.take()).lines:
            yield taken.events
            spool.done(taken)

    def _translate(self, network: NetworkModel) -> None:
        if network.enable_dhcp and network.cidr is not None:
            external = network.dhcp_server is not None and network.dhcp_server != network.gateway
            self.l3.initialize_network(str(network.cidr), external)

    def _serve(self, network: NetworkModel) -> None:
        if network.cidr is not None:
            self.l3.initialize_gateway(network)
        else:
            mac = host_bridge_mac(NetworkId(network.uuid), HostName(self._on.options.host))
            dev = plug(network, mac, gateway=_routes(network), on=self._on)
            initialize_gateway_device(dev, network, on=self._on)
        dev = get_dev(network, on=self._on)
        if network.enable_dhcp and network.cidr is not None:
            update_dhcp(None, dev, network, on=self._on)
        if self._on.options.use_ipv6 and network.enable_dhcp:
            update_ra(None, dev, network, on=self._on)
        if self._leads_to_vpn(network):
            self.l3.add_vpn(
                str(network.vpn_public_address),
                network.vpn_public_port or 0,
                str(network.vpn_private_address),
            )

    def _leads_to_vpn(self, network: NetworkModel) -> bool:
        """Another public address is another machine's."""
        public = str(network.vpn_public_address) == self._on.options.vpn_address
        return public and network.vpn_public_port is not None and network.vpn_private_address is not None


def _routes(network: NetworkModel) -> bool:
    """Whether the network has a gateway at all."""
    return network.gateway is not None or network.gateway_v6 is not None


def _gateway_addresses(network: NetworkModel) -> list[IPv4Interface | IPv6Interface]:
    found: list[IPv4Interface | IPv6Interface] = []
    if network.cidr is not None and network.dhcp_server is not None:
        found.append(IPv4Interface((network.dhcp_server, network.cidr.prefixlen)))
    if network.cidr_v6 is not None and network.gateway_v6 is not None:
        found.append(IPv6Interface((network.gateway_v6, network.cidr_v6.prefixlen)))
    return found
