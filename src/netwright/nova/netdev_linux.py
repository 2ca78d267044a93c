"""Linux's links over linux_net's own calls, by the platforms' common names."""

from __future__ import annotations

from netwright.kernel import devices as links
from netwright.kernel.turns import turn
from netwright.nova import devices
from netwright.nova.bridge_driver import LinuxBridgeInterfaceDriver
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name
from netwright.nova.linux_host import LinuxHost
from netwright.nova.netdev import NetDevDriver


class LinuxNetDevDriver(NetDevDriver):
    """In the namespace of the calling thread. Firewall rules are not its business."""

    def __init__(self, on: LinuxHost | None = None) -> None:
        self._on = on

    def device_exists(self, dev: str) -> bool:
        return devices.device_exists(dev, on=self._on)

    def delete_net_dev(self, dev: str) -> None:
        devices.delete_net_dev(dev, on=self._on)

    def set_device_mtu(self, dev: str, mtu: int | None = None) -> None:
        devices.set_device_mtu(dev, mtu, on=self._on)

    def create_tap_dev(self, dev: str, mac_address: str | None = None) -> None:
        devices.create_tap_dev(dev, mac_address, on=self._on)

    def create_pair(self, dev1_name: str, dev2_name: str, mtu: int | None = None) -> None:
        devices.create_veth_pair(dev1_name, dev2_name, mtu, on=self._on)

    def ensure_vlan(
        self,
        vlan_num: int,
        bridge_interface: str,
        mac_address: str | None = None,
        mtu: int | None = None,
        interface: str | None = None,
    ) -> str:
        return LinuxBridgeInterfaceDriver.ensure_vlan(
            vlan_num, bridge_interface, mac_address, mtu, interface, on=self._on
        )

    def remove_vlan(self, vlan_num: int) -> None:
        LinuxBridgeInterfaceDriver.remove_vlan(vlan_num, on=self._on)

    def ensure_bridge(self, bridge: str, interface: str | None = None) -> None:
        LinuxBridgeInterfaceDriver.ensure_bridge(bridge, interface, filtering=False, on=self._on)

    def remove_bridge(self, bridge: str) -> None:
        LinuxBridgeInterfaceDriver.remove_bridge(bridge, filtering=False, on=self._on)

    def join_bridge(self, bridge: str, dev: str) -> None:
        name, port = link_name(bridge, "bridge"), link_name(dev, "dev")
        if not pretended(self._on, "join_bridge", bridge=name, dev=port):
            with turn("linux_net-bridge"):
                links.join(links.require(port), links.require(name))

    def initialize_gateway_device(self, dev: str, network_ref: object) -> None:
        devices.initialize_gateway_device(dev, network_ref, on=self._on)

    def bind_floating_ip(self, floating_ip: str, device: str) -> None:
        devices.bind_floating_ip(floating_ip, device, on=self._on)

    def unbind_floating_ip(self, floating_ip: str, device: str) -> None:
        devices.unbind_floating_ip(floating_ip, device, on=self._on)

    def enable_forwarding(self, version: int) -> None:
        devices.enable_forwarding(version, on=self._on)
