"""A bridge under a name that somebody chose is guarded and served like any other, with any engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, Icmp, InNamespace
from netwright.model.plan import GroupItem, RulePlan
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import eventually, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

V4 = sample_subnet("10.35.0.0/24")
NET = replace(sample_network(V4), bridge_called=LinkName("br100"), host_access=True)
SHUT, OPEN = (GroupId(f"{number}b000000-0000-4000-8000-000000000000") for number in (1, 2))
EGRESS = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())
PINGED = RulePlan(Direction.INGRESS, EtherType.IPV4, Icmp(8, 0), Anywhere())
GROUPS = (GroupItem(SHUT, True, (EGRESS,)), GroupItem(OPEN, True, (EGRESS, PINGED)))


@dataclass(frozen=True)
class Bench:
    """A host, and a guest on its bridge br100."""

    rig: Rig
    guest: NamespaceName

    def plug(self, group: GroupId, bridge: str = "br100") -> None:
        port = sample_port(sample_address(V4, "10.35.0.10"), network=NET)
        where = InNamespace(self.guest, LinkName("eth0"))
        called = LinkName(bridge)
        outcome = self.rig.plan(
            replace(NET, bridge_called=called),
            *GROUPS,
            replace(port, attachment=where, groups=(group,), bridge_called=called),
        )
        assert not outcome.pending, outcome

    def links(self) -> str:
        return ip(self.rig.host, "-o", "link")


@pytest.fixture(scope="module")
def bench(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("rig")
    for path in (directory, *list(directory.parents)[:-2]):
        path.chmod(0o755)
    with rig(directory, engine) as made, namespace("guest") as guest:
        yield Bench(made, guest)


def test_what_the_host_sends_meets_the_guests_groups(bench: Bench, tmp_path: Path) -> None:
    """A lease comes over the named bridge; the host's ping passes where a group lets it in, and else does not."""
    bench.plug(SHUT)
    assert "br100" in bench.links()
    assert "brq" not in bench.links()
    lease = DhcpClient(bench.guest, tmp_path).ask()
    assert (lease["new_ip_address"], lease["new_routers"]) == ("10.35.0.10", "10.35.0.1")
    ping = ["ping", "-c1", "-W1", "10.35.0.10"]
    run(bench.guest, ["ping", "-c1", "-W2", "10.35.0.1"])
    assert run(bench.rig.host, ping, check=False).returncode == 1
    bench.plug(OPEN)
    assert eventually(lambda: run(bench.rig.host, ping, check=False).returncode == 0)
    bench.plug(SHUT)
    assert run(bench.rig.host, ping, check=False).returncode == 1


def test_another_name_makes_another_bridge(bench: Bench) -> None:
    """With the ports unplugged the old bridge goes, the new one has its addresses and routes, and guests meet there."""
    bench.plug(OPEN)
    assert not bench.rig.plan(NET).pending
    assert not bench.rig.plan(replace(NET, bridge_called=LinkName("br101"))).pending
    bench.plug(OPEN, "br101")
    assert ("br100" in bench.links(), "br101" in bench.links()) == (False, True)
    assert "dev br101" in ip(bench.rig.host, "route", "get", "10.35.0.10")
    outcome = bench.rig.look()
    assert (outcome.writes, outcome.pending) == (0, {}), outcome
    ip(bench.guest, "address", "replace", "10.35.0.10/24", "dev", "eth0")
    run(bench.rig.host, ["ping", "-c1", "-W2", "10.35.0.10"])


def test_what_is_done_to_it_is_mended(bench: Bench) -> None:
    """Deleted, it is made anew; a fresh agent knows it by its mark and sweeps it."""
    bench.plug(OPEN)
    ip(bench.rig.host, "link", "delete", "br100")
    bench.rig.look()
    bench.rig.look()
    assert not bench.rig.look().writes
    assert "br100" in bench.links()
    bench.rig.restart()
    bench.rig.plan()
    assert not bench.rig.look().pending
    assert "br100" not in bench.links()


def test_a_strangers_bridge_of_that_name_is_left_alone(bench: Bench) -> None:
    """Whether it bears a mark of somebody's or none, it is not taken; the stage says whose name it is."""
    bench.rig.plan()
    for kind in ("bridge", "ifb"):
        ip(bench.rig.host, "link", "add", "br100", "type", kind)
        before = ip(bench.rig.host, "-o", "-d", "link", "show", "br100")
        said = bench.rig.plan(NET).failures[Stage.BRIDGES].said
        assert "br100 exists and is not netwright's" in said
        assert ip(bench.rig.host, "-o", "-d", "link", "show", "br100") == before
        ip(bench.rig.host, "link", "delete", "br100")
        bench.rig.plan()
