"""FreeBSD's interfaces by ifconfig(8): bridge(4), vlan(4), tap(4), epair(4).

Untested on a real FreeBSD so far. Ours: interfaces whose description begins with `netwright:nova:`. What is
run is decided in ifconfig.py, from what ifconfig printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv6Interface, ip_interface
from typing import Final

import structlog

from netwright.kernel.programs import Run, run_program
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName, Mac
from netwright.nova import ifconfig
from netwright.nova.gateway_refs import gateway6_of, gateway_of
from netwright.nova.given import address_of, link_name, mac_of, mtu_of, vlan_of
from netwright.nova.ifconfig import Argv, GatewayRoute, Interface, Uplink, Vlan
from netwright.nova.netdev import NetDevDriver
from netwright.nova.network_refs import parse_network

_LOG: Final = structlog.get_logger("netwright.nova")
_DONE: Final = (
    "File exists",
    "Device busy",
    "Can't assign requested address",
    "No such file",
    "already in table",
    "not in table",
    "does not exist",
)
"""What ifconfig and route say of a step that an earlier call has done."""
_FORWARDING: Final = {4: "net.inet.ip.forwarding", 6: "net.inet6.ip6.forwarding"}


class FreeBsdNetDevDriver(NetDevDriver):
    """`run` runs ifconfig, netstat, route and sysctl. Untested on a real FreeBSD so far."""

    def __init__(self, run: Run = run_program) -> None:
        self._run = run

    def device_exists(self, dev: str) -> bool:
        return self._find(link_name(dev, "dev")) is not None

    def delete_net_dev(self, dev: str) -> None:
        name = link_name(dev, "dev")
        if self._find(name) is not None:
            self._do([ifconfig.destroy(name)])
            _LOG.info("link_deleted", link=name)

    def set_device_mtu(self, dev: str, mtu: int | None = None) -> None:
        name = link_name(dev, "dev")
        if mtu and self._require(name).mtu != mtu_of(mtu, "mtu"):
            self._do([ifconfig.set_mtu(name, mtu)])

    def create_tap_dev(self, dev: str, mac_address: str | None = None) -> None:
        name = link_name(dev, "dev")
        mac = mac_of(mac_address, "mac_address") if mac_address else None
        self._ensured(name, ifconfig.create_tap(name, mac))

    def create_pair(self, dev1_name: str, dev2_name: str, mtu: int | None = None) -> None:
        names = link_name(dev1_name, "dev1_name"), link_name(dev2_name, "dev2_name")
        size = mtu_of(mtu, "mtu") if mtu else None
        for name in names:
            # Its other end goes with it.
            self.delete_net_dev(name)
        made = self._run(["ifconfig", "epair", "create"], "")
        self._do(ifconfig.finish_pair(made, names, size))

    def ensure_vlan(
        self,
        vlan_num: int,
        bridge_interface: str,
        mac_address: str | None = None,
        mtu: int | None = None,
        interface: str | None = None,
    ) -> str:
        number = vlan_of(vlan_num, "vlan_num")
        parent = link_name(bridge_interface, "bridge_interface")
        name = link_name(interface or f"vlan{number}", "interface")
        mac = mac_of(mac_address, "mac_address") if mac_address else None
        if not self._require(parent).up:
            self._do([ifconfig.set_up(parent)])
        found = self._ensured(name, ifconfig.create_vlan(name, number, parent, mac))
        if found.vlan != Vlan(number, parent):
            raise KernelRefusedError("ifconfig", f"{name} is there and is not VLAN {number} of {parent}")
        self.set_device_mtu(name, mtu)
        return name

    def remove_vlan(self, vlan_num: int) -> None:
        self._remove_own(link_name(f"vlan{vlan_of(vlan_num, 'vlan_num')}", "vlan_num"))

    def ensure_bridge(self, bridge: str, interface: str | None = None) -> None:
        name = link_name(bridge, "bridge")
        port = link_name(interface, "interface") if interface else None
        found = self._ensured(name, ifconfig.create_bridge(name))
        if "bridge" not in found.groups:
            raise KernelRefusedError("ifconfig", f"{name} is there and is no bridge")
        if port is not None:
            self._take(self._require(port), found)

    def remove_bridge(self, bridge: str) -> None:
        name = link_name(bridge, "bridge")
        for port in ifconfig.read_interfaces(self._run(["ifconfig", "-a"], "")):
            uplink = ifconfig.read_uplink(port.description)
            if uplink is not None and uplink.bridge == name:
                self._do(ifconfig.give_back(port, uplink), again=True)
                _LOG.info("uplink_given_back", link=port.name, bridge=name)
        self._remove_own(name)

    def join_bridge(self, bridge: str, dev: str) -> None:
        name, port = link_name(bridge, "bridge"), link_name(dev, "dev")
        if port not in self._require(name).members:
            self._do(ifconfig.join(name, port))

    def bind_mac(self, bridge: str, dev: str, mac_address: str) -> None:
        """No other MAC is heard from there: pf sees none (FreeBSD's own, beside the common calls)."""
        name, port = link_name(bridge, "bridge"), link_name(dev, "dev")
        self._do([ifconfig.bind_mac(name, port, Mac(mac_of(mac_address, "mac_address")))])

    def initialize_gateway_device(self, dev: str, network_ref: object) -> None:
        if network_ref is None:
            return
        network, name = parse_network(network_ref), link_name(dev, "dev")
        first, second = gateway_of(network), gateway6_of(network)
        self.enable_forwarding(4)
        found = self._require(name)
        self._do(ifconfig.make_first(found, first))
        if second is not None:
            self.enable_forwarding(6)
            if second not in found.addresses:
                self._do([("ifconfig", name, "inet6", "-ifdisabled", "auto_linklocal")])
                self._do([ifconfig.add_address(name, second)])

    def bind_floating_ip(self, floating_ip: str, device: str) -> None:
        name, held = link_name(device, "device"), ip_interface(address_of(floating_ip, "floating_ip"))
        if held.ip not in {one.ip for one in self._require(name).addresses}:
            # Its neighbours are told by the kernel itself (arp(4)).
            self._do([ifconfig.add_address(name, held)])

    def unbind_floating_ip(self, floating_ip: str, device: str) -> None:
        name, held = link_name(device, "device"), ip_interface(address_of(floating_ip, "floating_ip"))
        found = self._find(name)
        # With another prefix it is the host's own.
        if found is not None and held in found.addresses:
            self._do([ifconfig.delete_address(name, held)])

    def enable_forwarding(self, version: int) -> None:
        if version not in _FORWARDING:
            raise InvalidError(f"there is no IPv{version}", "version")
        name = _FORWARDING[version]
        if self._run(["sysctl", "-n", name], "").strip() != "1":
            self._do([("sysctl", f"{name}=1")])
            _LOG.info("forwarding_enabled", version=version)

    def _take(self, port: Interface, bridge: Interface) -> None:
        marked = ifconfig.read_uplink(port.description)
        if marked is None and port.name in bridge.members:
            return  # somebody else put it there, and knows what addresses it has
        uplink = marked or Uplink(bridge.name, port.addresses, self._routes(port), port.description)
        if uplink.bridge != bridge.name and self._find(LinkName(uplink.bridge)) is not None:
            raise KernelRefusedError("ifconfig", f"{port.name} is on another bridge; take it off there first")
        there = port.name in bridge.members and set(uplink.addresses) <= set(bridge.addresses)
        if not there or not set(uplink.routes) <= set(self._routes(bridge)):
            # An earlier call may have been interrupted: what it did is refused now, and that is all right.
            self._do(ifconfig.take_uplink(port, replace(uplink, bridge=bridge.name)), again=True)

    def _routes(self, port: Interface) -> tuple[GatewayRoute, ...]:
        families = {"inet6" if isinstance(one, IPv6Interface) else "inet" for one in port.addresses}
        found: tuple[GatewayRoute, ...] = ()
        for family in sorted(families):
            found += ifconfig.read_routes(self._run(["netstat", "-rnW", "-f", family], ""), port.name)
        return found

    def _ensured(self, name: LinkName, creation: Argv) -> Interface:
        """What has that name, made where there was nothing; ours is up."""
        found = self._find(name)
        if found is None:
            self._do([creation])
            _LOG.info("link_created", link=name)
            found = self._require(name)
        if found.is_ours and not found.up:
            self._do([ifconfig.set_up(name)])
        return found

    def _remove_own(self, name: LinkName) -> None:
        found = self._find(name)
        if found is not None and found.is_ours:
            self.delete_net_dev(name)
        elif found is not None:
            _LOG.warning("link_not_ours", link=name, description=found.description)

    def _find(self, name: LinkName) -> Interface | None:
        try:
            return ifconfig.read_interface(self._run(["ifconfig", name], ""))
        except KernelRefusedError as refused:
            if "does not exist" in refused.said:
                return None
            raise

    def _require(self, name: LinkName) -> Interface:
        found = self._find(name)
        if found is None:
            raise KernelRefusedError("ifconfig", f"interface {name} does not exist")
        return found

    def _do(self, commands: Iterable[Argv], *, again: bool = False) -> None:
        """`again`: what is so already (or gone) is no error, as a step that an earlier call had done."""
        for argv in commands:
            try:
                self._run(argv, "")
            except KernelRefusedError as refused:
                if not (again and _is_done(refused.said)):
                    raise


def _is_done(said: str) -> bool:
    """Of adding what is there, and taking away what is not."""
    return any(words in said for words in _DONE)
