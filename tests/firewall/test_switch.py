"""A host changes its firewall while its guests talk: what is allowed never stops, what is not never begins."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.agent.reconcile import Outcome
from netwright.kernel.netns import path_of
from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, Icmp, InNamespace, PortRange
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)
from netwright.testing.traffic import Flow

V4 = sample_subnet("10.36.0.0/24", Serving.STATIC)
NET = sample_network(V4)
FIXED = ("10.36.0.10", "10.36.0.11")
FLOATING, UPLINK, INTERNET = "203.0.113.36", "203.0.113.2", "203.0.113.1"
OPEN_PORT, CLOSED_PORT = 7000, 9000
GROUP = GroupItem(
    GroupId("00000036-6c0f-4000-8000-000000000000"),
    stateful=True,
    rules=(
        RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere()),
        RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, 7000, 7999), Anywhere()),
        RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 7000, 7999), Anywhere()),
        RulePlan(Direction.INGRESS, EtherType.IPV4, Icmp(8), Anywhere()),
    ),
)
CHANGES = (
    ("nftables", "iptables/nft"),
    ("iptables/nft", "nftables"),
    ("nftables", "iptables/legacy"),
    ("iptables/legacy", "iptables/nft"),
    ("iptables/nft", "iptables/legacy"),
    ("iptables/legacy", "nftables"),
)


@dataclass(frozen=True, slots=True)
class Bench:
    rig: Rig
    internet: NamespaceName
    guests: tuple[NamespaceName, ...]

    def flows(self, port: int) -> list[tuple[str, NamespaceName, NamespaceName, str, int]]:
        """Kind, from, to, address, port: between guests, over the floating IP, from the host, and out."""
        near, far = self.guests
        paths = (
            (far, near, FIXED[0]),
            (self.internet, near, f"{FLOATING}>{FIXED[0]}"),
            (self.rig.host, near, FIXED[0]),
        )
        return [
            (kind, source, target, address, port + number)
            for number, (source, target, address) in enumerate(paths)
            for kind in ("udp", "tcp")
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        internet, *guests = (stack.enter_context(namespace(label)) for label in ("net", "guest", "guest"))
        made = stack.enter_context(rig(tmp_path))
        add_veth(made.host, "wan", internet, "eth0")
        add_addresses(made.host, "wan", f"{UPLINK}/24")
        add_addresses(internet, "eth0", f"{INTERNET}/24")
        ip(made.host, "route", "add", "default", "via", INTERNET)
        ports = tuple(_plugged(number, guest) for number, guest in enumerate(guests))
        outcome = made.plan(NET, GROUP, *ports, sample_floating_ip(ports[0], FLOATING))
        assert not outcome.pending, outcome
        for number, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{FIXED[number]}/24")
            ip(guest, "route", "add", "default", "via", "10.36.0.1")
        yield Bench(made, internet, tuple(guests))


def _plugged(number: int, guest: NamespaceName) -> PortItem:
    port = sample_port(sample_address(V4, FIXED[number]), number=number + 1, network=NET)
    return replace(port, groups=(GROUP.id,), attachment=InNamespace(guest, LinkName("eth0")))


@pytest.mark.parametrize("change", CHANGES, ids=" to ".join)
def test_the_firewall_changes_under_traffic(bench: Bench, change: tuple[str, str]) -> None:
    """A thousand allowed packets a second on each of four paths are not lost, as many forbidden ones never arrive."""
    before, after = change
    bench.rig.switch(before)
    _change_under_traffic(bench, lambda: bench.rig.switch(after))


def test_tables_of_another_version_are_made_anew_under_traffic(bench: Bench) -> None:
    """An upgrade that brings other sets replaces both tables at once: nothing is lost, nothing slips through."""
    listed = run(bench.rig.host, ["nft", "list", "tables"]).stdout
    for family in ("bridge", "inet"):
        assert f"table {family} netwright" in listed
        chains = run(bench.rig.host, ["nft", "list", "table", family, "netwright"]).stdout
        (layout,) = re.findall(r"chain (layout_\w+)", chains)
        script = f"delete chain {family} netwright {layout} ; add chain {family} netwright layout_0ld"
        run(bench.rig.host, ["nft", script])
    _change_under_traffic(bench, bench.rig.look)


def _change_under_traffic(bench: Bench, change: Callable[[], Outcome]) -> None:
    with ExitStack() as stack:
        allowed = _begun(stack, [*bench.flows(OPEN_PORT), _outwards(bench)])
        # TCP would wait for its first answer: what is forbidden is sent as datagrams.
        forbidden = _begun(stack, [flow for flow in bench.flows(CLOSED_PORT) if flow[0] == "udp"])
        pings = [_ping(stack, bench.guests[1], FIXED[0]), _ping(stack, bench.internet, FLOATING)]
        outcome = change()
        assert not outcome.pending, outcome
        forbidden_losses = [flow.stop() for flow in forbidden]
        losses = [flow.stop() for flow in allowed]
        answers = [_answered(ping) for ping in pings]
    assert all(loss.whole for loss in losses), losses
    assert all(loss.sent.count and not loss.received.count for loss in forbidden_losses), forbidden_losses
    assert answers == [True, True]
    assert bench.rig.there()[Stage.FIREWALL] == bench.rig.wanted()[Stage.FIREWALL]
    assert bench.rig.there()[Stage.IPTABLES] == bench.rig.wanted()[Stage.IPTABLES]


def _outwards(bench: Bench) -> tuple[str, NamespaceName, NamespaceName, str, int]:
    return "tcp", bench.guests[1], bench.internet, INTERNET, 8000


def _begun(
    stack: ExitStack, flows: Sequence[tuple[str, NamespaceName, NamespaceName, str, int]]
) -> list[Flow]:
    begun = []
    for flow in flows:
        begun.append(Flow(*flow))
        stack.callback(begun[-1].kill)
    return begun


def _ping(stack: ExitStack, source: NamespaceName, target: str) -> subprocess.Popen[str]:
    argv = ["nsenter", f"--net={path_of(source)}", "ping", "-n", "-q", "-i", "0.01", "-c", "300", target]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    stack.callback(process.kill)
    return process


def _answered(process: subprocess.Popen[str]) -> bool:
    """Whether each echo was answered."""
    said, _ = process.communicate(timeout=60)
    return re.search(r" 0% packet loss", said) is not None


@pytest.mark.parametrize("engine", ["nftables", "iptables/nft", "iptables/legacy"])
def test_the_probes_of_this_file_see(bench: Bench, engine: str) -> None:
    """A forbidden probe would be seen: with its port open it arrives, over each path."""
    bench.rig.switch(engine)
    rules = (*GROUP.rules, RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, 9000, 9999), Anywhere()))
    ports = [item for item in bench.rig.items if isinstance(item, PortItem)]
    bench.rig.plan(NET, replace(GROUP, rules=rules), *ports, sample_floating_ip(ports[0], FLOATING))
    with ExitStack() as stack:
        probes = _begun(stack, [flow for flow in bench.flows(CLOSED_PORT) if flow[0] == "udp"])
        run(bench.guests[0], ["sleep", "0.5"])
        assert all(probe.stop().received.count for probe in probes)
