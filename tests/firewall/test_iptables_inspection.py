"""What `inspect` finds on a host whose firewall is iptables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.agent.inspection import Inspection, Picture, Seen, State
from netwright.model.ids import GroupId, HostName, LinkName, NamespaceName, bridge_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace
from netwright.model.plan import GroupItem, HostItem, HostPlan, PortItem, RulePlan
from netwright.render.path_view import Part
from netwright.testing.namespaces import ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

GROUP = GroupId("6e0a0000-0000-4000-8000-000000000001")
SUBNET = sample_subnet("10.20.0.0/24")
NETWORK = sample_network(SUBNET)
BRIDGE = bridge_name(NETWORK.id)
OUT = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())


@dataclass(frozen=True, slots=True)
class Scene:
    made: Rig
    plan: HostPlan
    port: PortItem
    guest: NamespaceName
    directory: Path
    backend: str

    def look(self) -> Picture:
        def act() -> Picture | None:
            with closing(Inspection(self.directory)) as inspection:
                assert inspection.is_host()
                return inspection.look(self.plan, self.port.id)

        picture = self.made.do(act)
        assert picture is not None
        return picture

    def at(self, part: Part) -> Seen:
        (seen,) = (one for one in self.look().seen if one.hop.part is part)
        return seen


@pytest.fixture(params=["nft", "legacy"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A guest in a namespace on a host network, with one group that lets everything out."""
    tmp_path.chmod(0o755)
    with rig(tmp_path, f"iptables/{request.param}") as made, namespace("guest") as guest:
        port = replace(
            sample_port(sample_address(SUBNET, "10.20.0.5"), network=NETWORK),
            attachment=InNamespace(guest, LinkName("eth0")),
            groups=(GROUP,),
            security_group_names=("out",),
        )
        items = (NETWORK, GroupItem(GROUP, stateful=True, rules=(OUT,)), port)
        assert not made.plan(*items).failures
        ip(guest, "address", "add", "10.20.0.5/24", "dev", "eth0")
        listed = {item.key: item for item in (HostItem(HostName("rig")), *items)}
        yield Scene(made, HostPlan(HostName("rig"), 1, listed), port, guest, tmp_path, request.param)


def test_a_path_that_is_as_planned_is_all_right(scene: Scene) -> None:
    """Every hop is found as the plan has it, in iptables, and what shows it runs."""
    picture = scene.look()
    assert picture.ok, [one for one in picture.seen if one.state is not State.OK]
    for part in (Part.SPOOF, Part.EGRESS, Part.NAT, Part.INGRESS):
        hop = scene.at(part).hop
        assert hop.name.startswith("iptables ")
        assert "netwright-" in run(scene.made.host, hop.command).stdout


def test_the_counters_count_the_guests_packets(scene: Scene) -> None:
    """Packets that the guest sends are counted at its group's rule."""
    run(scene.guest, ["ping", "-c", "3", "-i", "0.1", "10.20.0.1"])
    counts = [one for one in scene.at(Part.EGRESS).counts if one.chain.startswith("netwright-e")]
    met = {one.rule: one.packets for one in counts if one.packets}
    assert met["-j ACCEPT"] == 1
    assert met["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"] >= 2


HARMS = {
    "rule added": ("{ip} -t mangle -A netwright-out-{digest} -j DROP", Part.EGRESS),
    "chain emptied": ("{ip} -t raw -F netwright-o00000001-90", Part.SPOOF),
    "leaf gone": ("{ip} -t filter -D netwright-r00 1", Part.INGRESS),
    "frames unguarded": ("ebtables -t nat -F netwright-o00000001-90", Part.SPOOF),
    "member gone": ("ipset flush netwright-m4-{member}", Part.INGRESS),
    "no NAT": ("{ip} -t nat -D netwright-snat 1", Part.NAT),
    "guard gone": ("{ip} -D netwright-INPUT 1", Part.GATEWAY),
}


@pytest.mark.parametrize(("harm", "part"), HARMS.values(), ids=HARMS)
def test_what_is_not_as_planned_is_found_at_its_hop(scene: Scene, harm: str, part: Part) -> None:
    """Each harm done behind the agent's back shows at the hop that it was done to, with words for it."""
    saved = scene.made.do(lambda: run(NamespaceName(""), [f"iptables-{scene.backend}-save"]).stdout)
    digest = saved.partition(":netwright-out-")[2].split(" ")[0]
    member = saved.partition(":netwright-e")[2].split(" ")[0]
    line = harm.format(ip=f"iptables-{scene.backend}", digest=digest, member=member)
    run(scene.made.host, line.split(" "))
    seen = scene.at(part)
    assert seen.state is not State.OK
    assert seen.problems
