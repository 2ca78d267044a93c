"""netwright beside rule sets in other programs' shapes, and whatever else an administrator may have written.

Neither Docker nor kube-proxy runs here: their rules are applied as they write them (foreign_shapes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from foreign_scene import BRIDGE, FLOATING, Scene, disagreements, scene
from foreign_shapes import DOCKER, DOCKER_28, KUBE_PROXY, KUBE_PROXY_NFT

from netwright.render.foreign import Verdict
from netwright.render.foreign_traffic import Kind

BETWEEN, OUT, IN, SERVED, REACHED = Kind.BETWEEN, Kind.OUT, Kind.FLOATING, Kind.TO_HOST, Kind.FROM_HOST


@dataclass(frozen=True)
class Shape:
    """A command with what it reads, whose it looks, and which IPv4 traffic it stops."""

    command: str
    owner: str
    stops: frozenset[Kind]
    text: str = ""


def base(family: str, hook: str, rule: str, *, policy: str = "accept", device: str = "") -> str:
    """A table with one base chain and one rule."""
    of = f'device "{device}" ' if device else ""
    return (
        f"nft 'add table {family} strange; add chain {family} strange c "
        f"{{ type filter hook {hook} {of}priority 5; policy {policy}; }}; add rule {family} strange c {rule}'"
    )


ALL = frozenset({BETWEEN, OUT, IN})
SHAPES = {
    **{f"Docker 20, {it}": Shape(f"iptables-{it}-restore", "Docker", ALL, DOCKER) for it in ("nft", "legacy")},
    **{f"Docker 28, {it}": Shape(f"iptables-{it}-restore", "Docker", ALL, DOCKER_28) for it in ("nft", "legacy")},
    "an empty FORWARD with policy DROP": Shape("iptables-nft -P FORWARD DROP", "", ALL),
    "INPUT open to SSH only": Shape(
        base("inet", "input", "ct state established,related accept; add rule inet strange c tcp dport 22 accept; "
             "add rule inet strange c meta l4proto ipv6-icmp accept", policy="drop"), "", frozenset({SERVED})),
    "a drop within the bridge": Shape(base("bridge", "forward", "ether type ip drop"), "", frozenset({BETWEEN})),
    "ebtables": Shape("ebtables -A FORWARD -p IPv4 -j DROP", "", frozenset({BETWEEN})),
    "ebtables' policy": Shape("ebtables -P FORWARD DROP", "", frozenset({BETWEEN})),
    "a drop at a device": Shape(base("netdev", "ingress", "ip protocol udp drop", device="wan"), "", frozenset({OUT, IN})),
    "raw": Shape("iptables-legacy -t raw -A PREROUTING -i brq+ -p udp -j DROP", "", frozenset({BETWEEN, OUT, SERVED, REACHED, IN})),
    "an output rule": Shape(base("ip", "output", f'oifname "{BRIDGE}" ct state new drop'), "", frozenset({REACHED})),
    "a verdict map": Shape(base("inet", "forward", f'iifname vmap {{ "{BRIDGE}" : drop, "lo" : accept }}'), "", ALL),
    "a jump into the dark": Shape(
        "nft 'add table ip strange; add chain ip strange dark; add rule ip strange dark ip saddr 10.44.0.0/24 drop; "
        "add chain ip strange c { type filter hook postrouting priority 5; }; add rule ip strange c goto dark'",
        "", frozenset({BETWEEN, OUT, REACHED, SERVED, IN})),
    "forwarding off": Shape("sysctl -qw net.ipv4.ip_forward=0", "the host's settings", frozenset({OUT, IN})),
    "an uplink that does not forward": Shape("sysctl -qw net.ipv4.conf.wan.forwarding=0", "the host's settings", frozenset({OUT, IN})),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_stops_guests_is_named_and_its_fix_works(there: Scene, name: str) -> None:
    """What the doctor says of each traffic is what packets meet, and after its commands all of it passes."""
    shape = SHAPES[name]
    there.run(shape.command, shape.text)
    passing = there.passing()
    assert disagreements(there.said(), passing) == []
    assert {kind for (kind, version), passed in passing.items() if version == 4 and not passed} == shape.stops
    assert {one.owner for one in there.findings() if one.certain} == {shape.owner}
    there.mend(there.run)
    assert Verdict.DROPPED not in there.said().values()


HARMLESS = {
    "kube-proxy, iptables-nft": ("iptables-nft-restore", KUBE_PROXY),
    "kube-proxy, iptables-legacy": ("iptables-legacy-restore", KUBE_PROXY),
    "kube-proxy, nftables": ("nft -f -", KUBE_PROXY_NFT),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_kube_proxys_rules_let_guests_through(there: Scene, name: str) -> None:
    """Beside kube-proxy's rules all traffic passes, and the doctor is certain of it."""
    there.run(*HARMLESS[name])
    assert there.said() == dict.fromkeys(there.ways(), Verdict.PASSES)
    assert all(there.passing().values())


def test_a_published_port_on_a_floating_ip_is_pointed_out(there: Scene) -> None:
    """What Docker publishes on all local addresses it takes from floating IPs too: said as a possibility, and mended."""
    there.run("iptables-nft-restore", DOCKER)
    there.run("iptables-nft -P FORWARD ACCEPT")
    taken = [one for one in there.findings() if "DNAT" in one.rule]
    assert {one.owner for one in taken} == {"Docker"}
    assert not any(one.certain for one in taken)
    ((program, *words),) = {fix for one in taken for fix in one.fixes if FLOATING in fix}
    there.run(" ".join((program, *words)))
    assert [one for one in there.findings() if "DNAT" in one.rule and FLOATING in str(one.fixes)] == []


def test_what_the_doctor_does_not_know_is_a_possibility_and_no_more(there: Scene) -> None:
    """A rule with a condition that is not understood is shown as one that may drop, and the exit stays good."""
    there.run(base("ip", "forward", "meta cpu 99 drop"))
    assert there.said()[OUT, 4] is Verdict.MAY_BE_DROPPED
    assert there.fixes() == []
    assert all(there.passing().values())


def test_bridges_that_are_made_to_call_iptables_are_seen(there: Scene) -> None:
    """Only where bridged packets meet iptables at all does a rule there stop guests of one network."""
    there.run("ip link set dev " + BRIDGE + " type bridge nf_call_iptables 0 nf_call_ip6tables 0")
    there.run("sysctl -qw net.bridge.bridge-nf-call-iptables=0")
    there.run("iptables-nft -P FORWARD DROP")
    assert there.said()[BETWEEN, 4] is Verdict.PASSES
    there.run("sysctl -qw net.bridge.bridge-nf-call-iptables=1")
    assert there.said()[BETWEEN, 4] is Verdict.DROPPED
    assert there.said()[OUT, 4] is Verdict.DROPPED
    assert any("net.bridge.bridge-nf-call-iptables = 1" in one.why for one in there.findings())


@pytest.mark.parametrize("name", ["Docker 20, nft", "an empty FORWARD with policy DROP"])
def test_a_fix_never_passes_netwrights_own_iptables_rules_by(tmp_path: Path, name: str) -> None:
    """Beside the iptables engine the accept comes after netwright's filter in the chain that they share."""
    with scene(tmp_path, "iptables") as there:
        there.run(SHAPES[name].command.replace("-restore", "-restore --noflush"), SHAPES[name].text)
        assert disagreements(there.said(), there.passing()) == []
        there.mend(there.run)
        own = there.run("iptables-nft -S FORWARD").splitlines()
        accepting = [at for at, rule in enumerate(own) if rule.endswith(("-j ACCEPT", "-j DOCKER-USER"))]
        assert min(accepting) > next(at for at, rule in enumerate(own) if "netwright-FORWARD" in rule)
        assert there.rig.look().failures == {}


def test_a_fix_within_the_bridge_comes_after_netwrights_own_ebtables_rules(tmp_path: Path) -> None:
    """The same in the tables of ebtables, which nft writes to."""
    with scene(tmp_path, "iptables") as there:
        there.run("ebtables -A FORWARD -p IPv4 -j DROP")
        assert disagreements(there.said(), there.passing()) == []
        there.mend(there.run)
        own = there.run("nft list chain bridge filter FORWARD").splitlines()
        accepting = next(at for at, rule in enumerate(own) if "tap*" in rule and "accept" in rule)
        assert accepting > next(at for at, rule in enumerate(own) if "netwright-recv" in rule)
