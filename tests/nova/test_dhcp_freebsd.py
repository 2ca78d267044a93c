"""FreeBSD's dnsmasq: its files, and the real daemon on them (here on Linux: of FreeBSD's programs, stand-ins)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from nova.dhcp_hosts import Overtaken

from netwright.kernel import netns
from netwright.kernel.programs import run_program
from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.nova.address_source import FixedAddress
from netwright.nova.dhcp_freebsd import FreeBsdDhcp, main_text, names, network_text, reservations
from netwright.nova.network_refs import parse_network
from netwright.nova.options import NetworkOptions
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_bridge, eventually, namespaces, plug

NETWORK = {
    "id": "4e8e5957-649f-477b-9e5b-f1f75b21c03c",
    "label": "private",
    "cidr": "10.31.0.0/24",
    "gateway": "10.31.0.1",
    "dhcp_start": "10.31.0.2",
    "bridge": "br100",
    "mtu": 1450,
}
OTHER = {
    **NETWORK,
    "id": "5e8e5957-649f-477b-9e5b-f1f75b21c03c",
    "cidr": "10.32.0.0/24",
    "gateway": "10.32.0.1",
}
MAC = Mac("fa:16:3e:00:00:01")


def fixed(number: int, hostname: str = "web-1", *, mac: str = MAC, allocated: bool = True) -> FixedAddress:
    return FixedAddress(
        IPv4Address(f"10.31.0.{number}"), Mac(mac), hostname, "i", "h", f"v{number}", allocated, False, True
    )  # fmt: skip


@dataclass
class Source:
    held: list[FixedAddress] = field(default_factory=list)

    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        del host
        return self.held if network_id == NETWORK["id"] else ()


def options(directory: Path) -> NetworkOptions:
    return NetworkOptions(state_path=directory, dns_server=("192.0.2.53",))


@dataclass
class Bench:
    """A host in a namespace with br100, on it a guest, and br200."""

    dhcp: FreeBsdDhcp
    source: Source
    guest: DhcpClient

    def pid(self) -> int:
        path = self.dhcp.options.networks_path / "dnsmasq.pid"
        return int(path.read_text()) if path.exists() else 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    source = Source([fixed(11)])
    # dnsmasq has a user of its own, whom tests' directories are closed to.
    with TemporaryDirectory() as state, namespaces("host", "guest") as (host, guest):
        Path(state).chmod(0o755)
        add_bridge(host, "br100", "10.31.0.1/24")
        add_bridge(host, "br200", "10.32.0.1/24")
        plug(host, "br100", "tap1", guest, MAC)
        (tmp_path / "client").mkdir()
        dhcp = FreeBsdDhcp(options(Path(state)), source, _runner(host), "dnsmasq")
        made = Bench(dhcp, source, DhcpClient(guest, tmp_path / "client"))
        yield made
        if made.pid() and Path(f"/proc/{made.pid()}").exists():
            os.kill(made.pid(), signal.SIGKILL)


def test_the_files_are_these(tmp_path: Path) -> None:
    """Two networks' configuration, line by line."""
    made = options(Path("/var/db/netwright/nova"))
    assert main_text(made, [LinkName("br200"), LinkName("br100")]) == (
        "bind-interfaces\n"
        "except-interface=lo0\n"
        "pid-file=/var/db/netwright/nova/networks/dnsmasq.pid\n"
        "dhcp-leasefile=/var/db/netwright/nova/networks/dnsmasq.leases\n"
        "no-hosts\n"
        "domain=novalocal\n"
        "local=/novalocal/\n"
        "dhcp-authoritative\n"
        "dhcp-ignore=tag:!known\n"
        "dhcp-ignore-names\n"
        "dhcp-lease-max=16777216\n"
        "no-resolv\n"
        "server=192.0.2.53\n"
        "conf-file=/var/db/netwright/nova/networks/br100.conf\n"
        "conf-file=/var/db/netwright/nova/networks/br200.conf\n"
    )
    assert network_text(parse_network(NETWORK), LinkName("br100"), made) == (
        "interface=br100\n"
        "dhcp-range=set:nd920345b308a,10.31.0.2,static,255.255.255.0,86400s\n"
        "dhcp-option=tag:nd920345b308a,option:router,10.31.0.1\n"
        "dhcp-option-force=tag:nd920345b308a,option:mtu,1450\n"
        "dhcp-hostsfile=/var/db/netwright/nova/networks/br100.dhcp\n"
        "addn-hosts=/var/db/netwright/nova/networks/br100.hosts\n"
    )
    with pytest.raises(InvalidError, match="needs one"):
        network_text(replace(parse_network(NETWORK), cidr=None), LinkName("br100"), made)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "hostname", ["ignore", "1h", "", "a,b", "x\nid:*,ignore", "ü" * 80, "-a-.b", "10.0.0.1"]
)
def test_a_hostname_is_a_name_and_nothing_more(hostname: str) -> None:
    """Whatever an instance is called, its line has three fields and its name is one of DNS's."""
    made = NetworkOptions()
    (line,) = reservations([fixed(11, hostname)], made).splitlines()
    mac, address, name = line.split(",")
    assert (mac, address) == (MAC, "10.31.0.11")
    assert name.endswith(".novalocal")
    assert name.isascii()
    assert len(name.split(".")[0]) in range(1, 64)
    assert names([fixed(11, hostname)], made) == f"10.31.0.11\t{name}\n"


def test_only_the_first_allocated_address_of_a_mac_is_reserved() -> None:
    """Others of the same MAC have names only, and what is not allocated has neither."""
    held = [fixed(10, allocated=False), fixed(11), fixed(12, "web-2")]
    made = NetworkOptions()
    assert reservations(held, made) == f"{MAC},10.31.0.11,web-1.novalocal\n"
    assert names(held, made) == "10.31.0.11\tweb-1.novalocal\n10.31.0.12\tweb-2.novalocal\n"


def test_a_guest_gets_its_address_and_the_daemon_goes_on(bench: Bench) -> None:
    """The real dnsmasq serves the guest; a changed address needs no new daemon, a new network does; the last stops it."""
    bench.dhcp.update_dhcp(None, "br100", NETWORK)
    told = bench.guest.ask()
    assert told["new_ip_address"] == "10.31.0.11"
    assert (told["new_routers"], told["new_interface_mtu"]) == ("10.31.0.1", "1450")
    first = bench.pid()
    bench.source.held = [fixed(12)]
    bench.dhcp.update_dhcp(None, "br100", NETWORK)
    bench.guest.forget()
    assert eventually(lambda: bench.guest.ask().get("new_ip_address") == "10.31.0.12", 20)
    assert bench.pid() == first
    bench.dhcp.update_dhcp(None, "br200", OTHER)
    assert bench.pid() != first
    bench.dhcp.kill_dhcp("br200")
    bench.guest.forget()
    assert bench.guest.ask()["new_ip_address"] == "10.31.0.12"
    last = bench.pid()
    bench.dhcp.kill_dhcp("br100")
    assert not Path(f"/proc/{last}").exists()


def test_a_daemon_that_died_is_started_and_a_stranger_is_left_alone(bench: Bench) -> None:
    """Where the pid file names a process that is not ours, that one lives and ours is started."""
    bench.dhcp.update_dhcp(None, "br100", NETWORK)
    first = bench.pid()
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: not Path(f"/proc/{first}").exists())
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (bench.dhcp.options.networks_path / "dnsmasq.pid").write_text(f"{stranger.pid}\n")
        bench.dhcp.update_dhcp(None, "br100", NETWORK)
        assert stranger.poll() is None
        stranger.kill()
    assert bench.guest.ask()["new_ip_address"] == "10.31.0.11"


def test_who_read_first_does_not_write_last(bench: Bench) -> None:
    """Two calls at once take turns, and what stays is what the later one was told; there is one daemon."""
    bench.source.held = [fixed(11), fixed(12, mac="fa:16:3e:00:00:02")]
    source = Overtaken(
        ([fixed(11)], bench.source.held), lambda: bench.dhcp.update_dhcp(None, "br100", NETWORK)
    )
    replace(bench.dhcp, addresses=source).update_dhcp(None, "br100", NETWORK)
    source.other.join()
    assert "10.31.0.12" in (bench.dhcp.options.networks_path / "br100.dhcp").read_text()


def _runner(host: NamespaceName):
    def run(argv: Sequence[str], text: str = "") -> str:
        if argv[0] == "pwait":
            # FreeBSD's pwait(1): until that process is gone.
            return run_program(["tail", f"--pid={argv[-1]}", "-f", "/dev/null"], text)
        with netns.inside(host):
            return run_program(argv, text)

    return run
