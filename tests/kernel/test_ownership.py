"""A fresh agent knows its predecessor's work from everyone else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.model.host import Stage
from netwright.model.ids import bridge_name
from netwright.model.plan import FloatingIpItem
from netwright.testing.whole import HOSTED, UPLINK, Planned, planned

BRIDGE = bridge_name(HOSTED)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Planned]:
    with planned(tmp_path) as made:
        yield made


def test_a_fresh_agent_writes_nothing_where_all_is_right(bench: Planned) -> None:
    """With the same plan it opens its own sockets and leaves everything else as it is."""
    bench.rig.look()
    before = bench.run("nft -s list ruleset")
    bench.rig.restart()
    outcome = bench.rig.plan(*bench.plan)
    assert set(outcome.written) == {Stage.METADATA}
    assert not outcome.removed
    assert bench.rig.look().writes == 0
    assert bench.run("nft -s list ruleset") == before


def test_a_fresh_agent_takes_away_what_the_plan_no_longer_has(bench: Planned) -> None:
    """What its predecessor made is known as ours, item by item, and what stays is not written again."""
    kept = [item for item in bench.plan if not isinstance(item, FloatingIpItem)]
    bench.rig.look()
    bench.rig.restart()
    bench.rig.plan(*kept)
    outcome = bench.rig.look()
    assert set(outcome.removed) == {Stage.FIREWALL, Stage.ADDRESSES}
    assert bench.rig.there() == bench.rig.wanted()


STRANGERS: dict[str, tuple[str, str]] = {
    "a table": ("nft add table inet stranger ; add chain inet stranger c", "nft list table inet stranger"),
    "a bridge": ("ip link add br-stranger type bridge", "ip link show br-stranger"),
    "a bridge named like ours": ("ip link add brq99999999-00 type bridge", "ip link show brq99999999-00"),
    "a port on our bridge": (f"ip link add stranger master {BRIDGE} type ifb", "ip link show stranger"),
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


def test_what_is_not_ours_is_left_alone(bench: Planned) -> None:
    """Looks, a restart, and the sweep of everything leave strangers' tables, links, addresses and routes."""
    for deed, _ in STRANGERS.values():
        bench.run(deed)
    before = {name: bench.run(look) for name, (_, look) in STRANGERS.items()}
    assert bench.rig.look().writes == 0
    bench.rig.restart()
    bench.rig.plan(*bench.plan)
    bench.rig.look()
    assert {name: bench.run(look) for name, (_, look) in STRANGERS.items()} == before
    bench.rig.plan()
    bench.rig.look()
    for name in ("a table", "a bridge", "a bridge named like ours"):
        assert bench.run(STRANGERS[name][1]) == before[name]
    assert "192.0.2.9/24" in bench.run(f"ip address show dev {UPLINK}")
    assert bench.run("ip link show stranger")
