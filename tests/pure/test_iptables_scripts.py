"""What the iptables engine writes does not grow faster than what it is asked for."""

from __future__ import annotations

from dataclasses import replace

from small_host import GROUP
from small_host import plan as small_plan

from netwright.kernel.xt_chains import write_scripts
from netwright.model.host import Stage, Traits
from netwright.model.ids import PortId
from netwright.model.plan import Item, PortItem
from netwright.model.xtables import XtKey, XtValue
from netwright.render.firewalls import ENGINES
from netwright.render.items import render
from netwright.testing.samples import sample_port

TRAITS = Traits("/run/netwright", bridge_conntrack=False, firewall="iptables")


def ports(count: int) -> list[PortItem]:
    """With ids that differ from their first character on, as random ones do."""
    bare = (sample_port(number=number) for number in range(1, count + 1))
    ids = (f"{number * 0x9E3779B1 & 0xFFFFFFFF:08x}-90e7-4000-8000-000000000000" for number in range(count))
    return [replace(port, id=PortId(one), groups=(GROUP,)) for port, one in zip(bare, ids, strict=True)]


def keys(items: list[Item]) -> dict[XtKey, XtValue]:
    found: dict[XtKey, XtValue] = {}
    for item in items:
        found.update(render(item, TRAITS, ENGINES["iptables"]).get(Stage.IPTABLES, {}))
    return {key: value for key, value in found.items() if key.family != "set"}


def test_building_is_linear() -> None:
    """Ten times the ports are one restore a family as before, of at most ten times the lines (nova: n squared)."""
    few, many = (write_scripts(keys(list(ports(count))), {}) for count in (50, 500))
    assert few.keys() == many.keys() == {("", "bridge"), ("nft", "ip"), ("nft", "ip6")}
    for owner, script in many.items():
        assert script.count("\n") <= 10 * few[owner].count("\n")


def test_a_port_more_is_a_few_lines() -> None:
    """What is written for one more port on a full host is its own chains, and a rule in each tree."""
    there = keys([*small_plan(), *ports(500)])
    new = {key: value for key, value in keys([ports(501)[-1]]).items() if key not in there}
    lines = sum(script.count("\n") for script in write_scripts(new, {}).values())
    assert lines < 80
