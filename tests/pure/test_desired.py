"""The union of what items bring, kept item by item."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.agent.desired import Desired, Touched
from netwright.model.host import Stage, Traits
from netwright.model.ids import HostName, NamespaceName
from netwright.model.intent import AddressPair
from netwright.model.plan import HostItem, Item, ItemKey
from netwright.testing import whole

TRAITS = Traits("/run/netwright", bridge_conntrack=False)
GUESTS = NamespaceName("guest1"), NamespaceName("guest2")


def variants() -> list[Item]:
    """Items of every kind, in two shapes each, that share groups, chains and member sets."""
    web, members = whole.groups()
    first, second, third = whole.ports(GUESTS)
    network, routed = whole.hosted(), whole.routed()
    floating = whole.floating_ip(first)
    pairs = (AddressPair(ip_network("10.33.9.0/27"), first.mac),)
    return [
        HostItem(HostName("rig")),
        network,
        replace(network, mtu=1400, nat=False, subnets=network.subnets[:1]),
        routed,
        replace(routed, zone=9),
        web,
        replace(web, rules=web.rules[:1]),
        members,
        replace(members, stateful=False),
        first,
        replace(first, groups=(members.id,), pairs=pairs),
        second,
        replace(second, groups=first.groups),
        third,
        replace(third, secured=True, groups=first.groups),
        floating,
        replace(floating, uplink=None),
    ]


ITEMS = variants()
STEP = st.tuples(
    st.lists(st.sampled_from(ITEMS), max_size=5), st.sets(st.sampled_from([item.key for item in ITEMS]))
)


def apply(
    desired: Desired, items: dict[ItemKey, Item], changed: list[Item], removed: Collection[ItemKey]
) -> Touched:
    """One update, on the state and on the plan's items."""
    for key in removed:
        items.pop(key, None)
    items.update({item.key: item for item in changed})
    return desired.update(list({item.key: item for item in changed}.values()), removed)


def fresh(items: dict[ItemKey, Item]) -> Desired:
    made = Desired(TRAITS)
    made.replace(items.values())
    return made


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(steps=st.lists(STEP, max_size=6))
def test_items_taken_one_by_one_are_the_plan_taken_whole(
    steps: list[tuple[list[Item], set[ItemKey]]],
) -> None:
    """After any updates the values are those of the final items, and each update names every key that it changed."""
    desired, items = Desired(TRAITS), dict[ItemKey, Item]()
    for changed, removed in steps:
        before = {stage: dict(values) for stage, values in desired.values.items()}
        touched = apply(desired, items, changed, removed)
        assert desired.values == fresh(items).values
        for stage in Stage:
            assert differing(before[stage], desired.values[stage]) <= touched.get(stage, set())


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(first=st.lists(st.sampled_from(ITEMS)), second=st.lists(st.sampled_from(ITEMS)))
def test_replacing_a_plan_is_starting_with_the_new_one(first: list[Item], second: list[Item]) -> None:
    """Whatever was there before, a complete plan leaves exactly what it brings."""
    desired = fresh({item.key: item for item in first})
    listed = {item.key: item for item in second}
    desired.replace(listed.values())
    assert desired.values == fresh(listed).values


@given(items=st.lists(st.sampled_from(ITEMS)))
@settings(max_examples=50, derandomize=True, deadline=None, database=None)
def test_what_does_not_change_touches_nothing(items: list[Item]) -> None:
    """The same items again are no reason to look at anything."""
    listed = {item.key: item for item in items}
    assert fresh(listed).replace(listed.values()) == {}


def differing(before: dict[Hashable, object], after: dict[Hashable, object]) -> set[Hashable]:
    missing = object()
    return {
        key for key in before.keys() | after.keys() if before.get(key, missing) != after.get(key, missing)
    }
