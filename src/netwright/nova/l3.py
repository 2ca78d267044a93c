"""What a network manager has done on the network layer, by the contract of nova.network.l3."""

from __future__ import annotations

import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from netwright.kernel import devices
from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.devices import bind_floating_ip, initialize_gateway_device, unbind_floating_ip
from netwright.nova.floating import clean_conntrack, ensure_floating_forward, remove_floating_forward
from netwright.nova.interface_drivers import get_dev, plug, unplug
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.nat import ensure_metadata_ip, init_host, metadata_forward, metadata_version
from netwright.nova.network_refs import parse_network
from netwright.nova.vpn import ensure_vpn_forward, remove_vpn_forward

_LOCAL_UNICAST: Final = 0x02


class L3Driver(ABC):
    """Networks are models or dicts (network_refs.py). What is wrong with them is an InvalidError."""

    @abstractmethod
    def initialize(self, *, fixed_range: str | None = None, networks: Iterable[object] | None = None) -> None:
        """Once: the host is made ready for one range, or for these networks. Later calls do nothing."""

    @abstractmethod
    def initialize_network(self, cidr: str, is_external: bool = False) -> None:  # noqa: FBT001, FBT002
        """`is_external`: the network's gateway is another's."""

    @abstractmethod
    def initialize_gateway(self, network_ref: object) -> None:
        """The host is the network's gateway, or at least its DHCP server."""

    @abstractmethod
    def remove_gateway(self, network_ref: object) -> None:
        """The host has no part in the network any more."""

    @abstractmethod
    def is_initialized(self) -> bool:
        """Whether `initialize` has come to its end."""

    @abstractmethod
    def add_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """The floating IP is reached through that interface, and leads to the fixed one."""

    @abstractmethod
    def remove_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """With its connections."""

    @abstractmethod
    def add_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        """The public port leads to the VPN instance."""

    @abstractmethod
    def remove_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        """With its connections."""

    @abstractmethod
    def clean_conntrack(self, fixed_ip: str) -> None:
        """Ends the fixed IP's translated connections."""

    @abstractmethod
    def teardown(self) -> None:
        """The process ends."""


class LinuxNetL3(L3Driver):
    """By linux_net's functions, on the host that is given or on the process's own."""

    def __init__(self, on: LinuxHost | None = None) -> None:
        self._on = on
        self._initialized = False
        self._lock = threading.RLock()

    def initialize(self, *, fixed_range: str | None = None, networks: Iterable[object] | None = None) -> None:
        """One that failed is tried again by the next call. Raises InvalidError, KernelRefusedError."""
        with self._lock:
            if self._initialized:
                return
            if fixed_range:
                self.initialize_network(fixed_range)
            else:
                self._initialize_networks(networks or ())
            ensure_metadata_ip(on=self._on)
            metadata_forward(on=self._on)
            self._initialized = True

    def _initialize_networks(self, networks: Iterable[object]) -> None:
        for ref in map(parse_network, networks):
            if ref.enable_dhcp and ref.cidr is not None:
                external = ref.dhcp_server is not None and ref.dhcp_server != ref.gateway
                self.initialize_network(str(ref.cidr), external)

    def initialize_network(self, cidr: str, is_external: bool = False) -> None:  # noqa: FBT001, FBT002
        init_host(cidr, is_external, on=self._on)

    def initialize_gateway(self, network_ref: object) -> None:
        """A link that is there keeps its MAC: guests have it in mind.

        Where metadata_host is ::1, fe80::a9fe:a9fe is on the link, too. Raises InvalidError,
        KernelRefusedError.
        """
        ref = parse_network(network_ref)
        there = devices.find(LinkName(get_dev(network_ref, on=self._on)))
        mac = there.mac if there else _random_mac()
        device = plug(network_ref, mac, ref.gateway is not None, on=self._on)
        initialize_gateway_device(device, network_ref, on=self._on)
        if ref.cidr_v6 is not None and metadata_version(on=self._on) == 6:
            ensure_metadata_ip(device, on=self._on)

    def remove_gateway(self, network_ref: object) -> None:
        unplug(network_ref, parse_network(network_ref).gateway is not None, on=self._on)

    def is_initialized(self) -> bool:
        return self._initialized

    def add_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """Rules first, so that the address is never the host's own.

        Raises InvalidError, KernelRefusedError.
        """
        ensure_floating_forward(floating_ip, fixed_ip, l3_interface_id, network, on=self._on)
        bind_floating_ip(floating_ip, l3_interface_id, on=self._on)

    def remove_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """The address first. Raises InvalidError, KernelRefusedError."""
        unbind_floating_ip(floating_ip, l3_interface_id, on=self._on)
        remove_floating_forward(floating_ip, fixed_ip, l3_interface_id, network, on=self._on)
        clean_conntrack(fixed_ip, on=self._on)

    def add_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        ensure_vpn_forward(public_ip, port, private_ip, on=self._on)

    def remove_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        remove_vpn_forward(public_ip, port, private_ip, on=self._on)

    def clean_conntrack(self, fixed_ip: str) -> None:
        clean_conntrack(fixed_ip, on=self._on)

    def teardown(self) -> None:
        """What is on the host stays, guests go on; the next `initialize` looks at it all anew."""
        with self._lock:
            self._initialized = False


class NullL3(L3Driver):
    """Networks whose network layer is somebody else's: there is nothing to do, and it is done."""

    def initialize(self, *, fixed_range: str | None = None, networks: Iterable[object] | None = None) -> None:
        pass

    def initialize_network(self, cidr: str, is_external: bool = False) -> None:  # noqa: FBT001, FBT002
        pass

    def initialize_gateway(self, network_ref: object) -> None:
        pass

    def remove_gateway(self, network_ref: object) -> None:
        pass

    def is_initialized(self) -> bool:
        return True

    def add_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        pass

    def remove_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        pass

    def add_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        pass

    def remove_vpn(self, public_ip: str, port: int | str, private_ip: str) -> None:
        pass

    def clean_conntrack(self, fixed_ip: str) -> None:
        pass

    def teardown(self) -> None:
        pass


def load_l3(on: LinuxHost | None = None) -> L3Driver:
    """Of the class that the option l3_lib names, by nova's module or any other. Raises InvalidError."""
    named = current(on).options.l3_lib
    made = _DRIVERS.get(named.rpartition(".")[2])
    if made is None:
        raise InvalidError(f"{named!r}: one of {', '.join(_DRIVERS)}", "l3_lib")
    return made(on)


_DRIVERS: Final[Mapping[str, Callable[[LinuxHost | None], L3Driver]]] = {
    "LinuxNetL3": LinuxNetL3,
    "NullL3": lambda _: NullL3(),
}


def _random_mac() -> str:
    """Locally administered, of one link."""
    octets = bytearray(secrets.token_bytes(6))
    octets[0] = octets[0] & 0xFC | _LOCAL_UNICAST
    return octets.hex(":")
