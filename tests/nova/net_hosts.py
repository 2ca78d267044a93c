"""A host that linux_net works on: a namespace that this thread is in, and the options that it has there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netwright.kernel import netns
from netwright.model.ids import NamespaceName
from netwright.nova.iptables import IptablesManager, IptablesOptions
from netwright.nova.linux_host import LinuxHost
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespaces, run

BRIDGE = "br100"


@dataclass
class NetHost:
    """`name` is the host's namespace, `wire` that of whoever is at the far end of its uplink `eth0`."""

    name: NamespaceName
    wire: NamespaceName
    on: LinuxHost

    def with_options(self, **changed: Any) -> LinuxHost:
        """The same host and rules with other options."""
        return with_options(self.on, **changed)

    def addresses(self, link: str, family: str = "-4") -> list[str]:
        """Global ones in the kernel's order, with their prefix lengths."""
        lines = ip(self.name, "-o", family, "address", "show", "dev", link, "scope", "global").splitlines()
        return [line.split()[3] for line in lines]

    def routes(self, link: str) -> list[str]:
        """But for those that the kernel makes by itself."""
        listed = ip(self.name, "route", "show", "dev", link) + ip(
            self.name, "-6", "route", "show", "dev", link
        )
        return sorted(line.strip() for line in listed.splitlines() if "proto kernel" not in line)

    def link(self, name: str) -> str:
        """What `ip -d link` says of it; empty where there is none."""
        return run(self.name, ["ip", "-d", "link", "show", "dev", name], check=False).stdout

    def mac(self, name: str) -> str:
        return self.link(name).split("link/ether ")[1].split()[0]

    def forward(self, family: str = "ip") -> list[str]:
        """The rules in the wrapped FORWARD chain, without their comments."""
        saved = run(self.name, [f"{family}tables", "-S", "netwright-FORWARD"], check=False).stdout
        lines = [
            line.split(" -m comment")[0] + " -j " + line.rsplit(" -j ", 1)[-1] for line in saved.splitlines()
        ]
        return [
            line.removeprefix("-A netwright-FORWARD ")
            for line in lines
            if (line.startswith("-A") and " -i " in line) or " -o " in line
        ]


def with_options(on: LinuxHost, **changed: Any) -> LinuxHost:
    """The same rules and addresses with other options."""
    return replace(on, options=replace(on.options, **changed))


@contextmanager
def net_host(directory: Path) -> Iterator[NetHost]:
    """With an uplink that has addresses and routes of both families; this thread is in its namespace."""
    with namespaces("host", "wire") as (name, wire):
        add_veth(name, "eth0", wire, "eth0")
        add_addresses(name, "eth0", "192.0.2.2/24", "2001:db8::2/64")
        add_addresses(wire, "eth0", "192.0.2.1/24", "2001:db8::1/64")
        ip(name, "route", "add", "default", "via", "192.0.2.1", "metric", "100")
        ip(name, "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "src", "192.0.2.2")
        ip(name, "route", "add", "203.0.113.0/24", "dev", "eth0")
        ip(name, "-6", "route", "add", "default", "via", "2001:db8::1")
        machine = Path("/proc/thread-self/ns/net").stat().st_ino
        with netns.inside(name):
            assert Path("/proc/thread-self/ns/net").stat().st_ino != machine
            options = NetworkOptions(state_path=directory)
            yield NetHost(name, wire, LinuxHost(options, IptablesManager(options=IptablesOptions())))


def flat_network(**changed: object) -> dict[str, object]:
    """A network as nova's database has it."""
    network: dict[str, object] = {
        "uuid": "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8",
        "cidr": "10.0.0.0/24",
        "gateway": "10.0.0.1",
        "dhcp_server": "10.0.0.1",
        "bridge": BRIDGE,
        "bridge_interface": "eth0",
        "vlan": None,
        "mtu": None,
        "share_address": False,
    }
    return network | changed
