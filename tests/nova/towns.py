"""A town for stories: two hosts whose managers serve networks, a street, and guests that move from host to host."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

from nova.manager_hosts import Host, hosts
from nova.managers import ADMIN, instance, uuid

from netwright.control.world import World
from netwright.kernel import netns
from netwright.model.ids import HOST_NAMESPACE, Mac, NamespaceName
from netwright.nova.floating_ips import LocalManager
from netwright.nova.linux_net import LinuxBridgeInterfaceDriver
from netwright.nova.manager import FlatDHCPManager, NetworkManager
from netwright.nova.models import NetworkModel
from netwright.testing import frames
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.frames import BROADCAST, End
from netwright.testing.namespaces import (
    add_addresses,
    add_bridge,
    add_veth,
    addresses_of,
    eventually,
    ip,
    namespace,
    run,
)
from netwright.testing.namespaces import plug as plug_link
from netwright.testing.talk import tell

FLOATING = "203.0.113.10"
STREET = "203.0.113.254"
PORT = 7000
PATIENCE = 20.0
"""Seconds in which a segment that was lost has been sent again."""


@dataclass
class Guest:
    """An instance's machine: its namespace, and with it all that it has open, goes along wherever it moves."""

    number: int
    mac: str
    fixed: str
    bridge: str
    host: Host
    space: NamespaceName
    client: DhcpClient

    def lease(self) -> Mapping[str, str]:
        """What a real DHCP client is told; the guest uses it."""
        told = self.client.ask()
        if told:
            assert told["new_ip_address"] == self.fixed
            ip(self.space, "route", "replace", "default", "via", told["new_routers"])
        return told

    def reaches(self, address: str) -> bool:
        return eventually(lambda: pings(self.space, address))

    def carry(self, to: Host) -> None:
        """As a hypervisor does at the end of a live migration: the link is on the other host, and says so."""
        link = f"vnet{self.number}"
        ip(self.host.space, "link", "set", link, "netns", to.space)
        ip(to.space, "link", "set", link, "master", self.bridge, "up")
        self.host = to
        mine = End(Mac(self.mac), IPv4Address(self.fixed))
        said = frames.arp(mine.mac, 1, mine, End(BROADCAST, mine.address))
        with netns.inside(self.space), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            assert eventually(lambda: "LOWER_UP" in ip(self.space, "link", "show", "eth0"))
            wire.send(said)

    def power_off(self) -> None:
        """Without a word to anybody."""
        run(self.host.space, ["ip", "link", "del", f"vnet{self.number}"])


@dataclass
class Town:
    """`eth1` of both hosts is on one wire, `eth0` on the street."""

    world: World
    hosts: list[Host]
    outside: NamespaceName
    stack: ExitStack
    network: NetworkModel

    @property
    def manager(self) -> Any:  # a manager of whatever kind
        return self.hosts[0].manager

    def tick(self, times: int = 1) -> None:
        """All hosts' periodic tasks."""
        for _ in range(times):
            for host in self.hosts:
                host.tick()

    def wait(self, seconds: int) -> None:
        """So long later."""
        self.world.clock.ahead += timedelta(seconds=seconds)

    def boot(self, host: Host, number: int, **more: object) -> Guest:
        """A new instance there; its machine has no address yet."""
        with host.inside() as manager:
            (vif,) = manager.allocate_for_instance(
                ADMIN,
                instance_id=uuid(number),
                instance=instance(number, host.name, "admin"),
                host=host.name,
                project_id="admin",
                **more,
            )
        fixed = vif["network"]["subnets"][0]["ips"][0]["address"]
        self.bring_bridge(host)
        where = self.stack.enter_context(namespace("guest"))
        plug_link(host.space, self.network.bridge, f"vnet{number}", where, vif["address"])
        place = host.directory / f"guest-{where}"
        place.mkdir()
        return Guest(
            number, vif["address"], fixed, self.network.bridge, host, where, DhcpClient(where, place)
        )

    def bring_bridge(self, host: Host) -> None:
        """What a hypervisor's driver does before it plugs a guest on a host that is not the gateway."""
        driver, net = LinuxBridgeInterfaceDriver, self.network
        with host.inside():
            if net.vlan is not None:
                driver.ensure_vlan_bridge(net.vlan, net.bridge, "eth1", on=host.on)
            else:
                driver.ensure_bridge(net.bridge, "eth1", filtering=False, on=host.on)

    def delete(self, guest: Guest) -> None:
        """The machine goes first, then its addresses; the host of the network follows."""
        guest.power_off()
        with guest.host.inside() as manager:
            manager.deallocate_for_instance(ADMIN, instance=instance(guest.number, guest.host.name, "admin"))
        self.tick()

    def migrate(self, guest: Guest, to: Host, floating: Sequence[str] = ()) -> None:
        """As nova's compute hosts do it: networks there, then the machine, then addresses from here to there."""
        source, who = guest.host, uuid(guest.number)
        names = {"source": source.name, "dest": to.name, "floating_addresses": list(floating)}
        self.bring_bridge(to)
        with to.inside() as manager:
            manager.setup_networks_on_host(ADMIN, who, to.name)
        guest.carry(to)
        with source.inside() as manager:
            manager.migrate_instance_start(ADMIN, who, **names)
            manager.setup_networks_on_host(ADMIN, who, source.name, teardown=True)
        with to.inside() as manager:
            manager.migrate_instance_finish(ADMIN, who, **names)
            manager.setup_networks_on_host(ADMIN, who, to.name)
        self.tick()

    def evacuate(self, guest: Guest, to: Host, floating: Sequence[str] = ()) -> None:
        """The instance is made anew on that host, and its own is dead."""
        who = uuid(guest.number)
        names = {"source": guest.host.name, "dest": to.name, "floating_addresses": list(floating)}
        with to.inside() as manager:
            manager.migrate_instance_start(ADMIN, who, **names)
            manager.migrate_instance_finish(ADMIN, who, **names)
            manager.setup_networks_on_host(ADMIN, who, to.name)
        self.bring_bridge(to)
        guest.carry(to)
        guest.client.forget()
        self.tick()

    def kill(self, host: Host) -> None:
        """As when its power is cut: nothing runs there, its links are dead, nobody hears of it any more."""
        for pid in run_pids(host.space):
            run(host.space, ["kill", "-KILL", pid], check=False)
        for link in ("eth0", "eth1"):
            ip(host.space, "link", "set", link, "down")
        self.hosts.remove(host)
        self.wait(90)

    def revive(self, host: Host) -> None:
        """It has power again: links and memory as they were, its manager starts."""
        for link in ("eth0", "eth1"):
            ip(host.space, "link", "set", link, "up")
        self.hosts.append(host)
        with host.inside() as manager:
            manager.init_host()

    def fixed(self, address: str) -> Any:  # a model, whose type no test needs
        return self.manager.get_fixed_ip_by_address(ADMIN, address)

    def float_to(self, guest: Guest) -> None:
        with guest.host.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, guest.fixed)
        self.tick()

    def reaches(self, address: str = FLOATING) -> bool:
        """Whether somebody out there gets an answer from it."""
        return eventually(lambda: pings(self.outside, address), 10)

    def holders(self, address: str = FLOATING) -> list[str]:
        """The hosts that have the address on their public links."""
        return [host.name for host in self.hosts if f"{address}/32" in addresses_of(host.space, "eth0")]


@contextmanager
def town(
    kind: type[NetworkManager] = FlatDHCPManager, cidr: str = "10.0.0.0/28", **options: Any
) -> Iterator[Town]:
    """Hosts h1 and h2, a network, and one floating IP that is the administrator's. Options of networks
    (multi_host, share_address, bridge_interface, bridge, vlan) are the network's, the others managers'."""
    about = {
        name: options.pop(name)
        for name in ("multi_host", "share_address", "bridge_interface", "bridge", "vlan")
        if name in options
    }
    with ExitStack() as stack:
        here, made = stack.enter_context(hosts("h1", "h2", kind=kind, use_ipv6=False, **options))
        outside = stack.enter_context(namespace("street"))
        add_bridge(outside, "street0", f"{STREET}/24")
        for number, host in enumerate(made, start=1):
            add_veth(outside, f"s{number}", host.space, "eth0", f"02:00:00:00:02:{number:02x}")
            ip(outside, "link", "set", f"s{number}", "master", "street0")
            add_addresses(host.space, "eth0", f"203.0.113.{number}/24")
            ip(outside, "route", "add", f"192.0.2.{number}", "via", f"203.0.113.{number}")
            ip(host.space, "route", "add", "default", "via", STREET)
        (network,) = made[0].manager.create_networks(ADMIN, "net", cidr=cidr, **about)
        LocalManager(here, options=made[0].manager.options).create_floating_ips_bulk(ADMIN, FLOATING)
        made[0].manager.allocate_floating_ip(ADMIN, "admin")
        for host in made:
            with host.inside() as manager:
                manager.init_host()
        yield Town(here, made, outside, stack, network)


@contextmanager
def connected(
    caller: NamespaceName, address: str, guest: Guest
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection to the guest by that address: the caller's end and the guest's."""
    with netns.inside(guest.space):
        listening = socket.create_server(("0.0.0.0", PORT))
    with listening:
        listening.settimeout(PATIENCE)
        with netns.inside(caller):
            near = socket.create_connection((address, PORT), PATIENCE)
        far, _ = listening.accept()
    with near, far:
        far.settimeout(PATIENCE)
        talk(near, far)
        yield near, far


def talk(near: socket.socket, far: socket.socket) -> None:
    """A word in each direction is heard. Raises OSError if not."""
    tell(near, far)
    tell(far, near)


def pings(where: NamespaceName, address: str) -> bool:
    return run(where, ["ping", "-c1", "-W1", address], check=False).returncode == 0


def run_pids(where: NamespaceName) -> list[str]:
    return run(HOST_NAMESPACE, ["ip", "netns", "pids", where]).stdout.split()
