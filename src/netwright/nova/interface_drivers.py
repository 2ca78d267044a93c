"""The host's own end of a network, plugged by the driver that linuxnet_interface_driver names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from importlib import import_module
from typing import Final

from netwright.model.errors import InvalidError
from netwright.nova.linux_host import LinuxHost, current

_MODULES: Final = {
    "LinuxBridgeInterfaceDriver": "netwright.nova.bridge_driver",
    "LinuxOVSInterfaceDriver": "netwright.nova.ovs_driver",
    "NeutronLinuxBridgeInterfaceDriver": "netwright.nova.neutron_bridge_driver",
}
"""Classes, and where each is: one that nobody asks for is not imported."""


class LinuxNetInterfaceDriver(ABC):
    """For gateways and DHCP, not for guests. A network is a model or a dict (network_refs.py)."""

    @abstractmethod
    def plug(
        self,
        network: object,
        mac_address: str,
        gateway: bool = True,  # noqa: FBT001, FBT002 - the old signature
        *,
        on: LinuxHost | None = None,
    ) -> str:
        """The link, made where it is not there. Without `gateway` the host forwards nothing of the network's.

        Raises InvalidError, KernelRefusedError.
        """

    @abstractmethod
    def unplug(
        self,
        network: object,
        gateway: bool = True,  # noqa: FBT001, FBT002
        *,
        on: LinuxHost | None = None,
    ) -> str | None:
        """The link that is gone now, with its rules. Raises InvalidError, KernelRefusedError."""

    @abstractmethod
    def get_dev(self, network: object, *, on: LinuxHost | None = None) -> str:
        """The link's name. Raises InvalidError."""


def plug(
    network: object,
    mac_address: str,
    gateway: bool = True,  # noqa: FBT001, FBT002
    *,
    on: LinuxHost | None = None,
) -> str:
    """As LinuxNetInterfaceDriver.plug."""
    return interface_driver(on).plug(network, mac_address, gateway, on=on)


def unplug(
    network: object,
    gateway: bool = True,  # noqa: FBT001, FBT002
    *,
    on: LinuxHost | None = None,
) -> str | None:
    """As LinuxNetInterfaceDriver.unplug."""
    return interface_driver(on).unplug(network, gateway, on=on)


def get_dev(network: object, *, on: LinuxHost | None = None) -> str:
    """As LinuxNetInterfaceDriver.get_dev."""
    return interface_driver(on).get_dev(network, on=on)


def interface_driver(on: LinuxHost | None = None) -> LinuxNetInterfaceDriver:
    """Of the class that the option names, by nova's module or any other. Raises InvalidError."""
    named = current(on).options.linuxnet_interface_driver
    name = named.rpartition(".")[2]
    if name not in _MODULES:
        raise InvalidError(f"{named!r}: one of {', '.join(_MODULES)}", "linuxnet_interface_driver")
    return _made(name)


@cache
def _made(name: str) -> LinuxNetInterfaceDriver:
    driver: object = getattr(import_module(_MODULES[name]), name)()
    if not isinstance(driver, LinuxNetInterfaceDriver):
        raise InvalidError(f"{name} is not an interface driver", "linuxnet_interface_driver")
    return driver
