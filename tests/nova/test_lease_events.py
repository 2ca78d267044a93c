"""From a guest's DHCP client to the server's row: dnsmasq, its script, the agent, the server, all real."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from asking import networks, subnets
from nova.dhcp_hosts import CONTEXT, DEV, DhcpHost, dhcp_host, fixed, heard
from nova.dhcp_hosts import network as nova_network

from netwright.control import leases
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.ids import HostName, LinkName, Mac, NetworkId
from netwright.model.intent import GatewayPlace
from netwright.model.leases import LeaseChange
from netwright.nova.linux_net import kill_dhcp, release_dhcp, update_dhcp
from netwright.store.engine import open_engine
from netwright.testing import lab as labs
from netwright.testing.dhcp_crowd import lease_all, release_all
from netwright.testing.namespaces import eventually
from netwright.wire.unix_http import UnixConnection

MANY = 1000


@dataclass
class Site:
    """A host whose dnsmasq linux_net runs, beside `netwright up`; the test looks into the server's database."""

    host: DhcpHost
    world: World
    service: subprocess.Popen[bytes]
    network: NetworkId

    @property
    def directory(self) -> Path:
        return self.host.directory

    def given(self) -> dict[str, object]:
        """The network as nova's managers hand it over."""
        return nova_network(
            uuid=self.network,
            cidr="10.0.0.0/20",
            gateway="10.0.0.1",
            dhcp_server="10.0.0.1",
            dhcp_start="10.0.0.3",
        )

    def serve(self, *addresses: object) -> None:
        update_dhcp(CONTEXT, DEV, self.given(), on=self.host.on)

    def held(self) -> dict[str, str]:
        """What the server holds for leased: address and MAC."""
        records = leases.of_network(self.world, self.network)
        return {str(record.address): str(record.mac) for record in records if record.is_held}

    def released(self) -> int:
        """How many releases the script noted that no agent has taken."""
        return sum(event.change is LeaseChange.RELEASED for event in self.host.spool().pending(self.network))

    def kill_agent(self) -> None:
        self.service.send_signal(signal.SIGKILL)
        self.service.wait()

    def start_agent(self) -> None:
        self.service = up(self.host)


@dataclass
class NetworkAddresses:
    """Answers for the one network, whatever its id."""

    found: list[object]

    def of_network(self, network_id: str, host: str | None = None) -> list[object]:
        return self.found


def up(host: DhcpHost) -> subprocess.Popen[bytes]:
    where = host.directory
    directories = ["--state-dir", str(where / "server"), "--run-dir", str(where)]
    doors = ["--socket", str(where / "api.sock"), "--listen", "none", "--host", "host-a"]
    argv = [sys.executable, "-m", "netwright", "up", *directories, *doors]
    return labs.start(host.net.name, argv, where / "log")


def answers(socket: Path) -> bool:
    connection = UnixConnection(socket, 5)
    try:
        connection.request("GET", "/v1/status")
        return any(host["watching"] for host in json.loads(connection.getresponse().read())["hosts"])
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture
def site() -> Iterator[Site]:
    directory = Path(tempfile.mkdtemp(prefix="nwt-"))
    try:
        with dhcp_host(directory, "10.0.0.1/20") as host:
            service = up(host)
            try:
                assert eventually(lambda: answers(directory / "api.sock"), 30), (
                    directory / "log"
                ).read_text()
                database = open_engine(f"sqlite:///{directory}/server/netwright.db")
                made = Site(host, world_of(database), service, NetworkId(""))
                request = NetworkRequest(gateway_place=GatewayPlace.ROUTER)
                made.network = networks.create(made.world, [request])[0].value.id
                subnets.create(
                    made.world, [SubnetRequest(network_id=made.network, cidr=ip_network("10.0.0.0/20"))]
                )
                yield made
                made.kill_agent()
                database.close()
            finally:
                service.kill()
                service.wait()
    finally:
        shutil.rmtree(directory)


def world_of(database) -> World:
    return World(
        database, HostName("host-a"), lambda: datetime.now(UTC), lambda: str(uuid.uuid4()), random.Random()
    )


def crowd(number: int) -> list:
    """Guests with addresses 10.0.1.0 and on."""
    return [
        replace(
            fixed(5),
            address=IPv4Address("10.0.1.0") + at,
            mac=Mac(f"fa:16:3e:01:{at >> 8:02x}:{at & 255:02x}"),
            hostname=f"vm-{at}",
        )
        for at in range(number)
    ]


def test_a_lease_becomes_a_row_and_its_release_ends_it(site: Site) -> None:
    """What a guest's client gets is leased at the server; what is given back is leased no more."""
    site.host.addresses = NetworkAddresses([fixed(5)])
    site.serve()
    assert heard(site.host.guest(5).ask(), "ip_address") == "10.0.0.5"
    assert eventually(lambda: site.held() == {"10.0.0.5": "fa:16:3e:00:00:05"})
    release_dhcp(DEV, "10.0.0.5", "fa:16:3e:00:00:05", on=site.host.on)
    assert eventually(lambda: site.held() == {})


def test_nothing_is_lost_of_a_thousand_leases(site: Site) -> None:
    """Of 1,000 leases in a burst and then 1,000 releases, the agent killed in the middle of each, none is missing."""
    guests = crowd(MANY)
    site.host.addresses = NetworkAddresses(guests)
    config = site.directory / "dnsmasq.conf"
    config.write_text(
        "port=0\n"
    )  # its DNS goes through all leases at each: without it they come ten times as fast
    update_dhcp(CONTEXT, DEV, site.given(), on=site.host.with_options(dnsmasq_config_file=str(config)))
    link = site.host.guest(5)
    macs = [guest.mac for guest in guests]
    wanted = {guest.mac: guest.address for guest in guests}
    told = {str(guest.address): guest.mac for guest in guests}
    first = lease_all(link.namespace, LinkName("eth0"), macs[: MANY // 2])
    site.kill_agent()
    second = lease_all(link.namespace, LinkName("eth0"), macs[MANY // 2 :])
    assert first | second == wanted
    site.start_agent()
    assert eventually(lambda: site.held() == told, 60), (
        len(site.held()),
        (site.directory / "log").read_text()[-2000:],
    )
    halves = [dict(list(wanted.items())[at::2]) for at in (0, 1)]
    release_all(LinkName(DEV), halves[0])
    site.kill_agent()
    release_all(LinkName(DEV), halves[1])
    site.start_agent()
    assert eventually(lambda: site.held() == {}, 60), len(site.held())
    assert len(leases.of_network(site.world, site.network)) == MANY


def test_leases_come_back_when_dnsmasq_does(site: Site) -> None:
    """Killed, and with no agent to ask, a new dnsmasq knows all leases: it tells the release of each."""
    guests = crowd(40)
    site.host.addresses = NetworkAddresses(guests)
    site.serve()
    link = site.host.guest(5)
    leased = lease_all(link.namespace, LinkName("eth0"), [guest.mac for guest in guests])
    assert eventually(lambda: len(site.held()) == len(leased) == 40)
    site.kill_agent()
    pid = site.host.daemon.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: site.host.daemon.pid() is None)
    site.host.addresses = NetworkAddresses(
        [replace(guest, leased=str(guest.address) in site.held()) for guest in guests]
    )
    site.serve()
    release_all(LinkName(DEV), leased)
    assert eventually(lambda: site.released() == 40), site.released()
    kill_dhcp(DEV, on=site.host.on)
    site.start_agent()
    assert eventually(lambda: site.held() == {}, 30), (
        site.held(),
        (site.directory / "log").read_text()[-2000:],
    )
