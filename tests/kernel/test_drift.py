"""Whatever is changed behind our back is put right, nothing else is written, and strangers are left alone."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable

import pytest

from netwright.kernel.dnsmasq_home import Home
from netwright.model.host import FileKind
from netwright.model.ids import (
    NamespaceName,
    bridge_name,
    dhcp_link_name,
    dhcp_namespace,
)
from netwright.testing.namespaces import eventually, ip, run
from netwright.testing.whole import HOSTED, MEMBERS, OFFICES, ROUTED, UPLINK, Planned

BRIDGE, LINK, PAIR = bridge_name(HOSTED), "tap00000001-90", dhcp_link_name(ROUTED)
INSIDE = dhcp_namespace(ROUTED)


def delete_rule(bench: Planned, family: str, chain: str, which: int) -> None:
    listed = run(bench.host, ["nft", "-a", "list", "chain", family, "netwright", chain]).stdout
    handle = re.findall(r"comment .* # handle (\d+)", listed)[which]
    bench.run(f"nft delete rule {family} netwright {chain} handle {handle}")


def outdate(bench: Planned) -> None:
    """As if another version had made the table, with other sets."""
    listed = run(bench.host, ["nft", "list", "table", "bridge", "netwright"]).stdout
    (layout,) = re.findall(r"chain (layout_\w+)", listed)
    bench.run(f"nft delete chain bridge netwright {layout} ; add chain bridge netwright layout_0ld")


def end_dnsmasq(bench: Planned) -> None:
    pid = Home(bench.directory, HOSTED).daemon.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: Home(bench.directory, HOSTED).daemon.pid() is None)


def delete_file(bench: Planned, kind: FileKind) -> None:
    next(Home(bench.directory, HOSTED).files(kind).iterdir()).unlink()


def turn_filtering(bench: Planned) -> None:
    """On where netwright has it off because the bridge itself tracks connections, else off."""
    (shown,) = json.loads(run(bench.host, ["ip", "-j", "-d", "link", "show", BRIDGE]).stdout)
    turned = 1 - int(shown["linkinfo"]["info_data"]["nf_call_iptables"])
    bench.run(f"ip link set {BRIDGE} type bridge nf_call_iptables {turned}")


DEEDS: dict[str, Callable[[Planned], object]] = {
    "a group's rule deleted": lambda b: delete_rule(b, "bridge", f"in-{MEMBERS}", 1),
    "an anti-spoofing rule deleted": lambda b: delete_rule(b, "bridge", "spoof_ip4", 0),
    "a base chain's rule deleted": lambda b: delete_rule(b, "inet", "nat_out", -1),
    "a rule put first": lambda b: b.run("nft insert rule bridge netwright spoof accept"),
    "a rule put last": lambda b: b.run("nft add rule inet netwright input accept"),
    "a chain flushed": lambda b: b.run("nft flush chain bridge netwright from_ports"),
    "a base chain deleted": lambda b: b.run(
        "nft flush chain bridge netwright antispoof ; delete chain bridge netwright antispoof"
    ),
    "a chain added": lambda b: b.run("nft add chain bridge netwright stranger"),
    "a set added": lambda b: b.run("nft add set inet netwright stranger { type ipv4_addr ; }"),
    "a set's element deleted": lambda b: b.run(
        f"nft delete element bridge netwright m4-{MEMBERS} {{ 10.33.0.10 }}"
    ),
    "a set's element added": lambda b: b.run(
        f"nft add element bridge netwright m4-{MEMBERS} {{ 10.33.0.99 }}"
    ),
    "an element for everything else added": lambda b: b.run(
        "nft add element bridge netwright ports_out { * : accept }"
    ),
    "a wildcard added": lambda b: b.run(
        'nft add element bridge netwright bind_net4 { "tap*" . fa:16:3e:00:00:01 . 10.0.0.0/8 }'
    ),
    "ranges that are no prefixes added": lambda b: b.run(
        f'nft add element bridge netwright bind_net4 {{ "{LINK}" . 02:00:00:00:00:01-02:00:00:00:00:07 . 192.0.2.3-192.0.2.9 }}'
    ),
    "a set of a stranger's type added": lambda b: b.run(
        "nft add set bridge netwright stranger { typeof @th,0,16 . meta mark ; } ; "
        "add element bridge netwright stranger { 7 . 9 }"
    ),
    "a concatenation's element deleted": lambda b: b.run(
        f'nft delete element bridge netwright bind_ip4 {{ "{LINK}" . fa:16:3e:00:00:01 . 10.33.0.10 }}'
    ),
    "an interval set flushed": lambda b: b.run("nft flush set bridge netwright bind_net6"),
    "neighbour targets flushed": lambda b: b.run(
        "nft flush set bridge netwright nd_target ; flush set bridge netwright nd_prefix"
    ),
    "a verdict map's element deleted": lambda b: b.run(
        f'nft delete element bridge netwright ports_in {{ "{LINK}" }}'
    ),
    "a verdict map's element changed": lambda b: b.run(
        f'nft delete element bridge netwright ports_out {{ "{LINK}" }} ; '
        f'add element bridge netwright ports_out {{ "{LINK}" : accept }}'
    ),
    "a translation deleted": lambda b: b.run("nft delete element inet netwright fip_dnat { 203.0.113.50 }"),
    "a translation changed": lambda b: b.run(
        "nft delete element inet netwright fip_snat { 10.33.0.10 } ; "
        "add element inet netwright fip_snat { 10.33.0.10 : 203.0.113.51 }"
    ),
    "an address group's prefix deleted": lambda b: b.run(
        f"nft delete element bridge netwright n4-{OFFICES} {{ 0.0.0.0/0 . 198.18.7.0/25 }}"
    ),
    "a wider prefix in its place": lambda b: b.run(
        f"nft delete element bridge netwright n4-{OFFICES} {{ 0.0.0.0/0 . 198.18.7.0/25 }} ; "
        f"add element bridge netwright n4-{OFFICES} {{ 0.0.0.0/0 . 198.18.7.0/26 }}"
    ),
    "a forwarded port deleted": lambda b: b.run(
        "nft delete element inet netwright to_tcp { 203.0.113.51 . 8080 }"
    ),
    "forwarded ports led elsewhere": lambda b: b.run(
        "nft delete element inet netwright to_udp_range { 203.0.113.51 . 7000-7009 } ; "
        "add element inet netwright to_udp_range { 203.0.113.51 . 7000-7005 : 10.33.0.10 }"
    ),
    "a forwarded address deleted": lambda b: b.run(f"ip address delete 203.0.113.51/32 dev {UPLINK}"),
    "an option deleted": lambda b: delete_file(b, FileKind.OPTIONS),
    "an option's tag deleted": lambda b: delete_file(b, FileKind.TAGS),
    "a zone deleted": lambda b: b.run("nft flush map inet netwright zones"),
    "a table of another layout": outdate,
    "a table deleted": lambda b: b.run("nft delete table bridge netwright"),
    "the ruleset flushed": lambda b: b.run("nft flush ruleset"),
    "a gateway's address deleted": lambda b: b.run(f"ip address delete 10.33.0.1/24 dev {BRIDGE}"),
    "an IPv6 address deleted": lambda b: b.run(f"ip address delete fd33::1/64 dev {BRIDGE}"),
    "a floating IP deleted": lambda b: b.run(f"ip address delete 203.0.113.50/32 dev {UPLINK}"),
    "a DHCP address deleted": lambda b: ip(INSIDE, "address", "flush", "dev", f"ns-{ROUTED[:11]}"),
    "a route deleted": lambda b: b.run("ip route delete 10.33.0.0/24"),
    "an IPv6 route deleted": lambda b: b.run("ip -6 route delete fd33::/64 proto 201"),
    "a route of our protocol added": lambda b: b.run(f"ip route add 198.51.100.0/24 dev {BRIDGE} proto 201"),
    "a port off its bridge": lambda b: b.run(f"ip link set {LINK} nomaster"),
    "a port on another bridge": lambda b: b.run(f"ip link set {LINK} master {bridge_name(ROUTED)}"),
    "a port down": lambda b: b.run(f"ip link set {LINK} down"),
    "a port's MTU changed": lambda b: b.run(f"ip link set {LINK} mtu 1300"),
    "a port deleted": lambda b: b.run(f"ip link delete {LINK}"),
    "a tap deleted": lambda b: b.run("ip link delete tap00000003-90"),
    "a bridge down": lambda b: b.run(f"ip link set {BRIDGE} down"),
    "a bridge's MTU changed": lambda b: b.run(f"ip link set {BRIDGE} mtu 1300"),
    "a bridge's MAC changed": lambda b: b.run(f"ip link set {BRIDGE} address 02:00:00:00:00:01"),
    "a bridge's filtering turned": turn_filtering,
    "a bridge's STP on": lambda b: b.run(f"ip link set {BRIDGE} type bridge stp_state 1"),
    "a bridge deleted": lambda b: b.run(f"ip link delete {BRIDGE}"),
    "a routed network's bridge deleted": lambda b: b.run(f"ip link delete {bridge_name(ROUTED)}"),
    "a DHCP pair deleted": lambda b: b.run(f"ip link delete {PAIR}"),
    "forwarding off": lambda b: b.run("sysctl -qw net.ipv4.ip_forward=0"),
    "router advertisements heard": lambda b: b.run(f"sysctl -qw net.ipv6.conf.{BRIDGE}.accept_ra=2"),
    "dnsmasq killed": end_dnsmasq,
    "a reservation deleted": lambda b: delete_file(b, FileKind.DHCP),
    "a name deleted": lambda b: delete_file(b, FileKind.DNS),
    "a DHCP namespace deleted": lambda b: ip(NamespaceName(""), "netns", "delete", INSIDE),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_look_restores_what_was_changed(bench: Planned, deed: str) -> None:
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
