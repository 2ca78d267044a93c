"""A daemon on a bridge in a namespace, asked by real clients."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from netwright.kernel.dnsmasq import DnsmasqDaemons, systemd_argv
from netwright.kernel.dnsmasq_files import DhcpFiles
from netwright.kernel.dnsmasq_home import Home
from netwright.kernel.lease_spool import LEASES, SCRIPT, LeaseSpool
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Dnsmasq, Traits
from netwright.model.ids import NamespaceName, NetworkId, bridge_name
from netwright.model.leases import LeaseChange
from netwright.model.plan import NetworkItem, PortItem, Serving
from netwright.render.dhcp import network_dhcp, port_dhcp
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.dns_client import lookup, reverse
from netwright.testing.namespaces import add_bridge, addresses_of, eventually, ip, namespace, plug, run
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet

V4 = sample_subnet("10.93.0.0/24")
NET = sample_network(V4)


@dataclass(frozen=True)
class Bench:
    """A host's namespace with one network's bridge, and the two drivers."""

    host: NamespaceName
    directory: Path
    files: DhcpFiles
    daemons: DnsmasqDaemons

    def serve(self, network: NetworkItem, *ports: PortItem) -> None:
        self.put(*ports)
        self.daemons.put(self.desired(network))

    def desired(self, network: NetworkItem) -> dict[NetworkId, Dnsmasq]:
        traits = Traits(str(self.directory), bridge_conntrack=False, lease_script=str(SCRIPT))
        rendered = network_dhcp(network, traits)
        return {key: replace(value, namespace=self.host) for key, value in rendered.items()}

    def put(self, *ports: PortItem) -> None:
        self.files.put({key: text for port in ports for key, text in port_dhcp(port).items()})

    def pid(self) -> int:
        pid = Home(self.directory, NETWORK).daemon.pid()
        assert pid
        return pid

    def asked(self, name: str, kind: str = "A", server: str = "10.93.0.1") -> tuple[str, ...]:
        return lookup(self.host, server, name, kind)


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="nwt-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def bench(directory: Path) -> Iterator[Bench]:
    with namespace("host") as host:
        add_bridge(host, bridge_name(NETWORK), "10.93.0.1/24", "fd93::1/64")
        daemons = DnsmasqDaemons(directory, systemd=False)
        yield Bench(host, directory, DhcpFiles(directory), daemons)
        daemons.remove([NETWORK])


@pytest.fixture
def guest(bench: Bench, tmp_path: Path) -> Iterator[DhcpClient]:
    with namespace("guest") as name:
        plug(bench.host, bridge_name(NETWORK), "tap1", name, "fa:16:3e:00:00:01")
        yield DhcpClient(name, tmp_path)


def port(address: str = "10.93.0.11", number: int = 1) -> PortItem:
    return sample_port(sample_address(V4, address), number=number, network=NET)


def test_a_guest_gets_its_reserved_address_and_everything_beside_it(bench: Bench, guest: DhcpClient) -> None:
    """A real client is given the address, router, name server, MTU and routes that the plan says."""
    bench.serve(NET, port())
    heard = guest.ask()
    assert heard["new_ip_address"] == "10.93.0.11"
    assert heard["new_routers"] == "10.93.0.1"
    assert heard["new_domain_name_servers"] == "10.93.0.1"
    assert heard["new_interface_mtu"] == "1450"
    assert heard["new_classless_routes"] == "32 169 254 169 254 10 93 0 1 0 10 93 0 1"
    assert heard["new_ms_classless_routes"] == heard["new_classless_routes"]
    assert heard["new_host_name"] == "guest1"
    assert heard["new_domain_name"] == "example.internal"
    assert heard["new_dhcp_lease_time"] == "86400"


def test_a_port_that_comes_later_is_served_without_a_restart(bench: Bench, guest: DhcpClient) -> None:
    """A reservation put while the daemon runs is answered, by the same process."""
    bench.serve(NET)
    before = bench.pid()
    bench.put(port())
    assert guest.ask()["new_ip_address"] == "10.93.0.11"
    assert bench.pid() == before


def test_a_stranger_is_not_answered(bench: Bench, guest: DhcpClient) -> None:
    """A MAC without reservation hears nothing, not even a refusal."""
    bench.serve(NET, port(number=2))
    assert not guest.ask(seconds=2)


def test_names_answer_forward_and_reverse_and_nothing_leaks_upstream(bench: Bench) -> None:
    """A port's names resolve both ways as soon as it is put, and end when it is removed."""
    bench.serve(NET)
    bench.put(port())
    assert eventually(lambda: bench.asked("guest1.example.internal") == ("10.93.0.11",))
    assert bench.asked("guest1") == ("10.93.0.11",)
    assert bench.asked(reverse("10.93.0.11"), "PTR") == ("guest1.example.internal",)
    assert bench.asked("other.example.internal") == ()
    bench.files.remove(list(port_dhcp(port())))
    assert eventually(lambda: bench.asked("guest1.example.internal") == ())


def test_a_name_that_ports_share_is_all_of_theirs(bench: Bench, guest: DhcpClient) -> None:
    """It resolves to each one's address, also after one of them has its lease; one that goes takes its own along."""
    bench.serve(NET)
    first, second = (replace(port(f"10.93.0.{11 + at}", 1 + at), dns_name="db") for at in range(2))
    bench.put(first)
    bench.put(second)

    def known() -> set[str]:
        return set(bench.asked("db.example.internal"))

    assert eventually(lambda: known() == {"10.93.0.11", "10.93.0.12"})
    assert guest.ask()["new_host_name"] == "db"
    assert known() == {"10.93.0.11", "10.93.0.12"}
    assert bench.asked(reverse("10.93.0.12"), "PTR") == ("db.example.internal",)
    bench.files.remove(list(port_dhcp(first)))
    assert eventually(lambda: known() == {"10.93.0.12"})


def test_a_changed_reservation_moves_the_guest_at_its_next_request(bench: Bench, guest: DhcpClient) -> None:
    """The old lease goes with the old reservation, and another MAC can have its address at once."""
    bench.serve(NET, port())
    guest.ask()
    bench.put(port("10.93.0.12"))
    assert guest.ask()["new_ip_address"] == "10.93.0.12"
    bench.put(port("10.93.0.11", number=2))
    with namespace("second") as name:
        plug(bench.host, bridge_name(NETWORK), "tap2", name, "fa:16:3e:00:00:02")
        (guest.directory / "second").mkdir()
        assert DhcpClient(name, guest.directory / "second").ask()["new_ip_address"] == "10.93.0.11"


def test_a_removed_port_is_forgotten_and_its_lease_ends(bench: Bench, guest: DhcpClient) -> None:
    """After removal no file, lease or answer is left, though the daemon never restarted."""
    bench.serve(NET, port())
    guest.ask()
    before = bench.pid()
    bench.files.remove(list(port_dhcp(port())))
    assert bench.files.observe() == {}
    assert Home(bench.directory, NETWORK).leases()[1] == []
    guest.forget()
    assert not guest.ask(seconds=2)
    assert bench.pid() == before


def test_a_removal_that_a_kill_cut_short_is_seen_and_ended(bench: Bench, guest: DhcpClient) -> None:
    """A reservation set aside but not settled is observed as unlike any, and removing it ends its lease."""
    bench.serve(NET, port())
    guest.ask()
    key = next(iter(port_dhcp(port())))
    path = Home(bench.directory, NETWORK).files(key.kind) / key.name
    path.rename(path.with_name(f".old-{key.name}"))
    assert bench.files.observe([key]) == {key: ""}
    assert bench.files.observe()[key] == ""
    bench.files.remove([key])
    assert bench.files.observe([key]) == {}
    assert Home(bench.directory, NETWORK).leases()[1] == []


def test_a_lease_whose_port_went_while_no_daemon_ran_does_not_come_back(
    bench: Bench, guest: DhcpClient
) -> None:
    """Leases without reservation are dropped from the database before a daemon reads it."""
    bench.serve(NET, port())
    guest.ask()
    os.kill(bench.pid(), signal.SIGKILL)
    assert eventually(lambda: bench.daemons.observe() == {})
    bench.files.remove(list(port_dhcp(port())))
    bench.serve(NET)
    assert Home(bench.directory, NETWORK).leases()[1] == []


def test_leases_survive_a_restart(bench: Bench, guest: DhcpClient) -> None:
    """A daemon that starts again knows the leases of the one before."""
    bench.serve(NET, port())
    guest.ask()
    before = Home(bench.directory, NETWORK).leases()
    bench.serve(replace(NET, mtu=1400), port())
    assert Home(bench.directory, NETWORK).leases() == before
    assert guest.ask()["new_interface_mtu"] == "1400"


def test_what_was_put_is_observed_by_a_fresh_driver_and_left_alone(bench: Bench) -> None:
    """A second driver without memory sees the same state, and putting that restarts nothing."""
    bench.serve(NET, port())
    before = bench.pid()
    fresh = DnsmasqDaemons(bench.directory, systemd=False)
    assert fresh.observe() == bench.desired(NET) == fresh.observe([NETWORK])
    assert DhcpFiles(bench.directory).observe() == port_dhcp(port())
    fresh.put(bench.desired(NET))
    assert bench.pid() == before


def test_a_killed_daemon_is_told_of_and_no_longer_observed(bench: Bench) -> None:
    """The watch hears of a SIGKILL within a second; a stop of our own is no news."""
    told: list[NetworkId] = []
    heard = threading.Event()
    bench.serve(NET)
    bench.daemons.watch(lambda network: (told.append(network), heard.set())[0])
    os.kill(bench.pid(), signal.SIGKILL)
    assert heard.wait(1)
    assert bench.daemons.observe() == {}  # the callback's first look must not see the dead
    bench.serve(NET)
    heard.clear()
    os.kill(bench.pid(), signal.SIGKILL)
    assert heard.wait(1)
    bench.serve(NET)
    bench.daemons.remove([NETWORK])
    bench.daemons.close()
    assert told == [NETWORK, NETWORK]


def test_a_daemon_on_a_link_or_directory_made_anew_is_not_observed(bench: Bench, guest: DhcpClient) -> None:
    """A daemon that listens on what is gone counts as absent, and a put makes it serve again."""
    bench.serve(NET, port())
    ip(bench.host, "link", "delete", bridge_name(NETWORK))
    assert bench.daemons.observe() == {}
    with pytest.raises(KernelRefusedError):
        bench.serve(NET)
    add_bridge(bench.host, bridge_name(NETWORK), "10.93.0.1/24")
    ip(bench.host, "link", "set", "tap1", "master", bridge_name(NETWORK))
    assert bench.daemons.observe() == {}
    bench.serve(NET)
    assert guest.ask()["new_ip_address"] == "10.93.0.11"
    shutil.rmtree(bench.directory / "dnsmasq")
    assert bench.daemons.observe() == {}
    bench.serve(NET, port())
    guest.forget()
    assert guest.ask()["new_ip_address"] == "10.93.0.11"


def test_a_refused_text_leaves_the_running_daemon_as_it_is(bench: Bench) -> None:
    """dnsmasq's own words come with the error, and the daemon that served goes on serving."""
    bench.serve(NET)
    before, good = bench.pid(), bench.desired(NET)
    with pytest.raises(KernelRefusedError, match="bad option"):
        bench.daemons.put({NETWORK: replace(good[NETWORK], config=good[NETWORK].config + "nonsense\n")})
    assert bench.pid() == before
    assert bench.daemons.observe() == good


def test_one_network_refused_does_not_keep_another_from_starting(bench: Bench) -> None:
    """Of two daemons put together the sound one runs, and the error names the other's network."""
    other = NetworkId("00000000-649f-477b-9e5b-f1f75b21c03c")
    bad = Dnsmasq(bench.host, "interface=nowhere\n")
    with pytest.raises(KernelRefusedError, match=other):
        bench.daemons.put({other: bad, **bench.desired(NET)})
    assert bench.daemons.observe() == bench.desired(NET)
    bench.daemons.remove([other])


def test_a_unit_runs_in_the_networks_namespace(directory: Path) -> None:
    """Where systemd starts a daemon, the unit's name, pid file and namespace are the network's own."""
    home = Home(directory, NETWORK)
    argv = systemd_argv(home, NamespaceName(f"qdhcp-{NETWORK}"), ["dnsmasq"])
    assert f"--unit=netwright-dnsmasq-{NETWORK}.service" in argv
    assert f"--property=PIDFile={home.path}/pid" in argv
    assert f"--property=NetworkNamespacePath=/run/netns/qdhcp-{NETWORK}" in argv
    assert f"--setenv=NETWORK_ID={NETWORK}" in argv
    assert f"--setenv=NETWRIGHT_LEASES={home.directory}/leases" in argv
    assert argv[-1] == "dnsmasq"


def told(bench: Bench) -> list[tuple[LeaseChange, str, str | None]]:
    events = LeaseSpool(bench.directory / LEASES).pending(NETWORK)
    return [(event.change, str(event.address), event.mac) for event in events]


def test_leases_of_a_followed_network_are_told(bench: Bench, guest: DhcpClient) -> None:
    """Each lease and release is noted, of IPv6 too; a new daemon tells what it has from the old one; others tell nothing."""
    v6 = sample_subnet("fd93::/64", Serving.DHCPV6_STATEFUL, number=2)
    net = sample_network(V4, v6)
    both = sample_port(sample_address(V4, "10.93.0.11"), sample_address(v6, "fd93::11"), network=net)
    bench.serve(net, both)
    guest.ask()
    assert told(bench) == []
    followed = replace(net, lease_events=True)
    bench.serve(followed, both)
    assert eventually(lambda: "tentative" not in ip(guest.namespace, "-6", "address", "show", "dev", "eth0"))
    assert guest.ask(6)["new_ip6_address"] == "fd93::11"
    taken = [(LeaseChange.TAKEN, address, both.mac) for address in ("10.93.0.11", "fd93::11")]
    assert eventually(lambda: set(told(bench)) == set(taken)), told(bench)
    bench.files.remove(list(port_dhcp(both)))
    assert eventually(lambda: {(LeaseChange.RELEASED, *one[1:]) for one in taken} <= set(told(bench)))


def test_removal_leaves_no_file_and_no_process(bench: Bench) -> None:
    """A network that goes takes its daemon and its whole directory with it, in the order of a sweep."""
    bench.serve(NET, port())
    pid = bench.pid()
    bench.daemons.remove([NETWORK])
    bench.files.remove(list(port_dhcp(port())))
    assert not Path(f"/proc/{pid}").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    assert list((bench.directory / "dnsmasq").iterdir()) == []


def test_the_daemon_runs_as_a_user_of_its_own_and_holds_nothing_of_ours(bench: Bench) -> None:
    """It is not root, its standard files are closed, and it inherits no other open file of the agent."""
    with (bench.directory / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        bench.serve(NET)
        process = Path(f"/proc/{bench.pid()}")
        assert process.stat().st_uid != 0
        held = {str(path.readlink()) for path in (process / "fd").iterdir()}
    assert str(bench.directory / "open") not in held


def test_networks_with_one_cidr_live_side_by_side(bench: Bench, guest: DhcpClient) -> None:
    """Two networks in two namespaces with the same addresses each answer their own guests."""
    other = replace(NET, id=NetworkId("77777777-649f-477b-9e5b-f1f75b21c03c"))
    bench.serve(NET, port())
    with namespace("other") as host, namespace("guest") as name:
        add_bridge(host, bridge_name(other.id), "10.93.0.1/24")
        plug(host, bridge_name(other.id), "tap1", name, "fa:16:3e:00:00:01")
        twin = Bench(host, bench.directory, bench.files, bench.daemons)
        twin.serve(other, replace(port("10.93.0.99"), network_id=other.id))
        (guest.directory / "other").mkdir()
        assert DhcpClient(name, guest.directory / "other").ask()["new_ip_address"] == "10.93.0.99"
        assert guest.ask()["new_ip_address"] == "10.93.0.11"
        assert set(bench.daemons.observe()) == {NETWORK, other.id}
        bench.daemons.remove([other.id])


def test_networks_share_a_namespace(bench: Bench, guest: DhcpClient) -> None:
    """Two daemons in one namespace each answer DHCP and DNS on their own bridge only."""
    subnet = sample_subnet("10.94.0.0/24", number=2)
    other = replace(sample_network(subnet), id=NetworkId("77777777-649f-477b-9e5b-f1f75b21c03c"))
    add_bridge(bench.host, bridge_name(other.id), "10.94.0.1/24")
    bench.serve(
        other, replace(sample_port(sample_address(subnet, "10.94.0.5"), number=1), network_id=other.id)
    )
    bench.serve(NET, port())
    assert guest.ask()["new_ip_address"] == "10.93.0.11"
    assert bench.asked(reverse("10.93.0.11"), "PTR", "10.94.0.1") == ()
    bench.daemons.remove([other.id])


def test_the_cost_of_a_put_does_not_grow(bench: Bench) -> None:
    """Among 300 ports one more touches as many files, and lists as many directories, as the first one."""
    touched: list[str] = []
    armed = threading.Event()
    sys.addaudithook(lambda event, _: touched.append(event) if armed.is_set() else None)

    def cost(number: int) -> list[str]:
        item = port(str(ip_address("10.93.0.0") + number), number)
        touched.clear()
        armed.set()
        bench.put(item)
        bench.files.observe(list(port_dhcp(item)))
        armed.clear()
        return list(touched)

    bench.serve(NET, port("10.93.0.250", 250))
    first = cost(3)
    bench.put(*(port(str(ip_address("10.93.0.0") + number), number) for number in range(4, 254)))
    assert cost(254) == first
    assert not {"os.listdir", "os.scandir"} & set(first)


def test_many_leases_end_together(bench: Bench, guest: DhcpClient) -> None:
    """More leases than a receive buffer holds are all gone when the removal returns, the daemon running."""
    ports = [port(str(ip_address("10.93.0.0") + number), number) for number in range(2, 252)]
    leases = [f"4102444800 {item.mac} {item.addresses[0].address} * *\n" for item in ports]
    home = Home(bench.directory, NETWORK)
    home.make()
    (home.path / "leases").write_text("".join(leases))
    bench.serve(NET, *ports)
    assert len(home.leases()[1]) == len(ports)
    before = bench.pid()
    bench.files.remove([key for item in ports for key in port_dhcp(item)])
    assert home.leases()[1] == []
    assert bench.pid() == before


@pytest.mark.parametrize("family", [4, 6])
def test_a_lease_ends_though_its_guest_is_gone(bench: Bench, guest: DhcpClient, family: int) -> None:
    """With no carrier on the bridge any more, the lease of a removed port ends as well."""
    v6 = sample_subnet("fd93::/64", Serving.DHCPV6_STATEFUL, number=2)
    network = sample_network(V4, v6)
    item = sample_port(sample_address(V4, "10.93.0.11"), sample_address(v6, "fd93::11"), network=network)
    bench.serve(network, item)
    assert eventually(lambda: "tentative" not in ip(guest.namespace, "-6", "address", "show", "dev", "eth0"))
    assert guest.ask(family)
    ip(bench.host, "link", "delete", "tap1")
    before = bench.pid()
    bench.files.remove(list(port_dhcp(item)))
    assert Home(bench.directory, NETWORK).leases()[1] == []
    assert bench.pid() == before


def test_a_stateful_v6_reservation_is_given_by_mac(directory: Path, bench: Bench, guest: DhcpClient) -> None:
    """A real DHCPv6 client, whose DUID no one knows, gets the address reserved for its MAC, until it is removed."""
    subnet = sample_subnet("fd93::/64", Serving.DHCPV6_STATEFUL)
    network = sample_network(subnet)
    item = sample_port(sample_address(subnet, "fd93::11"), network=network)
    bench.serve(network, item)
    assert eventually(lambda: "tentative" not in ip(guest.namespace, "-6", "address", "show", "dev", "eth0"))
    assert guest.ask(6)["new_ip6_address"] == "fd93::11"
    bench.files.remove(list(port_dhcp(item)))
    assert Home(bench.directory, NETWORK).leases()[1] == []
    moved = sample_port(sample_address(subnet, "fd93::12"), network=network)
    bench.put(moved)
    guest.forget()
    assert guest.ask(6)["new_ip6_address"] == "fd93::12"


def test_a_slaac_guest_makes_its_own_address_and_learns_the_mtu(bench: Bench, guest: DhcpClient) -> None:
    """The guest's kernel takes prefix, MTU and default route from our advertisements."""
    subnet = sample_subnet("fd93::/64", Serving.SLAAC)
    network = sample_network(subnet)
    bench.serve(network, sample_port(sample_address(subnet, "fd93::f816:3eff:fe00:1"), network=network))

    def solicited() -> bool:
        run(guest.namespace, ["rdisc6", "-1", "-q", "-r", "1", "-w", "500", "eth0"], check=False)
        return "fd93::f816:3eff:fe00:1/64" in addresses_of(guest.namespace, "eth0")

    assert eventually(solicited, seconds=15)
    assert "via fe80::" in ip(guest.namespace, "-6", "route", "show", "default")
    heard: list[str] = []

    def advertised() -> bool:
        heard.append(run(guest.namespace, ["rdisc6", "-1", "-r", "1", "eth0"], check=False).stdout)
        return "1450 bytes" in heard[-1]

    assert eventually(advertised, seconds=15), heard
    assert "Stateful address conf.    :           No" in heard[-1]


def test_a_stateless_guest_is_told_the_name_server(bench: Bench, guest: DhcpClient) -> None:
    """Information requests are answered, and no address is leased."""
    subnet = sample_subnet("fd93::/64", Serving.DHCPV6_STATELESS)
    network = sample_network(subnet)
    bench.serve(network, sample_port(sample_address(subnet, "fd93::f816:3eff:fe00:1"), network=network))
    assert eventually(lambda: "tentative" not in ip(guest.namespace, "-6", "address", "show", "dev", "eth0"))
    assert guest.ask(6, "-S")["new_dhcp6_name_servers"] == "fd93::1"


def test_an_unannounced_network_sends_no_advertisement(bench: Bench, guest: DhcpClient) -> None:
    """DHCPv6 without RA: a router solicitation stays unanswered, a reservation is still given."""
    subnet = replace(sample_subnet("fd93::/64", Serving.DHCPV6_STATEFUL), announced=False)
    network = sample_network(subnet)
    bench.serve(network, sample_port(sample_address(subnet, "fd93::11"), network=network))
    assert eventually(lambda: "tentative" not in ip(guest.namespace, "-6", "address", "show", "dev", "eth0"))
    assert (
        run(guest.namespace, ["rdisc6", "-1", "-r", "1", "-w", "1000", "eth0"], check=False).returncode != 0
    )
    assert guest.ask(6)["new_ip6_address"] == "fd93::11"
