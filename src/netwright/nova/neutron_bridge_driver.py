"""A network's bridge as Neutron's Linux bridge agent names it, with the host's gateway device on it."""

from __future__ import annotations

from typing import Final

from netwright.kernel import devices
from netwright.kernel.devices import is_ours
from netwright.kernel.gateways import hold
from netwright.kernel.moves import GATEWAY_PROTOCOL
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.bridge_driver import delete_own
from netwright.nova.devices import asked_mtu, create_tap_dev, set_device_mtu
from netwright.nova.fake_network import pretended
from netwright.nova.forward_rules import add_forward_rules, remove_all_forward_rules
from netwright.nova.gateway_refs import gateway_of
from netwright.nova.given import link_name, mac_of
from netwright.nova.interface_drivers import LinuxNetInterfaceDriver
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import NetworkRef, parse_network

DEV_NAME_LEN: Final = 11
"""Characters of the network's id in names."""


class NeutronLinuxBridgeInterfaceDriver(LinuxNetInterfaceDriver):
    """The tap `gw-<id>`, which nobody opens, on the bridge `brq<id>`, which has the DHCP server's address."""

    BRIDGE_NAME_PREFIX: Final = "brq"
    GATEWAY_INTERFACE_PREFIX: Final = "gw-"

    def plug(
        self,
        network: object,
        mac_address: str,
        gateway: bool = True,  # noqa: FBT001, FBT002 - the old signature
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The gateway device; the bridge's name where the host is no gateway, and nothing is made then.

        Filters are in before the first packet can pass. Raises InvalidError, KernelRefusedError.
        """
        host, ref = current(on), parse_network(network)
        dev, bridge, mac = self.get_dev(network), self.get_bridge(network), mac_of(mac_address, "mac_address")
        size, there = asked_mtu(host, ref.mtu), devices.find(bridge)
        # A bridge of Neutron's own gets no address.
        own = gateway_of(ref) if gateway and (there is None or is_ours(there)) else None
        if pretended(host, "plug", bridge=bridge, dev=dev):
            return dev if gateway else bridge
        add_forward_rules(host, bridge, gateway=gateway)
        host.iptables_manager.apply()
        if not gateway:
            return bridge
        create_tap_dev(dev, mac, on=host)
        with turn("linux_net-bridge"):
            state = devices.ensure_bridge(bridge, mac)
            devices.join(devices.require(dev), state)
        set_device_mtu(bridge, size, on=host)
        if own is not None and is_ours(state):
            hold(bridge, own, GATEWAY_PROTOCOL)
        return dev

    def unplug(
        self,
        network: object,
        gateway: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> str | None:
        """The gateway device, None where there was none; its rules go, and the bridge if nobody is on it.

        Rules of either kind, whatever `gateway` says. Raises InvalidError, KernelRefusedError.
        """
        del gateway
        host, dev, bridge = current(on), self.get_dev(network), self.get_bridge(network)
        if pretended(host, "unplug", bridge=bridge, dev=dev):
            return dev
        with turn("linux_net-bridge"):
            gone = devices.delete(dev)
            state = devices.find(bridge)
            if state is not None and not devices.ports_of(state):
                delete_own(bridge)
        remove_all_forward_rules(host, bridge)
        host.iptables_manager.apply()
        return dev if gone else None

    def get_dev(self, network: object, *, on: LinuxHost | None = None) -> LinkName:
        """`gw-` and 11 characters of the network's id. Raises InvalidError."""
        del on
        return _named(self.GATEWAY_INTERFACE_PREFIX, parse_network(network))

    def get_bridge(self, network: object) -> LinkName:
        """`brq` and 11 characters of the network's id. Raises InvalidError."""
        return _named(self.BRIDGE_NAME_PREFIX, parse_network(network))


def _named(prefix: str, ref: NetworkRef) -> LinkName:
    if not ref.uuid:
        raise InvalidError("the network has no id", "network.uuid")
    return link_name(f"{prefix}{ref.uuid[:DEV_NAME_LEN]}", "network.uuid")
