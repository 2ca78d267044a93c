"""The host's own end of a network on Open vSwitch's integration bridge: a link that the switch makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.kernel import devices
from netwright.kernel.ovs import DRIVER, OvsPort
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName, Mac
from netwright.nova.devices import asked_mtu
from netwright.nova.fake_network import pretended
from netwright.nova.forward_rules import add_forward_rules, remove_all_forward_rules, remove_forward_rules
from netwright.nova.given import link_name, mac_of, vlan_of
from netwright.nova.interface_drivers import LinuxNetInterfaceDriver
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import NetworkRef, parse_network
from netwright.nova.neutron_bridge_driver import DEV_NAME_LEN
from netwright.nova.ovs_ports import changing_ovs, flows_of, ovs_of


class LinuxOVSInterfaceDriver(LinuxNetInterfaceDriver):
    """The link `gw-<id>` on linuxnet_ovs_integration_bridge: an access port of the network's VLAN, if any."""

    GATEWAY_INTERFACE_PREFIX: Final = "gw-"

    def plug(
        self,
        network: object,
        mac_address: str,
        gateway: bool = True,  # noqa: FBT001, FBT002 - the old signature
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The link, up. Without `gateway` it is for DHCP only, and the host forwards nothing there.

        Filters are in before the first packet can pass. Raises InvalidError, and
        OvsConfigurationFailure with what Open vSwitch said.
        """
        host, ref = current(on), parse_network(network)
        dev, mac = self.get_dev(network), mac_of(mac_address, "mac_address")
        port = _port(host, ref, dev, mac)
        if pretended(host, "plug", bridge=port.bridge, dev=dev):
            return dev
        with changing_ovs():
            there = _own(host, dev)
        if there is not None:  # and plugged for the other purpose, perhaps
            remove_forward_rules(host, dev, gateway=not gateway)
        add_forward_rules(host, dev, gateway=gateway)
        host.iptables_manager.apply()
        with changing_ovs():
            number = ovs_of(host).put(port)
            flows_of(host).put(port.bridge, dev, () if gateway else _only_dhcp(number, mac))
        devices.set_up(dev)
        return dev

    def unplug(
        self,
        network: object,
        gateway: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The link's name; it is gone, with its flows, and its rules of either kind.

        Raises InvalidError, KernelRefusedError.
        """
        del gateway
        host, dev = current(on), self.get_dev(network)
        if pretended(host, "unplug", dev=dev):
            return dev
        with changing_ovs():
            there = _own(host, dev)
            if there is not None:
                if devices.exists(dev):
                    devices.set_up(dev, up=False)
                # Before the port: its number may soon be another's.
                flows_of(host).remove(there.bridge, dev)
                ovs_of(host).remove(dev, there.bridge)
        remove_all_forward_rules(host, dev)
        host.iptables_manager.apply()
        return dev

    def get_dev(self, network: object, *, on: LinuxHost | None = None) -> LinkName:
        """`gw-` and 11 characters of the network's id. Raises InvalidError."""
        del on
        ref = parse_network(network)
        if not ref.uuid:
            raise InvalidError("the network has no id", "network.uuid")
        return link_name(f"{self.GATEWAY_INTERFACE_PREFIX}{ref.uuid[:DEV_NAME_LEN]}", "network.uuid")


def _own(host: LinuxHost, dev: LinkName) -> OvsPort | None:
    """The port as it is. Raises KernelRefusedError where neither netwright nor nova made it."""
    there = ovs_of(host).find(dev)
    if there is None or there.is_ours or there.external_ids.get("iface-id") == dev:
        return there
    raise KernelRefusedError(
        DRIVER, f"port {dev} on bridge {there.bridge} is not netwright's; remove it there"
    )


def _port(host: LinuxHost, ref: NetworkRef, dev: LinkName, mac: Mac) -> OvsPort:
    return OvsPort(
        link_name(host.options.linuxnet_ovs_integration_bridge, "linuxnet_ovs_integration_bridge"),
        dev,
        "internal",
        external_ids={"iface-id": dev, "iface-status": "active", "attached-mac": mac},
        tag=None if ref.vlan is None else vlan_of(ref.vlan, "network.vlan"),
        mac=mac,
        mtu=asked_mtu(host, ref.mtu),
    )


def _only_dhcp(number: int, mac: Mac) -> Sequence[str]:
    """What the link, `number` on its bridge, may send, and get by its MAC; the higher priority wins."""
    return (
        f"priority=2,in_port={number},udp,tp_src=67,actions=normal",
        f"priority=2,in_port={number},arp,actions=normal",
        f"priority=1,in_port={number},actions=drop",
        f"priority=2,udp,tp_dst=67,dl_dst={mac},actions=normal",
        f"priority=2,arp,dl_dst={mac},actions=normal",
        f"priority=1,dl_dst={mac},actions=drop",
    )
