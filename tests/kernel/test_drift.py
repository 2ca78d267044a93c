"""Whatever is changed behind our back is put right, nothing else is written, and strangers are left alone."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from netwright.kernel.dnsmasq_home import Home
from netwright.model.host import FileKind, Stage
from netwright.model.ids import (
    NamespaceName,
    bridge_name,
    dhcp_link_name,
    dhcp_namespace,
)
from netwright.model.plan import FloatingIpItem, Item
from netwright.testing.namespaces import add_veth, eventually, ip, namespaces, run
from netwright.testing.rig import Rig, rig
from netwright.testing.whole import HOSTED, MEMBERS, ROUTED, UPLINK, whole_plan

BRIDGE, LINK, PAIR = bridge_name(HOSTED), "tap00000001-90", dhcp_link_name(ROUTED)
INSIDE = dhcp_namespace(ROUTED)


@dataclass(frozen=True)
class Bench:
    rig: Rig
    directory: Path
    plan: tuple[Item, ...]
    internet: NamespaceName

    @property
    def host(self) -> NamespaceName:
        return self.rig.host

    def nft(self, *commands: str) -> str:
        return run(self.host, ["nft", *[word for command in commands for word in command.split(" ")]]).stdout

    def ip(self, words: str) -> None:
        ip(self.host, *words.split())

    def sysctl(self, setting: str) -> None:
        run(self.host, ["sysctl", "-qw", setting])


@contextmanager
def planned(directory: Path) -> Iterator[Bench]:
    """A rig that has the whole plan."""
    with ExitStack() as stack:
        first, second, internet = stack.enter_context(namespaces("guest", "guest", "net"))
        made = stack.enter_context(rig(directory))
        add_veth(made.host, UPLINK, internet, "eth0")
        plan = whole_plan((first, second))
        outcome = made.plan(*plan)
        assert not outcome.pending, outcome
        yield Bench(made, directory, plan, internet)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("rig")
    for path in (directory, *list(directory.parents)[:-2]):
        path.chmod(0o755)  # dnsmasq reads as a user of its own
    with planned(directory) as made:
        yield made


def delete_rule(bench: Bench, family: str, chain: str, which: int) -> None:
    listed = run(bench.host, ["nft", "-a", "list", "chain", family, "netwright", chain]).stdout
    handle = re.findall(r"comment .* # handle (\d+)", listed)[which]
    bench.nft(f"delete rule {family} netwright {chain} handle {handle}")


def end_dnsmasq(bench: Bench) -> None:
    pid = Home(bench.directory, HOSTED).pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: Home(bench.directory, HOSTED).pid() is None)


def delete_file(bench: Bench, kind: FileKind) -> None:
    next(Home(bench.directory, HOSTED).files(kind).iterdir()).unlink()


DEEDS: dict[str, Callable[[Bench], object]] = {
    "a group's rule deleted": lambda b: delete_rule(b, "bridge", f"in-{MEMBERS}", 1),
    "an anti-spoofing rule deleted": lambda b: delete_rule(b, "bridge", "spoof_ip4", 0),
    "a base chain's rule deleted": lambda b: delete_rule(b, "inet", "nat_out", -1),
    "a rule put first": lambda b: b.nft("insert rule bridge netwright spoof accept"),
    "a rule put last": lambda b: b.nft("add rule inet netwright input accept"),
    "a chain flushed": lambda b: b.nft("flush chain bridge netwright from_ports"),
    "a base chain deleted": lambda b: b.nft(
        "flush chain bridge netwright antispoof ; delete chain bridge netwright antispoof"
    ),
    "a chain added": lambda b: b.nft("add chain bridge netwright stranger"),
    "a set added": lambda b: b.nft("add set inet netwright stranger { type ipv4_addr ; }"),
    "a set's element deleted": lambda b: b.nft(
        f"delete element bridge netwright m4-{MEMBERS} {{ 10.33.0.10 }}"
    ),
    "a set's element added": lambda b: b.nft(f"add element bridge netwright m4-{MEMBERS} {{ 10.33.0.99 }}"),
    "a concatenation's element deleted": lambda b: b.nft(
        f'delete element bridge netwright bind_ip4 {{ "{LINK}" . fa:16:3e:00:00:01 . 10.33.0.10 }}'
    ),
    "an interval set flushed": lambda b: b.nft("flush set bridge netwright bind_net6"),
    "neighbour targets flushed": lambda b: b.nft(
        "flush set bridge netwright nd_target ; flush set bridge netwright nd_prefix"
    ),
    "a verdict map's element deleted": lambda b: b.nft(
        f'delete element bridge netwright ports_in {{ "{LINK}" }}'
    ),
    "a verdict map's element changed": lambda b: b.nft(
        f'delete element bridge netwright ports_out {{ "{LINK}" }} ; '
        f'add element bridge netwright ports_out {{ "{LINK}" : accept }}'
    ),
    "a translation deleted": lambda b: b.nft("delete element inet netwright fip_dnat { 203.0.113.50 }"),
    "a translation changed": lambda b: b.nft(
        "delete element inet netwright fip_snat { 10.33.0.10 } ; "
        "add element inet netwright fip_snat { 10.33.0.10 : 203.0.113.51 }"
    ),
    "a zone deleted": lambda b: b.nft("flush map inet netwright zones"),
    "a table deleted": lambda b: b.nft("delete table bridge netwright"),
    "the ruleset flushed": lambda b: b.nft("flush ruleset"),
    "a gateway's address deleted": lambda b: b.ip(f"address delete 10.33.0.1/24 dev {BRIDGE}"),
    "an IPv6 address deleted": lambda b: b.ip(f"address delete fd33::1/64 dev {BRIDGE}"),
    "a floating IP deleted": lambda b: b.ip(f"address delete 203.0.113.50/32 dev {UPLINK}"),
    "a DHCP address deleted": lambda b: ip(INSIDE, "address", "flush", "dev", f"ns-{ROUTED[:11]}"),
    "a route deleted": lambda b: b.ip("route delete 10.33.0.0/24"),
    "an IPv6 route deleted": lambda b: b.ip("-6 route delete fd33::/64 proto 201"),
    "a route of our protocol added": lambda b: b.ip(f"route add 198.51.100.0/24 dev {BRIDGE} proto 201"),
    "a port off its bridge": lambda b: b.ip(f"link set {LINK} nomaster"),
    "a port on another bridge": lambda b: b.ip(f"link set {LINK} master {bridge_name(ROUTED)}"),
    "a port down": lambda b: b.ip(f"link set {LINK} down"),
    "a port's MTU changed": lambda b: b.ip(f"link set {LINK} mtu 1300"),
    "a port deleted": lambda b: b.ip(f"link delete {LINK}"),
    "a tap deleted": lambda b: b.ip("link delete tap00000003-90"),
    "a bridge down": lambda b: b.ip(f"link set {BRIDGE} down"),
    "a bridge's MTU changed": lambda b: b.ip(f"link set {BRIDGE} mtu 1300"),
    "a bridge's MAC changed": lambda b: b.ip(f"link set {BRIDGE} address 02:00:00:00:00:01"),
    "a bridge's filtering off": lambda b: b.ip(f"link set {BRIDGE} type bridge nf_call_iptables 0"),
    "a bridge's STP on": lambda b: b.ip(f"link set {BRIDGE} type bridge stp_state 1"),
    "a bridge deleted": lambda b: b.ip(f"link delete {BRIDGE}"),
    "a routed network's bridge deleted": lambda b: b.ip(f"link delete {bridge_name(ROUTED)}"),
    "a DHCP pair deleted": lambda b: b.ip(f"link delete {PAIR}"),
    "forwarding off": lambda b: b.sysctl("net.ipv4.ip_forward=0"),
    "router advertisements heard": lambda b: b.sysctl(f"net.ipv6.conf.{BRIDGE}.accept_ra=2"),
    "dnsmasq killed": end_dnsmasq,
    "a reservation deleted": lambda b: delete_file(b, FileKind.DHCP),
    "a name deleted": lambda b: delete_file(b, FileKind.DNS),
    "a DHCP namespace deleted": lambda b: ip(NamespaceName(""), "netns", "delete", INSIDE),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_look_restores_what_was_changed(bench: Bench, deed: str) -> None:
    """After the deed, one look at everything makes what is there what was wanted, and a second writes nothing."""
    bench.rig.look()
    assert bench.rig.there() == bench.rig.wanted()
    DEEDS[deed](bench)
    assert bench.rig.there() != bench.rig.wanted(), "the deed was not seen"
    outcome = bench.rig.look()
    assert not outcome.failures, outcome
    assert outcome.writes
    assert bench.rig.there() == bench.rig.wanted()
    assert bench.rig.look().writes == 0


def test_a_fresh_agent_writes_nothing_where_all_is_right(bench: Bench) -> None:
    """With the same plan it opens its own sockets and leaves everything else as it is."""
    bench.rig.look()
    before = bench.nft("list ruleset")
    bench.rig.restart()
    outcome = bench.rig.plan(*bench.plan)
    assert set(outcome.written) == {Stage.METADATA}
    assert not outcome.removed
    assert bench.rig.look().writes == 0
    assert bench.nft("list ruleset") == before


def test_a_fresh_agent_takes_away_what_the_plan_no_longer_has(bench: Bench) -> None:
    """What its predecessor made is known as ours, item by item, and what stays is not written again."""
    kept = [item for item in bench.plan if not isinstance(item, FloatingIpItem)]
    bench.rig.look()
    bench.rig.restart()
    bench.rig.plan(*kept)
    outcome = bench.rig.look()
    assert set(outcome.removed) == {Stage.FIREWALL, Stage.ADDRESSES}
    assert bench.rig.there() == bench.rig.wanted()
    bench.rig.plan(*bench.plan)


STRANGERS: dict[str, tuple[str, str]] = {
    "a table": ("nft add table inet stranger ; add chain inet stranger c", "nft list table inet stranger"),
    "a bridge": ("ip link add br-stranger type bridge", "ip link show br-stranger"),
    "a bridge named like ours": ("ip link add brq99999999-00 type bridge", "ip link show brq99999999-00"),
    "a port on our bridge": (f"ip link add stranger master {BRIDGE} type dummy", "ip link show stranger"),
    "an address on our bridge": (
        f"ip address add 192.0.2.1/24 dev {BRIDGE}",
        f"ip -4 address show dev {BRIDGE}",
    ),
    "an address on the uplink": (
        f"ip address add 192.0.2.9/24 dev {UPLINK}",
        f"ip -4 address show dev {UPLINK}",
    ),
    "a route": (f"ip route add 198.51.100.0/24 dev {BRIDGE}", "ip route show 198.51.100.0/24"),
    "a route in another table": (
        f"ip route add 198.51.100.0/24 dev {BRIDGE} table 77 proto 201",
        "ip route show table 77",
    ),
}


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Looks, a restart, and the sweep of everything leave strangers' tables, links, addresses and routes."""
    for path in (tmp_path, *list(tmp_path.parents)[:-2]):
        path.chmod(0o755)
    with planned(tmp_path) as bench:
        for deed, _ in STRANGERS.values():
            run(bench.host, deed.split())

        def shown() -> dict[str, str]:
            return {name: run(bench.host, look.split()).stdout for name, (_, look) in STRANGERS.items()}

        before = shown()
        assert bench.rig.look().writes == 0
        bench.rig.restart()
        bench.rig.plan(*bench.plan)
        bench.rig.look()
        assert shown() == before
        bench.rig.plan()
        bench.rig.look()
        for name in ("a table", "a bridge", "a bridge named like ours", "an address on the uplink"):
            assert run(bench.host, STRANGERS[name][1].split()).stdout == before[name]
        assert "stranger" in ip(bench.host, "link", "show", "stranger")
