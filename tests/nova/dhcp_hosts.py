"""A host with a bridge that linux_net's dnsmasq serves, guests on it, and who has which address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from typing import Any

from nova.net_hosts import NetHost, net_host

from netwright.kernel.daemons import Daemon
from netwright.kernel.lease_spool import LeaseSpool
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.model.leases import LeaseChange
from netwright.nova.address_source import FixedAddress
from netwright.nova.dhcp_text import dhcp_path, hosts_argument
from netwright.nova.linux_host import LinuxHost
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_bridge, namespace, plug

DEV = "br100"
NETWORK = "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8"
CONTEXT = object()


def network(**changed: object) -> dict[str, object]:
    found: dict[str, object] = {
        "uuid": NETWORK,
        "label": "private",
        "cidr": "10.0.0.0/24",
        "cidr_v6": None,
        "gateway": "10.0.0.1",
        "dhcp_server": "10.0.0.1",
        "dhcp_start": "10.0.0.3",
        "dns1": "8.8.4.4",
        "dns2": None,
        "bridge": DEV,
        "multi_host": False,
        "share_address": False,
    }
    return found | changed


def fixed(number: int, hostname: str = "", **changed: Any) -> FixedAddress:
    """10.0.0.<number>, of the guest whose MAC ends in it."""
    made = FixedAddress(
        address=IPv4Address(f"10.0.0.{number}"),
        mac=Mac(f"fa:16:3e:00:00:{number:02x}"),
        hostname=hostname or f"vm{number}",
        instance_uuid=f"00000000-0000-4000-8000-0000000000{number:02x}",
        instance_host="host-a",
        vif_id=str(number),
        allocated=True,
        leased=False,
        default_route=True,
    )
    return replace(made, **changed)


@dataclass
class Addresses:
    """An AddressSource that a test fills."""

    found: list[FixedAddress] = field(default_factory=list)

    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        assert network_id == NETWORK
        return [one for one in self.found if host in {None, one.instance_host}]


@dataclass
class Overtaken:
    """An AddressSource that is slow once: its first answer is given when `meanwhile` has come as far as it gets."""

    answers: tuple[list[FixedAddress], list[FixedAddress]]
    """The first, and all later ones."""
    meanwhile: Callable[[], None]
    other: Thread = field(init=False)
    _asked: bool = False

    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        del network_id, host
        if self._asked:
            return self.answers[1]
        self._asked = True
        self.other = Thread(target=self.meanwhile)
        self.other.start()
        self.other.join(3)
        return self.answers[0]


@dataclass
class DhcpHost:
    net: NetHost
    addresses: Addresses
    directory: Path
    stack: ExitStack

    @property
    def on(self) -> LinuxHost:
        return self.with_options()

    def with_options(self, **changed: Any) -> LinuxHost:
        options = {"lease_directory": self.directory / "leases", "host": "host-a", **changed}
        return replace(self.net.with_options(**options), addresses=self.addresses)

    @property
    def daemon(self) -> Daemon:
        options = self.on.options
        return Daemon(dhcp_path(options, LinkName(DEV), "pid"), hosts_argument(options, LinkName(DEV)))

    def guest(self, number: int) -> DhcpClient:
        """A guest with the MAC that ends in this number, and its DHCP client."""
        name = self.stack.enter_context(namespace("guest"))
        plug(self.net.name, DEV, f"vnet{number}", NamespaceName(name), f"fa:16:3e:00:00:{number:02x}")
        place = self.directory / f"guest{number}"
        place.mkdir()
        return DhcpClient(name, place)

    def told(self) -> list[tuple[LeaseChange, str]]:
        """What the script noted and nobody has taken."""
        return [(event.change, str(event.address)) for event in self.spool().pending(NETWORK)]

    def spool(self) -> LeaseSpool:
        return LeaseSpool(self.directory / "leases")


@contextmanager
def dhcp_host(directory: Path, address: str = "10.0.0.1/24") -> Iterator[DhcpHost]:
    """This thread is in its namespace; its daemons end with it."""
    directory.chmod(0o755)
    with ExitStack() as stack:
        host = stack.enter_context(net_host(directory / "state"))
        add_bridge(host.name, DEV, address)
        yield DhcpHost(host, Addresses(), directory, stack)


def heard(answer: Mapping[str, str], name: str) -> str:
    """A DHCP option as the client was given it."""
    return answer.get(f"new_{name}", "")
