"""Options of a port's own, heard by a real client of a real daemon."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.dnsmasq_files import DhcpFiles
from netwright.kernel.dnsmasq_home import Home
from netwright.model.dhcp_options import DhcpOption
from netwright.model.host import Traits
from netwright.model.ids import NamespaceName, bridge_name
from netwright.model.plan import PortItem, Serving
from netwright.render.dhcp import network_dhcp, port_dhcp
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_bridge, eventually, ip, namespace, plug
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet

V4 = sample_subnet("10.94.0.0/24")
V6 = sample_subnet("fd94::/64", Serving.DHCPV6_STATEFUL, number=2)
NET = sample_network(V4, V6)


@dataclass
class Bench:
    """A network's bridge and daemon, two guests, and the driver of the files."""

    host: NamespaceName
    directory: Path
    guests: tuple[DhcpClient, DhcpClient]

    def __post_init__(self) -> None:
        self.there: dict[object, str] = {}
        self.daemons = DnsmasqDaemons(self.directory, systemd=False)
        self.files = DhcpFiles(self.directory)

    def plan(self, *options: DhcpOption, second: tuple[DhcpOption, ...] = ()) -> None:
        """The first port with these options, the second one with those."""
        ports = replace(port(1), dhcp_options=options), replace(port(2), dhcp_options=second)
        wanted = {key: text for one in ports for key, text in port_dhcp(one).items()}
        self.files.put({key: text for key, text in wanted.items() if self.there.get(key) != text})
        self.files.remove([key for key in self.there if key not in wanted])
        assert self.files.observe() == wanted
        self.there = wanted
        if self.pid is None:
            self.start()  # as the agent does when it sees the daemon's exit

    def start(self) -> None:
        """What is there already is left alone."""
        traits = Traits(str(self.directory), bridge_conntrack=False)
        rendered = network_dhcp(NET, traits)
        self.daemons.put({key: replace(value, namespace=self.host) for key, value in rendered.items()})

    def heard(self, guest: int = 0, family: int = 4, *words: str) -> dict[str, str]:
        client = self.guests[guest]
        client.forget()
        assert eventually(
            lambda: "tentative" not in ip(client.namespace, "-6", "address", "show", "dev", "eth0")
        )
        return dict(client.ask(family, *words))

    @property
    def pid(self) -> int | None:
        return Home(self.directory, NETWORK).daemon.pid()


def port(number: int) -> PortItem:
    held = sample_address(V4, f"10.94.0.{10 + number}"), sample_address(V6, f"fd94::{10 + number}")
    return sample_port(*held, number=number, network=NET)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    directory = Path(tempfile.mkdtemp(prefix="nwt-"))
    directory.chmod(0o755)
    with namespace("host") as host, namespace("guest") as one, namespace("guest") as two:
        add_bridge(host, bridge_name(NETWORK), "10.94.0.1/24", "fd94::1/64")
        clients = []
        for number, guest in enumerate((one, two), 1):
            plug(host, bridge_name(NETWORK), f"tap{number}", guest, f"fa:16:3e:00:00:{number:02x}")
            (tmp_path / guest).mkdir()
            clients.append(DhcpClient(guest, tmp_path / guest))
        made = Bench(host, directory, (clients[0], clients[1]))
        made.plan()
        made.start()
        yield made
        made.daemons.remove([NETWORK])
    shutil.rmtree(directory)


BOOT = DhcpOption("bootfile-name", "pxelinux.0")
TFTP = DhcpOption("tftp-server", "192.0.2.9")


def test_a_port_gets_its_own_options_and_another_does_not(bench: Bench) -> None:
    """By name and by number, beside all that its network gives."""
    bench.plan(BOOT, DhcpOption("66", "192.0.2.9"))
    heard = bench.heard()
    assert (heard["new_filename"] if "new_filename" in heard else heard["new_bootfile_name"]) == "pxelinux.0"
    assert heard["new_tftp_server_name"] == "192.0.2.9"
    assert (heard["new_ip_address"], heard["new_routers"], heard["new_interface_mtu"]) == (
        "10.94.0.11",
        "10.94.0.1",
        "1450",
    )
    assert heard["new_host_name"] == "guest1"
    assert "new_tftp_server_name" not in bench.heard(1)


def test_options_change_and_go_while_the_daemon_runs(bench: Bench) -> None:
    """At its next request the guest has the new value, and no longer what was taken away."""
    bench.plan(TFTP, DhcpOption("domain-name", "first.example"), second=(TFTP,))
    before = bench.pid
    assert bench.heard()["new_domain_name"] == "first.example"
    bench.plan(DhcpOption("domain-name", "second.example"), second=(TFTP,))
    heard = bench.heard()
    assert heard["new_domain_name"] == "second.example"
    assert "new_tftp_server_name" not in heard
    assert bench.heard(1)["new_tftp_server_name"] == "192.0.2.9"
    assert bench.pid == before
    bench.plan()
    assert bench.heard()["new_domain_name"] == "example.internal"
    assert "new_tftp_server_name" not in bench.heard(1)


def test_they_stand_in_place_of_the_networks(bench: Bench) -> None:
    """Lists keep their commas; an empty router is no router; MTU and name servers are the port's own."""
    bench.plan(
        DhcpOption("router", ""),
        DhcpOption("dns-server", "192.0.2.53,192.0.2.54"),
        DhcpOption("mtu", "1400"),
        DhcpOption("classless-static-route", "192.0.2.0/24,10.94.0.7"),
    )
    heard = bench.heard()
    assert "new_routers" not in heard
    assert heard["new_domain_name_servers"] == "192.0.2.53 192.0.2.54"
    assert heard["new_interface_mtu"] == "1400"
    assert heard["new_classless_routes"] == "24 192 0 2 10 94 0 7"


def test_options_of_dhcpv6_are_heard_there(bench: Bench) -> None:
    """They go by their own numbers, and an option of one version is none of the other's."""
    bench.plan(
        DhcpOption("domain-search", "six.example", 6),
        DhcpOption("23", "[2001:db8::53]", 6),
        DhcpOption("domain-name", "four.example"),
    )
    heard = bench.heard(0, 6)
    assert heard["new_dhcp6_name_servers"] == "2001:db8::53"
    assert heard["new_dhcp6_domain_search"].rstrip(".") == "six.example"
    assert bench.heard()["new_domain_name"] == "four.example"


HOSTILE = (
    'a"b',
    "a\\b",
    "a b # c",
    "a,b c,d",
    "x'y",
    "tag:other,option:router,192.0.2.1",
    "option:router,192.0.2.1",
    "$(reboot)`reboot`",
    "é",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_text_and_nothing_else(bench: Bench, value: str) -> None:
    """Quotes, backslashes, hashes and commas arrive as they are, and make nothing of another option."""
    bench.plan(DhcpOption("tftp-server", value), second=(BOOT,))
    heard = bench.heard()
    assert heard["new_tftp_server_name"] == shown(value)
    assert heard["new_routers"] == "10.94.0.1"
    assert bench.heard(1)["new_bootfile_name"] == "pxelinux.0"


def test_a_value_in_quotes_is_one_text(bench: Bench) -> None:
    """The quotes are not part of it."""
    bench.plan(DhcpOption("tftp-server", '"one, two"'))
    assert bench.heard()["new_tftp_server_name"] == "one, two"


def shown(value: str) -> str:
    """As dhclient tells it to its script, and that one writes it down."""
    escaped = "".join(f"\\{one}" if one in "\"\\$`'" else one for one in value)
    octets = "".join(
        one if one.isascii() else "".join(f"\\{part:03o}" for part in one.encode()) for one in escaped
    )
    return octets.replace("'", "'\"'\"'")


def test_an_option_that_is_new_goes_with_its_daemon(bench: Bench) -> None:
    """A daemon that is started anew knows what the files say."""
    bench.plan(TFTP)
    bench.daemons.remove([NETWORK])
    bench.start()
    assert bench.heard()["new_tftp_server_name"] == "192.0.2.9"


def test_what_a_killed_agent_set_aside_is_finished_by_the_next(bench: Bench) -> None:
    """A file of options left aside is seen as unfinished, and the daemon forgets what was in it."""
    bench.plan(TFTP)
    (options,) = (key for key in bench.there if key.kind.value == "options")
    path = Home(bench.directory, NETWORK).files(options.kind) / options.name
    path.rename(path.with_name(f".old-{path.name}"))
    assert bench.files.observe()[options] == ""
    bench.files.remove([options])
    assert options not in bench.files.observe()
    assert "new_tftp_server_name" not in bench.heard()


def test_a_guest_that_only_asks_for_options_does_not_end_the_daemon(bench: Bench) -> None:
    """With stateless DHCPv6 the daemon outlives what it has told, and is told to forget."""
    subnet = sample_subnet("fd94::/64", Serving.DHCPV6_STATELESS, number=2)
    network = sample_network(subnet)
    own = sample_port(sample_address(subnet, "fd94::f816:3eff:fe00:1"), number=1, network=network)
    bench.files.put(port_dhcp(own))
    rendered = network_dhcp(network, Traits(str(bench.directory), bridge_conntrack=False))
    bench.daemons.put({key: replace(value, namespace=bench.host) for key, value in rendered.items()})
    before = bench.pid
    assert bench.heard(0, 6, "-S")["new_dhcp6_name_servers"] == "fd94::1"
    for _ in range(2):
        bench.files.put(port_dhcp(port(2)))
        bench.files.remove(list(port_dhcp(port(2))))
        Home(bench.directory, NETWORK).await_rest()
        assert bench.pid == before
