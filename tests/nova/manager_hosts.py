"""Hosts whose managers serve networks: namespaces on one wire, guests on them with real DHCP clients."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nova.managers import ADMIN, instance, uuid
from worlds import world

from netwright.control.world import World
from netwright.kernel import netns
from netwright.model.ids import HOST_NAMESPACE, NamespaceName
from netwright.nova.iptables import IptablesManager, IptablesOptions
from netwright.nova.linux_host import LinuxHost
from netwright.nova.manager import FlatDHCPManager, NetworkManager
from netwright.nova.options import NetworkOptions
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import (
    add_addresses,
    add_bridge,
    add_veth,
    addresses_of,
    ip,
    namespace,
    plug,
    run,
)

BRIDGE = "br100"


@dataclass
class Clock:
    """A world's, which a test sets forward."""

    inner: Callable[[], datetime]
    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return self.inner() + self.ahead


@dataclass
class Host:
    """`manager` acts in the namespace of the calling thread: go `inside` first."""

    name: str
    space: NamespaceName
    manager: FlatDHCPManager
    stack: ExitStack
    directory: Path

    @property
    def on(self) -> LinuxHost:
        """What the manager works on."""
        return self.manager._cloud.side._on

    @contextmanager
    def inside(self) -> Iterator[FlatDHCPManager]:
        with netns.inside(self.space):
            yield self.manager

    def tick(self) -> None:
        """The host's periodic tasks, once."""
        with self.inside() as manager:
            manager.run_periodic_tasks(ADMIN)

    def boot(self, number: int) -> DhcpClient:
        """A new instance here; its guest is plugged to the bridge."""
        with self.inside() as manager:
            info = manager.allocate_for_instance(
                ADMIN, instance_id=uuid(number), instance=instance(number, self.name), host=self.name
            )
        return self.guest(number, str(info[0]["address"]))

    def guest(self, number: int, mac: str) -> DhcpClient:
        """Whoever has that MAC, on this host."""
        where = self.stack.enter_context(namespace("guest"))
        plug(self.space, BRIDGE, f"vnet{number}", where, mac)
        place = self.directory / f"guest{number}-{where}"
        place.mkdir()
        return DhcpClient(where, place)

    def delete(self, number: int) -> None:
        with self.inside() as manager:
            manager.deallocate_for_instance(ADMIN, instance=instance(number, self.name))

    def addresses(self) -> set[str]:
        """The bridge's; none where it is not there."""
        there = run(self.space, ["ip", "link", "show", BRIDGE], check=False).returncode == 0
        return addresses_of(self.space, BRIDGE) if there else set()

    def dnsmasq(self) -> list[int]:
        """The processes that serve DHCP in the host's namespace."""
        found = []
        for pid in run(HOST_NAMESPACE, ["ip", "netns", "pids", self.space]).stdout.split():
            with suppress(OSError):  # one that has ended since
                if "dnsmasq" in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(int(pid))
        return found

    def restarted(self, here: World, **options: Any) -> FlatDHCPManager:
        """A manager that knows nothing of the one before."""
        return _manager(type(self.manager), here, self.name, self.directory, **options)


@contextmanager
def hosts(
    *names: str, kind: type[NetworkManager] = FlatDHCPManager, **options: Any
) -> Iterator[tuple[World, list[Host]]]:
    """Hosts called so, whose `eth1` are on one wire; one store for all."""
    with ExitStack() as stack:
        # Not below pytest's own directory, which dnsmasq's user cannot enter.
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nwt-managers-")))
        directory.chmod(0o755)
        plain = stack.enter_context(world())
        here = replace(plain, clock=Clock(plain.clock))
        wire = stack.enter_context(namespace("wire"))
        add_bridge(wire, "wire0")
        made = []
        for number, name in enumerate(names):
            space = stack.enter_context(namespace(name))
            add_veth(wire, f"p{number}", space, "eth1", f"02:00:00:00:01:{number:02x}")
            ip(wire, "link", "set", f"p{number}", "master", "wire0")
            place = directory / name
            place.mkdir(mode=0o755)
            add_addresses(space, "lo", f"192.0.2.{number + 1}/32")
            made.append(Host(name, space, _manager(kind, here, name, place, **options), stack, place))
        yield here, made


def _manager(kind: type[NetworkManager], here: World, name: str, place: Path, **options: Any) -> Any:
    given: dict[str, Any] = {
        "host": name,
        "my_ip": f"192.0.2.{1 if name == 'h1' else 2}",
        "state_path": place / "state",
        "lease_directory": place / "leases",
        "flat_interface": "eth1",
        "flat_network_bridge": BRIDGE,
    }
    chosen = NetworkOptions(**{**given, **options})
    rules = IptablesManager(options=IptablesOptions(use_ipv6=chosen.use_ipv6))
    return kind(here, on=LinuxHost(chosen, rules))


def leased(client: DhcpClient, seconds: float = 8) -> str:
    """The address that the guest is given; empty where nobody answers."""
    return client.ask(seconds=seconds).get("new_ip_address", "")
