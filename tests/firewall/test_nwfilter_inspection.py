"""What `inspect` finds on a host whose firewall is nwfilter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.agent.inspection import Inspection, Picture, Seen, State
from netwright.model.ids import GroupId, HostName, port_link_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType
from netwright.model.plan import GroupItem, HostItem, HostPlan, PortItem, RulePlan, Serving
from netwright.render.path_view import Part
from netwright.testing.libvirt_host import LibvirtHost
from netwright.testing.namespaces import run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import silent_guests

GROUP = GroupId("6e0a0000-0000-4000-8000-000000000001")
SUBNET = sample_subnet("10.20.0.0/24", Serving.STATIC)
NETWORK = sample_network(SUBNET)
OUT = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())


@dataclass(frozen=True, slots=True)
class Scene:
    made: Rig
    libvirt: LibvirtHost
    plan: HostPlan
    port: PortItem
    directory: Path

    def look(self) -> Picture:
        def act() -> Picture | None:
            with closing(Inspection(self.directory)) as inspection:
                assert inspection.is_host()
                assert inspection.firewall == "nwfilter"
                return inspection.look(self.plan, self.port.id)

        picture = self.made.do(act)
        assert picture is not None
        return picture

    def at(self, part: Part) -> Seen:
        (seen,) = (one for one in self.look().seen if one.hop.part is part)
        return seen

    def run(self, command: str) -> None:
        run(self.made.host, ["sh", "-ec", command.format(link=port_link_name(self.port.id))])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("rig")
    bare = replace(
        sample_port(sample_address(SUBNET, "10.20.0.5"), network=NETWORK),
        groups=(GROUP,),
        security_group_names=("out",),
    )
    with silent_guests(bare) as (port,), rig(directory, "nwfilter") as made:
        items = (NETWORK, GroupItem(GROUP, stateful=True, rules=(OUT,)), port)
        assert not made.plan(*items).failures
        assert made.libvirt is not None
        listed = {item.key: item for item in (HostItem(HostName("rig")), *items)}
        yield Scene(made, made.libvirt, HostPlan(HostName("rig"), 1, listed), port, directory)


def test_a_path_that_is_as_planned_is_all_right(scene: Scene) -> None:
    """Every hop is found as the plan has it: libvirt's filters by name, whose the binding is, and nftables' chains."""
    picture = scene.look()
    assert picture.ok, [one.problems for one in picture.seen if one.state is not State.OK]
    spoof = scene.at(Part.SPOOF)
    assert spoof.hop.name == f"libvirt filter netwright-instance-{scene.port.id}"
    assert spoof.facts == (f"libvirt's binding on {port_link_name(scene.port.id)}: netwright",)
    assert scene.port.mac in spoof.hop.note
    assert "10.20.0.5" in spoof.hop.note
    for part in (Part.EGRESS, Part.INGRESS):
        name = scene.at(part).hop.name
        assert name.startswith(f"libvirt filter netwright-secgroup-{GROUP}; bridge netwright ")
    shown = run(scene.made.host, spoof.hop.command).stdout
    assert scene.port.mac in shown


HARMS = {
    "libvirt's rules gone": ("iptables -F FO-{link}", "libvirt's filter in force on {link}"),
    "the door shut": ("nft flush set bridge netwright bound", "libvirt's filter in force on {link}"),
    "discovery unguarded": ("nft flush chain bridge netwright target", "chain bridge netwright target"),
}


@pytest.mark.parametrize(("harm", "word"), HARMS.values(), ids=HARMS)
def test_what_is_not_as_planned_is_found(scene: Scene, harm: str, word: str) -> None:
    """Each harm done behind the agent's back shows at the port's own filter, with words for it."""
    scene.run(harm)
    seen = scene.at(Part.SPOOF)
    assert seen.state is not State.OK
    assert any(word.format(link=port_link_name(scene.port.id)) in problem for problem in seen.problems)
    assert not scene.made.look().failures
    assert scene.look().ok


def test_with_libvirts_daemon_away_the_rest_is_shown(scene: Scene) -> None:
    """What only the daemon knows is said to be unseen, with the reason; other hops are as ever."""
    scene.libvirt.stop()
    try:
        picture = scene.look()
    finally:
        scene.libvirt.start()
    unseen = {one.hop.part for one in picture.seen if one.state is not State.OK}
    assert unseen == {Part.SPOOF, Part.EGRESS, Part.INGRESS}
    spoof = next(one for one in picture.seen if one.hop.part is Part.SPOOF)
    assert "cannot be seen: libvirt's daemon does not answer at" in spoof.facts[0]
