"""Where a host ends up depends on its plan, not on the plans before it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from itertools import permutations

import pytest

from netwright.model.intent import AddressPair, EtherType, GatewayPlace, RemotePrefix
from netwright.model.plan import FloatingIpItem, GroupItem, Item, NetworkItem, PortItem
from netwright.render.stages import ByStage
from netwright.testing.samples import sample_address, sample_subnet
from netwright.testing.whole import HOSTED, MEMBERS, WEB, Planned

OTHER = sample_subnet("10.34.0.0/24", number=9)


def changed(item: Item) -> Item:
    """The same thing, different in all that a user can change."""
    match item:
        case NetworkItem(id=identity) if identity == HOSTED:
            return replace(item, mtu=1400, nat=False, host_access=True, subnets=(item.subnets[0], OTHER))
        case NetworkItem():
            return replace(item, mtu=1380, dns_domain="other.internal")
        case GroupItem():
            near = {EtherType.IPV4: ip_network("10.0.0.0/8"), EtherType.IPV6: ip_network("fd00::/8")}
            rules = (replace(rule, remote=RemotePrefix(near[rule.ethertype])) for rule in item.rules[1:])
            return replace(item, stateful=False, rules=tuple(rules))
        case PortItem():
            return changed_port(item)
        case FloatingIpItem():
            return replace(item, address=IPv4Address("203.0.113.77"))
    return item


def changed_port(port: PortItem) -> PortItem:
    if port.place is GatewayPlace.ROUTER:
        return replace(port, groups=(), mtu=1380)
    if not port.secured:
        return replace(port, secured=True, groups=(WEB, MEMBERS), admin_up=False, mtu=1400)
    pairs = (AddressPair(ip_network("10.33.9.0/27"), port.mac),)
    addresses = (port.addresses[0], sample_address(OTHER, "10.34.0.10"))
    return replace(port, groups=(WEB,), pairs=pairs, addresses=addresses, mtu=1400, dns_name="renamed")


def plans(whole: tuple[Item, ...]) -> dict[str, tuple[Item, ...]]:
    """Nothing, a part, all, and all of it changed."""
    part = tuple(item for item in whole if not isinstance(item, FloatingIpItem | PortItem))
    return {"nothing": (), "part": part, "whole": whole, "changed": tuple(changed(item) for item in whole)}


@pytest.fixture(scope="module")
def scratch(bench: Planned) -> dict[str, tuple[ByStage, str]]:
    """What each plan brings about on an empty host."""
    states = {}
    for name, plan in plans(bench.plan).items():
        bench.rig.plan()
        bench.rig.look()
        bench.run("nft flush ruleset")
        outcome = bench.rig.plan(*plan)
        assert not bench.rig.look().pending, outcome
        states[name] = bench.rig.there(), shown(bench)
    return states


def shown(bench: Planned) -> str:
    """The tables as people see them, but for their elements, which have no order of their own."""
    return "\n".join(sorted(bench.run("nft -s -t list ruleset").splitlines()))


@pytest.mark.parametrize(("first", "second"), list(permutations(["nothing", "part", "whole", "changed"], 2)))
def test_the_state_reached_depends_on_the_plan_and_not_on_the_path(
    bench: Planned, scratch: dict[str, tuple[ByStage, str]], first: str, second: str
) -> None:
    """From any plan to any other, by what changed alone: the state is that of the second from scratch."""
    listed = plans(bench.plan)
    bench.rig.plan(*listed[first])
    outcome = bench.rig.plan(*listed[second])
    assert not outcome.pending, outcome
    state, text = scratch[second]
    assert bench.rig.there() == bench.rig.wanted() == state
    assert shown(bench) == text
    assert bench.rig.look().writes == 0
