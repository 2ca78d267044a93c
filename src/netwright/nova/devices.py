"""linux_net's device helpers by their old names: links, MTUs, VFs, gateways, floating addresses."""

from __future__ import annotations

import threading
import time
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final

import structlog

from netwright.kernel import devices, gateways, sriov
from netwright.kernel.addresses import announce
from netwright.kernel.gateways import FLOATING_PROTOCOL
from netwright.kernel.moves import GATEWAY_PROTOCOL
from netwright.kernel.sysctls import Sysctls
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.host import AddressKey, SysctlKey
from netwright.model.ids import HOST_NAMESPACE, LinkName
from netwright.nova.fake_network import pretended
from netwright.nova.gateway_refs import gateway6_of, gateway_of
from netwright.nova.given import address_of, link_name, mac_of, mtu_of, vlan_of
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import parse_network

_LOG: Final = structlog.get_logger("netwright.nova")
_BETWEEN: Final = 1.0
"""Seconds from one announcement to the next."""
_FORWARDING: Final = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}


def device_exists(device: str, *, on: LinuxHost | None = None) -> bool:
    """In the namespace of the calling thread; also with fake_network. Raises InvalidError."""
    del on
    return devices.exists(link_name(device, "device"))


def delete_net_dev(dev: str, *, on: LinuxHost | None = None) -> None:
    """One that is not there is no error. Raises KernelRefusedError: the agent's links are not deleted."""
    name = link_name(dev, "dev")
    if pretended(on, "delete_net_dev", dev=name):
        return
    try:
        gone = devices.delete(name)
    except KernelRefusedError as refused:
        _LOG.warning("link_not_deleted", link=name, said=refused.said)
        raise
    if gone:
        _LOG.info("link_deleted", link=name)


def delete_bridge_dev(dev: str, *, on: LinuxHost | None = None) -> None:
    """As delete_net_dev; its uplink gets back what it took. Raises KernelRefusedError for no bridge."""
    host, name = current(on), link_name(dev, "dev")
    state = devices.find(name)
    if state is not None and state.kind != "bridge":
        raise KernelRefusedError("devices", f"{name} is no bridge")
    if state is not None and not pretended(host, "delete_bridge_dev", dev=name):
        with turn("linux_net-bridge"):
            devices.release_uplinks(state)
            delete_net_dev(name, on=host)


def create_tap_dev(dev: str, mac_address: str | None = None, *, on: LinuxHost | None = None) -> None:
    """A persistent tap, up; one that is there stays as it is. Raises KernelRefusedError."""
    host, name = current(on), link_name(dev, "dev")
    mac = mac_of(mac_address, "mac_address") if mac_address else None
    if not pretended(host, "create_tap_dev", dev=name, mac=mac):
        with turn("linux_net-device"):
            devices.ensure_tap(name, mac)


def set_device_mtu(dev: str, mtu: int | None = None, *, on: LinuxHost | None = None) -> None:
    """`mtu`, or else network_device_mtu, in bytes; nothing without either. Raises KernelRefusedError."""
    name, size = link_name(dev, "dev"), asked_mtu(current(on), mtu)
    if size and not pretended(on, "set_device_mtu", dev=name, mtu=size):
        devices.set_mtu(name, size)


_set_device_mtu = set_device_mtu


def asked_mtu(host: LinuxHost, mtu: int | None) -> int | None:
    """`mtu`, or else network_device_mtu; None without either. Raises InvalidError."""
    size = mtu or host.options.network_device_mtu
    return mtu_of(size, "mtu") if size else None


def create_veth_pair(
    dev1_name: str, dev2_name: str, mtu: int | None = None, *, on: LinuxHost | None = None
) -> None:
    """Made anew, both ends up and promiscuous. Raises KernelRefusedError."""
    host = current(on)
    one, other = link_name(dev1_name, "dev1_name"), link_name(dev2_name, "dev2_name")
    size = asked_mtu(host, mtu)
    if pretended(host, "create_veth_pair", dev1=one, dev2=other, mtu=size):
        return
    with turn("linux_net-device"):
        for name in (one, other):
            delete_net_dev(name, on=host)
        devices.make_pair(one, other, size)


_create_veth_pair = create_veth_pair


def set_vf_interface_vlan(
    pci_addr: str, mac_addr: str, vlan: int = 0, *, on: LinuxHost | None = None
) -> None:
    """The VF's MAC and VLAN, said to its physical function; the VF is up if it has a VLAN, down without.

    Raises KernelRefusedError, also where there is no such VF.
    """
    address, mac = sriov.pci_address(pci_addr), mac_of(mac_addr, "mac_addr")
    number = vlan_of(vlan, "vlan", least=0)
    if pretended(on, "set_vf_interface_vlan", pci=address, mac=mac, vlan=number):
        return
    found = sriov.find(address)
    sriov.put(found, mac, number)
    for name in found.links:
        devices.set_up(name, up=number > 0)


def initialize_gateway_device(dev: str, network_ref: object, *, on: LinuxHost | None = None) -> None:
    """Has the device be the network's gateway: `dhcp_server` (or else `gateway`) is its first IPv4 address.

    With use_ipv6 the IPv6 gateway too. Forwarding is switched on. Nothing for a network of None. Raises
    InvalidError where the network has no address for it, KernelRefusedError.
    """
    host, name = current(on), link_name(dev, "dev")
    if network_ref is None:
        return
    network = parse_network(network_ref)
    second = gateway6_of(network) if host.options.use_ipv6 else None
    first = None if network.cidr is None and second is not None else gateway_of(network)
    if pretended(host, "initialize_gateway_device", dev=name, gateway=str(first)):
        return
    with turn("linux_net-gateway"):
        enable_forwarding(4, on=host)
        changed = first is not None and gateways.make_first(name, first)
        if second is not None:
            enable_forwarding(6, on=host)
            gateways.hold(name, second, GATEWAY_PROTOCOL)
    if first is not None and changed:
        _LOG.info("gateway_first", link=name, address=str(first))
        _announce_for_ha(host, str(first.ip), name)


def enable_ipv4_forwarding(*, on: LinuxHost | None = None) -> None:
    """Raises KernelRefusedError."""
    enable_forwarding(4, on=on)


def enable_forwarding(version: int, *, on: LinuxHost | None = None) -> None:
    """Of IPv4 (4) or IPv6 (6), in the calling thread's namespace. Raises InvalidError, KernelRefusedError."""
    if version not in _FORWARDING:
        raise InvalidError(f"there is no IPv{version}", "version")
    if pretended(on, "enable_forwarding", version=version):
        return
    sysctls, key = Sysctls(), SysctlKey(HOST_NAMESPACE, _FORWARDING[version])
    # Writing it anew resets what other switches say of forwarding (ip-sysctl, ip_forward).
    if sysctls.observe([key]) != {key: "1"}:
        sysctls.put({key: "1"})
        _LOG.info("forwarding_enabled", version=version)


def bind_floating_ip(floating_ip: str, device: str, *, on: LinuxHost | None = None) -> None:
    """The device answers for the address (/32 or /128); with send_arp_for_ha its neighbours are told.

    One that is there stays as it is. Raises KernelRefusedError.
    """
    host, name = current(on), link_name(device, "device")
    interface = _alone_in_its_prefix(floating_ip)
    if pretended(host, "bind_floating_ip", address=str(interface), dev=name):
        return
    if gateways.hold(name, interface, FLOATING_PROTOCOL):
        _LOG.info("floating_ip_bound", link=name, address=str(interface))
    _announce_for_ha(host, str(interface.ip), name)


def unbind_floating_ip(floating_ip: str, device: str, *, on: LinuxHost | None = None) -> None:
    """An address that bind_floating_ip has not put there stays. Raises KernelRefusedError."""
    name, interface = link_name(device, "device"), _alone_in_its_prefix(floating_ip)
    if pretended(on, "unbind_floating_ip", address=str(interface), dev=name):
        return
    if not gateways.release(name, interface, FLOATING_PROTOCOL):
        _LOG.warning("floating_ip_not_ours", link=name, address=str(interface))


def send_arp_for_ip(ip: str, device: str, count: int, *, on: LinuxHost | None = None) -> None:
    """Tells the device's neighbours `count` times, once a second, whose the address is: by ARP, IPv6 by NDP.

    The first time before it returns, then from a thread, as long as the device holds the address. What
    fails is a line in the log.
    """
    name, address = link_name(device, "device"), str(address_of(ip, "ip"))
    if count < 1 or pretended(on, "send_arp_for_ip", address=address, dev=name, count=count):
        return
    if _announced(address, name) and count > 1:
        again = threading.Thread(target=_announce_again, args=(address, name, count - 1), name=f"arp-{name}")
        again.start()


def _announce_again(address: str, name: LinkName, count: int) -> None:
    for _ in range(count):
        time.sleep(_BETWEEN)
        if not _announced(address, name):
            return


def _announced(address: str, name: LinkName) -> bool:
    try:
        if not gateways.holds(name, address):
            _LOG.warning("address_not_announced", link=name, address=address, said="it is not there")
            return False
        announce(AddressKey(HOST_NAMESPACE, name, ip_interface(address)))
    except KernelRefusedError as refused:
        _LOG.warning("address_not_announced", link=name, address=address, said=refused.said)
        return False
    return True


def _announce_for_ha(host: LinuxHost, address: str, name: LinkName) -> None:
    if host.options.send_arp_for_ha:
        send_arp_for_ip(address, name, host.options.send_arp_for_ha_count, on=host)


def _alone_in_its_prefix(text: str) -> IPv4Interface | IPv6Interface:
    return ip_interface(address_of(text, "floating_ip"))
