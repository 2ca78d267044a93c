"""What `inspect` finds on a host whose firewall is iptables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inspecting import Scene, guest_scene

from netwright.agent.inspection import State
from netwright.model.ids import NamespaceName
from netwright.render.path_view import Part
from netwright.testing.namespaces import run


@pytest.fixture(params=["nft", "legacy"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scene(backend: str, tmp_path: Path) -> Iterator[Scene]:
    with guest_scene(tmp_path, f"iptables/{backend}") as made:
        yield made


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
def test_what_is_not_as_planned_is_found_at_its_hop(
    scene: Scene, backend: str, harm: str, part: Part
) -> None:
    """Each harm done behind the agent's back shows at the hop that it was done to, with words for it."""
    saved = scene.made.do(lambda: run(NamespaceName(""), [f"iptables-{backend}-save"]).stdout)
    digest = saved.partition(":netwright-out-")[2].split(" ")[0]
    member = saved.partition(":netwright-e")[2].split(" ")[0]
    line = harm.format(ip=f"iptables-{backend}", digest=digest, member=member)
    run(scene.made.host, line.split(" "))
    seen = scene.at(part)
    assert seen.state is not State.OK
    assert seen.problems
