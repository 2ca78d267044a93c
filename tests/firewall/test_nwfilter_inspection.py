"""What `inspect` finds on a host whose firewall is nwfilter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from inspecting import GROUP, Scene, silent_scene

from netwright.agent.inspection import State
from netwright.model.ids import port_link_name
from netwright.render.path_view import Part
from netwright.testing.namespaces import run


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with silent_scene(tmp_path_factory.mktemp("rig"), "nwfilter") as made:
        yield made


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
    link = port_link_name(scene.port.id)
    run(scene.made.host, ["sh", "-ec", harm.format(link=link)])
    seen = scene.at(Part.SPOOF)
    assert seen.state is not State.OK
    assert any(word.format(link=link) in problem for problem in seen.problems)
    assert not scene.made.look().failures
    assert scene.look().ok


def test_with_libvirts_daemon_away_the_rest_is_shown(scene: Scene) -> None:
    """What only the daemon knows is said to be unseen, with the reason; other hops are as ever."""
    libvirt = scene.made.libvirt
    assert libvirt is not None
    libvirt.stop()
    try:
        picture = scene.look()
    finally:
        libvirt.start()
    unseen = {one.hop.part for one in picture.seen if one.state is not State.OK}
    assert unseen == {Part.SPOOF, Part.EGRESS, Part.INGRESS}
    spoof = next(one for one in picture.seen if one.hop.part is Part.SPOOF)
    assert "cannot be seen: libvirt's daemon does not answer at" in spoof.facts[0]
