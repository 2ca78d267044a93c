"""linux_net's dnsmasq: real daemons, real clients."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nova.dhcp_hosts import CONTEXT, DEV, DhcpHost, Overtaken, dhcp_host, fixed, heard, network

from netwright.kernel import netns
from netwright.kernel.lease_spool import SCRIPT
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName
from netwright.model.leases import LeaseChange
from netwright.nova.dhcp_text import dhcp_path
from netwright.nova.linux_net import kill_dhcp, release_dhcp, restart_dhcp, update_dhcp, update_dns
from netwright.testing.dns_client import lookup
from netwright.testing.namespaces import add_bridge, eventually, ip, run

TAKEN, RELEASED = LeaseChange.TAKEN, LeaseChange.RELEASED


@pytest.fixture
def host() -> Iterator[DhcpHost]:
    directory = Path(tempfile.mkdtemp(prefix="nwt-"))
    try:
        with dhcp_host(directory) as made:
            yield made
    finally:
        shutil.rmtree(directory)


def rules(host: DhcpHost, table: str, chain: str) -> list[str]:
    """The wrapped chain's rules without their marks."""
    saved = run(host.net.name, ["iptables", "-t", table, "-S", f"netwright-{chain}"]).stdout
    lines = [line for line in saved.splitlines() if line.startswith("-A") and DEV in line]
    return [re.sub(r' -m comment --comment "?\S+', "", line).split(" ", 2)[2] for line in lines]


def nothing_unread() -> bool:
    """Whether the daemon has read every datagram that came to its port."""
    lines = Path("/proc/thread-self/net/udp").read_text().splitlines()[1:]
    return all(line.split()[4].endswith(":00000000") for line in lines if line.split()[1].endswith(":0043"))


def pid(host: DhcpHost) -> int:
    found = host.daemon.pid()
    assert found
    return found


def test_a_guest_gets_its_fixed_ip_and_the_lease_is_noted(host: DhcpHost) -> None:
    """A known MAC is leased its own address with gateway, name and domain; its lease and its release are noted."""
    host.addresses.found = [fixed(5, "web"), fixed(6, allocated=False)]
    flagfiles = ("/etc/nova/nova-dhcpbridge.conf",)
    update_dhcp(CONTEXT, DEV, network(), on=host.with_options(dhcpbridge_flagfile=flagfiles))
    answer = host.guest(5).ask()
    assert heard(answer, "ip_address") == "10.0.0.5"
    assert heard(answer, "routers") == "10.0.0.1"
    assert heard(answer, "host_name") == "web"
    assert heard(answer, "domain_name") == "novalocal"
    assert heard(answer, "dhcp_lease_time") == "86400"
    assert eventually(lambda: host.told() == [(TAKEN, "10.0.0.5")])
    assert host.guest(6).ask(seconds=3) == {}
    assert host.daemon.environment()["CONFIG_FILE"] == '["/etc/nova/nova-dhcpbridge.conf"]'
    release_dhcp(DEV, "10.0.0.5", "FA:16:3E:00:00:05", on=host.on)
    assert eventually(lambda: host.told()[1:] == [(RELEASED, "10.0.0.5")])


def test_the_rules_come_once_and_go_with_the_daemon(host: DhcpHost) -> None:
    """DHCP and DNS may come in, answers have checksums, and killing the daemon takes all of it away."""
    for _ in range(2):
        update_dhcp(CONTEXT, DEV, network(), on=host.on)
    assert rules(host, "filter", "INPUT") == [
        f"-i {DEV} -p {protocol} -m {protocol} --dport {port} -j ACCEPT"
        for port in (67, 53)
        for protocol in ("udp", "tcp")
    ]
    assert rules(host, "mangle", "POSTROUTING") == [
        f"-o {DEV} -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill"
    ]
    kill_dhcp(DEV, on=host.on)
    assert host.daemon.pid() is None
    assert rules(host, "filter", "INPUT") == rules(host, "mangle", "POSTROUTING") == []
    kill_dhcp(DEV, on=host.on)


def test_a_running_daemon_reads_anew(host: DhcpHost) -> None:
    """One more fixed IP is served by the same process; a fixed IP that went is served no more."""
    host.addresses.found = [fixed(5)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    before = pid(host)
    host.addresses.found = [fixed(6)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    assert pid(host) == before
    assert heard(host.guest(6).ask(), "ip_address") == "10.0.0.6"
    assert host.guest(5).ask(seconds=3) == {}


@pytest.mark.parametrize("how", ["option", "network", "config", "device"])
def test_a_daemon_that_would_be_started_otherwise_is_started_anew(host: DhcpHost, how: str) -> None:
    """Where an option, the network, its own file or its device is another, telling it to read anew is not enough."""
    config = host.directory / "dnsmasq.conf"
    config.write_text("")
    options = {"dnsmasq_config_file": str(config), "dhcp_lease_time": 3600}
    host.addresses.found = [fixed(5)]
    update_dhcp(CONTEXT, DEV, network(), on=host.with_options(**options))
    before, given = pid(host), network()
    match how:
        case "option":
            options["dhcp_lease_time"] = 7200
        case "network":
            given = network(cidr="10.0.0.0/23")
        case "config":
            config.write_text("dhcp-option=6,192.0.2.53\n")
        case "device":
            ip(host.net.name, "link", "delete", DEV)
            add_bridge(host.net.name, DEV, "10.0.0.1/24")
    update_dhcp(CONTEXT, DEV, given, on=host.with_options(**options))
    assert pid(host) != before
    answer = host.guest(5).ask()
    assert heard(answer, "ip_address") == "10.0.0.5"
    assert heard(answer, "dhcp_lease_time") == ("7200" if how == "option" else "3600")
    assert heard(answer, "subnet_mask") == ("255.255.254.0" if how == "network" else "255.255.255.0")
    assert heard(answer, "domain_name_servers") == ("192.0.2.53" if how == "config" else "10.0.0.1")


@pytest.mark.parametrize("pid_file", ["kept", "lost", "anothers"])
def test_a_daemon_that_died_comes_back_at_the_next_call(host: DhcpHost, pid_file: str) -> None:
    """Crashed, or with a pid file that tells nothing, or of a stranger: after the next call one daemon serves."""
    host.addresses.found = [fixed(5)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    before = pid(host)
    path = host.daemon.pid_file
    if pid_file == "kept":
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: host.daemon.pid() is None)
    elif pid_file == "lost":
        path.unlink()
    else:
        path.write_text(f"{os.getpid()}\n")
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    assert pid(host) != before
    assert Path(f"/proc/{before}/cmdline").read_bytes() == b"" if Path(f"/proc/{before}").exists() else True
    assert heard(host.guest(5).ask(), "ip_address") == "10.0.0.5"


def test_leases_outlive_the_daemon(host: DhcpHost) -> None:
    """A new daemon has the leases that the source and the script's notes know, so that it can still release them."""
    host.addresses.found = [fixed(5, "web"), fixed(6), fixed(7, leased=True), fixed(8, leased=True)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    assert heard(host.guest(5).ask(), "ip_address") == "10.0.0.5"
    release_dhcp(DEV, "10.0.0.8", "fa:16:3e:00:00:08", on=host.on)
    assert eventually(lambda: host.told()[-1:] == [(RELEASED, "10.0.0.8")])
    host.addresses.found = [replace(one, allocated=False) for one in host.addresses.found]
    kill_dhcp(DEV, on=host.on)
    told = len(host.told())
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    for number in (5, 6, 7, 8):
        release_dhcp(DEV, f"10.0.0.{number}", f"fa:16:3e:00:00:{number:02x}", on=host.on)
    assert eventually(lambda: {(RELEASED, "10.0.0.5"), (RELEASED, "10.0.0.7")} <= set(host.told()[told:]))
    assert {address for change, address in host.told()[told:]} == {"10.0.0.5", "10.0.0.7"}


def test_a_killed_daemon_tells_all_before_it_ends(host: DhcpHost) -> None:
    """Releases that it has just heard of are noted when kill_dhcp returns."""
    host.addresses.found = [fixed(number, leased=True) for number in range(10, 90)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    for number in range(10, 90):
        release_dhcp(DEV, f"10.0.0.{number}", f"fa:16:3e:00:00:{number:02x}", on=host.on)
    assert eventually(nothing_unread)
    kill_dhcp(DEV, on=host.on)
    released = {address for change, address in host.told() if change is RELEASED}
    assert released == {f"10.0.0.{number}" for number in range(10, 90)}


def test_reading_anew_loses_no_event(host: DhcpHost) -> None:
    """However often the daemon is told to read anew, each release is noted."""
    host.addresses.found = [fixed(number, leased=True) for number in range(10, 110)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    for number in range(10, 110):
        release_dhcp(DEV, f"10.0.0.{number}", f"fa:16:3e:00:00:{number:02x}", on=host.on)
        if number % 10 == 0:
            host.daemon.hang_up()
    wanted = {f"10.0.0.{number}" for number in range(10, 110)}
    assert eventually(
        lambda: {address for change, address in host.told() if change is RELEASED} == wanted, 20
    )


@pytest.mark.parametrize(
    "name",
    [
        "x,10.0.0.99",
        "a\nfa:16:3e:00:00:99,10.0.0.99",
        "ignore",
        "1h",
        "infinite",
        "\\n",
        "é€",
        "-",
        "a" * 200,
        "..",
        "10",
    ],
)
@pytest.mark.parametrize("domain", ["novalocal", ""])
def test_an_instances_name_is_never_more_than_a_name(host: DhcpHost, name: str, domain: str) -> None:
    """Whatever an instance is called, its guest gets its address, and dnsmasq complains of nothing."""
    host.addresses.found = [fixed(5, name)]
    update_dhcp(CONTEXT, DEV, network(), on=host.with_options(dhcp_domain=domain))
    lines = (host.on.options.networks_path / f"nova-{DEV}.conf").read_text().splitlines()
    assert len(lines) == 1
    assert not lines[0].split(",")[1].endswith(".")
    answer = host.guest(5).ask()
    assert heard(answer, "ip_address") == "10.0.0.5"
    assert heard(answer, "host_name") == lines[0].split(",")[1].split(".")[0]


@pytest.mark.parametrize("label", ["my net, the 2nd", "a;b\n", "tag:x", ""])
def test_a_networks_label_is_never_more_than_a_tag(host: DhcpHost, label: str) -> None:
    """Whatever a network is called, its daemon starts and serves."""
    host.addresses.found = [fixed(5)]
    update_dhcp(CONTEXT, DEV, network(label=label), on=host.on)
    assert heard(host.guest(5).ask(), "ip_address") == "10.0.0.5"


def test_only_the_first_interface_gets_a_gateway(host: DhcpHost) -> None:
    """With use_single_default_gateway an instance's other interfaces are told of no router."""
    host.addresses.found = [fixed(5), fixed(6, default_route=False)]
    update_dhcp(CONTEXT, DEV, network(), on=host.with_options(use_single_default_gateway=True))
    assert heard(host.guest(5).ask(), "routers") == "10.0.0.1"
    answer = host.guest(6).ask()
    assert (heard(answer, "ip_address"), heard(answer, "routers")) == ("10.0.0.6", "")


def test_a_network_without_gateway_has_no_router(host: DhcpHost) -> None:
    """Guests of a network without a gateway are not told that its DHCP server is one."""
    host.addresses.found = [fixed(5)]
    update_dhcp(CONTEXT, DEV, network(gateway=None), on=host.on)
    answer = host.guest(5).ask()
    assert (heard(answer, "ip_address"), heard(answer, "routers")) == ("10.0.0.5", "")


def test_a_host_of_many_serves_its_own_and_knows_the_names_of_all(host: DhcpHost) -> None:
    """With multi_host it is gateway of its own guests, answers no others, and names all of the network's."""
    host.addresses.found = [fixed(5, "here"), fixed(6, "there", instance_host="host-b")]
    given = network(multi_host=True, gateway="10.0.0.254")
    update_dns(CONTEXT, DEV, given, on=host.on)
    assert heard(host.guest(5).ask(), "routers") == "10.0.0.1"
    assert host.guest(6).ask(seconds=3) == {}
    assert lookup(host.net.name, "10.0.0.1", "there.novalocal", "A") == ("10.0.0.6",)
    host.addresses.found.append(fixed(7, "new", instance_host="host-b"))
    update_dns(CONTEXT, DEV, given, on=host.on)
    assert eventually(lambda: lookup(host.net.name, "10.0.0.1", "new.novalocal", "A") == ("10.0.0.7",))


def test_name_servers_are_those_that_are_given(host: DhcpHost) -> None:
    """dns_server, and with use_network_dns_servers the network's, in this order, call after call."""
    options = {"dns_server": ("192.0.2.53",), "use_network_dns_servers": True}
    for _ in range(2):
        update_dhcp(CONTEXT, DEV, network(), on=host.with_options(**options))
    servers = [word for word in host.daemon.words() if word.startswith("--server")]
    assert servers == ["--server=192.0.2.53", "--server=8.8.4.4"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dhcp_server", None),
        ("dhcp_start", None),
        ("cidr", None),
        ("uuid", "a b"),
        ("dhcp_start", "10.0.0.x"),
    ],
)
def test_a_network_that_cannot_be_served_is_refused(host: DhcpHost, field: str, value: object) -> None:
    """What lacks is told by its name, and no daemon is started."""
    with pytest.raises(InvalidError) as refused:
        restart_dhcp(CONTEXT, DEV, network(**{field: value}), [], on=host.on)
    assert refused.value.field == f"network.{field}"
    assert host.daemon.pid() is None


def test_what_dnsmasq_refuses_is_told(host: DhcpHost) -> None:
    """A daemon that does not start is an error with dnsmasq's words; so is a device that is not there."""
    with pytest.raises(KernelRefusedError, match=r"10\.0\.0\.77"):
        update_dhcp(CONTEXT, DEV, network(dhcp_server="10.0.0.77"), on=host.on)
    with pytest.raises(KernelRefusedError, match="br-none"):
        update_dhcp(CONTEXT, "br-none", network(), on=host.on)
    with pytest.raises(InvalidError):
        update_dhcp(CONTEXT, "../../etc/x", network(), on=host.on)


def test_another_script_is_found_by_its_name_or_path(host: DhcpHost) -> None:
    """The dhcpbridge option names a program; one that is not there is told before anything is started."""
    for name, path in (
        ("true", shutil.which("true")),
        ("/bin/true", "/bin/true"),
        (SCRIPT.name, str(SCRIPT)),
    ):
        update_dhcp(CONTEXT, DEV, network(), on=host.with_options(dhcpbridge=name))
        assert f"--dhcp-script={path}" in host.daemon.words()
    with pytest.raises(InvalidError, match="no-such"):
        update_dhcp(CONTEXT, DEV, network(), on=host.with_options(dhcpbridge="no-such-script"))


def test_processes_at_once_come_to_one_daemon(host: DhcpHost) -> None:
    """Calls for one device take turns: whoever comes first starts the daemon, the others tell it."""
    host.addresses.found = [fixed(5)]
    run_all = [threading.Thread(target=inside, args=(host,)) for _ in range(4)]
    for one in run_all:
        one.start()
    for one in run_all:
        one.join()
    every = set(host.daemon.processes())
    mains = [one for one in every if parent(one) not in every]
    assert mains == [pid(host)]
    assert heard(host.guest(5).ask(), "ip_address") == "10.0.0.5"


@pytest.mark.parametrize("update", [update_dhcp, update_dns])
def test_who_read_first_does_not_write_last(host: DhcpHost, update: Callable[..., None]) -> None:
    """A call that was given the addresses of a moment ago does not undo what another one writes meanwhile."""
    host.addresses.found = [fixed(5), fixed(6)]
    answers = ([fixed(5)], [fixed(5), fixed(6)])
    source = Overtaken(answers, lambda: update(CONTEXT, DEV, network(multi_host=True), on=host.on))
    update(CONTEXT, DEV, network(multi_host=True), on=replace(host.on, addresses=source))
    source.other.join()
    kind = "conf" if update is update_dhcp else "hosts"
    assert "10.0.0.6" in dhcp_path(host.on.options, LinkName(DEV), kind).read_text()


def inside(host: DhcpHost) -> None:
    with netns.inside(host.net.name):
        update_dhcp(CONTEXT, DEV, network(), on=host.on)


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_releasing_what_is_not_there_is_no_error(host: DhcpHost) -> None:
    """A device that is gone, or an address that nobody leased, is nothing to do; a wrong word is refused."""
    release_dhcp("br-none", "10.0.0.5", "fa:16:3e:00:00:05", on=host.on)
    release_dhcp(DEV, "10.0.0.5", "fa:16:3e:00:00:05", on=host.on)
    for wrong in (
        ("10.0.0.x", "fa:16:3e:00:00:05"),
        ("10.0.0.5", "nonsense"),
        ("fd00::5", "fa:16:3e:00:00:05"),
    ):
        with pytest.raises(InvalidError):
            release_dhcp(DEV, *wrong, on=host.on)
    ip(host.net.name, "link", "set", DEV, "down")
    ip(host.net.name, "address", "flush", "dev", DEV)
    ip(host.net.name, "route", "flush", "dev", "eth0")
    with pytest.raises(KernelRefusedError, match=r"10\.0\.0\.5"):
        release_dhcp(DEV, "10.0.0.5", "fa:16:3e:00:00:05", on=host.on)


def test_a_fake_network_starts_nothing(host: DhcpHost) -> None:
    """With fake_network no daemon is started, killed or asked, and no rule is written."""
    update_dhcp(CONTEXT, DEV, network(), on=host.with_options(fake_network=True))
    assert host.daemon.pid() is None
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    kill_dhcp(DEV, on=host.with_options(fake_network=True))
    release_dhcp(DEV, "10.0.0.5", "fa:16:3e:00:00:05", on=host.with_options(fake_network=True))
    assert host.daemon.pid()


def test_nobody_need_take_what_is_noted(host: DhcpHost) -> None:
    """Without an agent, too, a daemon that starts is told of what its network has leased and no more."""
    spool = host.spool()
    spool.seed("another", [])
    host.addresses.found = [fixed(5, leased=True)]
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    release_dhcp(DEV, "10.0.0.5", "fa:16:3e:00:00:05", on=host.on)
    assert eventually(lambda: host.told()[-1:] == [(RELEASED, "10.0.0.5")])
    host.addresses.found = [fixed(6, leased=True)]
    kill_dhcp(DEV, on=host.on)
    update_dhcp(CONTEXT, DEV, network(), on=host.on)
    assert leased(host) == ["fa:16:3e:00:00:06 10.0.0.6 vm6 *"]
    assert not spool.pending("another")


def leased(host: DhcpHost) -> list[str]:
    """What the running daemon's script says at a start, but for the moments."""
    environment = {**host.daemon.environment(), "PATH": os.environ["PATH"]}
    done = subprocess.run([SCRIPT, "init"], env=environment, capture_output=True, text=True, check=True)
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines()]
