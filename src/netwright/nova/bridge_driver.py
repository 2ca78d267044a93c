"""A network's bridge on a host, and the VLAN or the uplink that joins it to other hosts."""

from __future__ import annotations

import structlog

from netwright.kernel import devices
from netwright.kernel.devices import UPLINK_MARK
from netwright.kernel.rtnetlink import LinkState
from netwright.kernel.turns import turn
from netwright.kernel.uplinks import Uplinks
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.host import Uplink
from netwright.model.ids import LinkName
from netwright.nova.devices import asked_mtu, set_device_mtu
from netwright.nova.ebtables import isolate_dhcp_address, remove_isolate_dhcp_address
from netwright.nova.fake_network import pretended
from netwright.nova.forward_rules import add_forward_rules, remove_all_forward_rules
from netwright.nova.given import link_name, mac_of, vlan_of
from netwright.nova.interface_drivers import LinuxNetInterfaceDriver
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import NetworkRef, parse_network

_LOG = structlog.get_logger("netwright.nova")


class LinuxBridgeInterfaceDriver(LinuxNetInterfaceDriver):
    """Of a network with a VLAN, the bridge is on `vlan<N>`; of another one on flat_interface or its own."""

    def plug(
        self,
        network: object,
        mac_address: str,
        gateway: bool = True,  # noqa: FBT001, FBT002 - the old signature
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The bridge. `mac_address` is the VLAN's, of a flat network the uplink's own stays.

        Filters are in before the first packet can pass. Raises InvalidError, KernelRefusedError.
        """
        host, ref = current(on), parse_network(network)
        bridge, interface = _bridge_of(ref), _interface_of(host, ref)
        parent, size = _parent_of(host, ref), asked_mtu(host, ref.mtu)
        server = _isolated(host, ref, interface)
        if pretended(host, "plug", bridge=bridge, interface=interface):
            return bridge
        add_forward_rules(host, bridge, gateway=gateway)
        if server is not None:
            isolate_dhcp_address(*server, on=host)
        host.iptables_manager.apply()
        if ref.vlan is not None and parent is not None:
            self.ensure_vlan(ref.vlan, parent, mac_address, size, on=host)
        self.ensure_bridge(bridge, interface, network, gateway, on=host)
        set_device_mtu(bridge, size, on=host)
        return bridge

    def unplug(
        self,
        network: object,
        gateway: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The bridge. What linux_net has not made stays. Raises InvalidError, KernelRefusedError."""
        host, ref = current(on), parse_network(network)
        bridge, interface = _bridge_of(ref), _interface_of(host, ref)
        if pretended(host, "unplug", bridge=bridge):
            return bridge
        self.remove_bridge(bridge, gateway, on=host)
        if ref.vlan is not None:
            self.remove_vlan(ref.vlan, on=host)
        if server := _isolated(host, ref, interface):
            remove_isolate_dhcp_address(*server, on=host)
        host.iptables_manager.apply()
        return bridge

    def get_dev(self, network: object, *, on: LinuxHost | None = None) -> LinkName:
        """The bridge. Raises InvalidError."""
        del on
        return _bridge_of(parse_network(network))

    @staticmethod
    def ensure_vlan_bridge(  # noqa: PLR0913 - the old signature
        vlan_num: int,
        bridge: str,
        bridge_interface: str,
        net_attrs: object = None,
        mac_address: str | None = None,
        mtu: int | None = None,
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The VLAN's link, which is on the bridge. Raises InvalidError, KernelRefusedError."""
        driver = LinuxBridgeInterfaceDriver
        interface = driver.ensure_vlan(vlan_num, bridge_interface, mac_address, mtu, on=on)
        driver.ensure_bridge(bridge, interface, net_attrs, on=on)
        return interface

    @staticmethod
    def remove_vlan_bridge(vlan_num: int, bridge: str, *, on: LinuxHost | None = None) -> None:
        """Raises InvalidError, KernelRefusedError."""
        LinuxBridgeInterfaceDriver.remove_bridge(bridge, on=on)
        LinuxBridgeInterfaceDriver.remove_vlan(vlan_num, on=on)

    @staticmethod
    def ensure_vlan(
        vlan_num: int,
        bridge_interface: str,
        mac_address: str | None = None,
        mtu: int | None = None,
        interface: str | None = None,
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The VLAN's link, up; one that is there gets the MTU only.

        Raises InvalidError, KernelRefusedError: also where its name stands for something else.
        """
        host, number = current(on), vlan_of(vlan_num, "vlan_num")
        parent = link_name(bridge_interface, "bridge_interface")
        name = link_name(interface or f"vlan{number}", "interface")
        mac = mac_of(mac_address, "mac_address") if mac_address else None
        size = asked_mtu(host, mtu)
        if pretended(host, "ensure_vlan", interface=name, parent=parent, vlan=number):
            return name
        with turn("linux_net-vlan"):
            devices.ensure_vlan(name, number, parent, mac)
        set_device_mtu(name, size, on=host)
        return name

    @staticmethod
    def remove_vlan(vlan_num: int, *, on: LinuxHost | None = None) -> None:
        """`vlan<N>`, if ensure_vlan made it. Raises InvalidError, KernelRefusedError."""
        host, name = current(on), link_name(f"vlan{vlan_of(vlan_num, 'vlan_num')}", "vlan_num")
        if not pretended(host, "remove_vlan", interface=name):
            with turn("linux_net-vlan"):
                delete_own(name)

    @staticmethod
    def ensure_bridge(
        bridge: str,
        interface: str | None,
        net_attrs: object = None,
        gateway: bool = True,  # noqa: FBT001, FBT002
        filtering: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> None:
        """A bridge, and the interface on it, whose MAC, addresses and routes become the bridge's.

        The rules for what it forwards are not applied yet. `net_attrs` is what it always was: not needed.
        Raises InvalidError, KernelRefusedError: also where the interface is on another bridge.
        """
        del net_attrs
        host, name = current(on), link_name(bridge, "bridge")
        port = link_name(interface, "interface") if interface else None
        if filtering:
            add_forward_rules(host, name, gateway=gateway)
        if not pretended(host, "ensure_bridge", bridge=name, interface=port):
            with turn("linux_net-bridge"):
                _attach(port, devices.ensure_bridge(name))

    @staticmethod
    def remove_bridge(
        bridge: str,
        gateway: bool = True,  # noqa: FBT001, FBT002
        filtering: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> None:
        """Gives its interface back what it took, and deletes the bridge if ensure_bridge made it.

        The rules' removal, of either kind whatever `gateway` says, is not applied yet. Raises InvalidError,
        KernelRefusedError.
        """
        del gateway
        host, name = current(on), link_name(bridge, "bridge")
        if not pretended(host, "remove_bridge", bridge=name):
            with turn("linux_net-bridge"):
                if (state := devices.find(name)) is not None:
                    devices.release_uplinks(state)
                delete_own(name)
        if filtering:
            remove_all_forward_rules(host, name)


def _attach(port: LinkName | None, bridge: LinkState) -> None:
    if port is None:
        return
    link = devices.require(port)
    if link.master not in {0, bridge.index}:
        raise KernelRefusedError("bridges", f"{port} is on another bridge; take it off there first")
    if link.master and not link.alias.startswith(UPLINK_MARK):
        return  # somebody else put it there, and knows what addresses it has
    devices.set_mac(bridge, link.mac)
    Uplinks(UPLINK_MARK).put({port: Uplink(bridge.name)})


def delete_own(name: LinkName) -> None:
    """A link that linux_net made; another one stays, which the log says. Raises KernelRefusedError."""
    state = devices.find(name)
    if state is None:
        return
    if devices.is_ours(state):
        devices.delete(name)
        _LOG.info("link_deleted", link=name)
    else:
        _LOG.warning("link_not_ours", link=name, alias=state.alias)


def _bridge_of(ref: NetworkRef) -> LinkName:
    if ref.bridge is None:
        raise InvalidError("the network has no bridge", "network.bridge")
    return ref.bridge


def _interface_of(host: LinuxHost, ref: NetworkRef) -> LinkName | None:
    """What joins the bridge to other hosts; None: nothing."""
    if ref.vlan is not None:
        return link_name(f"vlan{vlan_of(ref.vlan, 'network.vlan')}", "network.vlan")
    chosen = host.options.flat_interface
    return link_name(chosen, "flat_interface") if chosen else ref.bridge_interface


def _parent_of(host: LinuxHost, ref: NetworkRef) -> LinkName | None:
    """What its VLAN is on; None: it has no VLAN."""
    if ref.vlan is None:
        return None
    chosen = host.options.vlan_interface
    parent = link_name(chosen, "vlan_interface") if chosen else ref.bridge_interface
    if parent is None:
        raise InvalidError("a VLAN needs vlan_interface or a bridge_interface", "network.bridge_interface")
    return parent


def _isolated(host: LinuxHost, ref: NetworkRef, interface: LinkName | None) -> tuple[str, str] | None:
    """The interface and the DHCP server's address that several hosts have, so that none hears another's."""
    if interface is None or not (ref.share_address or host.options.share_dhcp_address):
        return None
    if ref.dhcp_server is None:
        raise InvalidError("a shared address needs a dhcp_server", "network.dhcp_server")
    return interface, str(ref.dhcp_server)
