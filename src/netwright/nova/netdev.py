"""A host's links, as nova's network code needs them, whichever platform it runs on."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from importlib import import_module
from typing import Final

from netwright.model.errors import InvalidError

_DRIVERS: Final = {
    "linux": ("netwright.nova.netdev_linux", "LinuxNetDevDriver"),
    "freebsd": ("netwright.nova.netdev_freebsd", "FreeBsdNetDevDriver"),
}
"""Where each is: one that nobody asks for is not imported, for it may need what only its platform has."""


class NetDevDriver(ABC):
    """Names are interfaces' names, MTUs in bytes.

    Each call may be made again, and finishes what was left half done. What it made it knows by a mark; what
    bears none is not deleted by a `remove`. All raise InvalidError for a name or number that cannot be, and
    KernelRefusedError with what the platform said.
    """

    @abstractmethod
    def device_exists(self, dev: str) -> bool: ...

    @abstractmethod
    def delete_net_dev(self, dev: str) -> None:
        """One that is not there is no error."""

    @abstractmethod
    def set_device_mtu(self, dev: str, mtu: int | None = None) -> None:
        """Nothing without an MTU, its own or, on Linux, the option's."""

    @abstractmethod
    def create_tap_dev(self, dev: str, mac_address: str | None = None) -> None:
        """A guest's interface on the host, up; one that is there stays as it is."""

    @abstractmethod
    def create_pair(self, dev1_name: str, dev2_name: str, mtu: int | None = None) -> None:
        """Two interfaces with a wire between them (veth, epair), made anew, up and promiscuous."""

    @abstractmethod
    def ensure_vlan(
        self,
        vlan_num: int,
        bridge_interface: str,
        mac_address: str | None = None,
        mtu: int | None = None,
        interface: str | None = None,
    ) -> str:
        """The VLAN's interface (`vlan<N>`, or as `interface` says) on bridge_interface, up; its name."""

    @abstractmethod
    def remove_vlan(self, vlan_num: int) -> None:
        """`vlan<N>`, if ensure_vlan made it."""

    @abstractmethod
    def ensure_bridge(self, bridge: str, interface: str | None = None) -> None:
        """A bridge, up, and the interface on it, whose addresses and routes become the bridge's."""

    @abstractmethod
    def remove_bridge(self, bridge: str) -> None:
        """Gives its interface back what it took, and deletes the bridge if ensure_bridge made it."""

    @abstractmethod
    def join_bridge(self, bridge: str, dev: str) -> None:
        """A guest's interface is on the bridge; on another one it is a KernelRefusedError."""

    @abstractmethod
    def initialize_gateway_device(self, dev: str, network_ref: object) -> None:
        """The network's DHCP server's (or gateway's) address comes first on dev; the host forwards."""

    @abstractmethod
    def bind_floating_ip(self, floating_ip: str, device: str) -> None:
        """The device answers for the address."""

    @abstractmethod
    def unbind_floating_ip(self, floating_ip: str, device: str) -> None:
        """One that is not there is no error."""

    @abstractmethod
    def enable_forwarding(self, version: int) -> None:
        """Of IPv4 (4) or IPv6 (6)."""


def get_driver(name: str | None = None) -> NetDevDriver:
    """By the platform's name or the class's; left out, that of the host it runs on. Raises InvalidError."""
    asked = name or platform.system()
    last = asked.rpartition(".")[2]
    found = next((row for key, row in _DRIVERS.items() if last.lower() == key or last == row[1]), None)
    if found is None:
        known = ", ".join([*_DRIVERS, *(row[1] for row in _DRIVERS.values())])
        raise InvalidError(
            f"no network device driver is called {asked!r}; there are {known}", "netdev_driver"
        )
    module, kind = found
    driver: object = getattr(import_module(module), kind)()
    if not isinstance(driver, NetDevDriver):
        raise InvalidError(f"{kind} is not a network device driver", "netdev_driver")
    return driver
