"""A change of one port, member or group costs what it changes: nothing is listed, little is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network

import pytest

from netwright.agent.desired import Desired
from netwright.agent.firewalls import find_firewall
from netwright.agent.reconcile import Row, reconcile
from netwright.kernel import netns
from netwright.kernel.driver import wide
from netwright.kernel.libnftables import Nftables
from netwright.kernel.nft import NftTables
from netwright.kernel.nft_transactions import LARGEST
from netwright.model.host import NftChain, Stage, Traits
from netwright.model.ids import AddressGroupId, GroupId, HostName, Mac, NamespaceName, PortId
from netwright.model.intent import (
    AddressPair,
    Direction,
    EtherType,
    IpProtocol,
    Prefix,
    RemoteAddressGroup,
    RemoteGroup,
)
from netwright.model.plan import (
    AddressGroupItem,
    GroupItem,
    HostItem,
    Item,
    ItemKey,
    MemberItem,
    PortItem,
    RulePlan,
    Serving,
)
from netwright.testing.namespaces import namespace
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

FOUR, SIX = (
    sample_subnet("10.36.0.0/16", Serving.STATIC),
    sample_subnet("fd36::/64", Serving.STATIC, number=2),
)
NET = sample_network(FOUR, SIX)
WEB, BASE = (GroupId(f"{number:08x}-6c0f-4000-8000-000000000000") for number in (1, 2))
RULE = RulePlan(Direction.INGRESS, EtherType.IPV4, IpProtocol(6), RemoteGroup(WEB))
OFFICES = AddressGroupId("00000001-add0-4000-8000-000000000000")
LET = RulePlan(Direction.INGRESS, EtherType.IPV4, IpProtocol(17), RemoteAddressGroup(OFFICES))
PREFIXES = (*(ip_network(f"192.0.{third}.0/24") for third in range(9)), ip_network("fd37::/64"))
GROUPS = (GroupItem(WEB, stateful=True, rules=(RULE, LET)), GroupItem(BASE, stateful=True, rules=()))
MEMBER = MemberItem(PortId("m"), (WEB,), (ip_network("10.36.9.9/32"), ip_network("fd36::99/128")))
PAIRS = (
    AddressPair(ip_network("10.77.0.0/24"), Mac("02:00:00:00:00:77")),
    AddressPair(ip_network("fd77::/64"), Mac("02:00:00:00:00:77")),
)


class Watched(Nftables):
    """libnftables, whose every use is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def _run(self, script: str, flags: int) -> str:
        self.asked.append(script)
        return super()._run(script, flags)


class Bench:
    """The firewall stage of an agent, in a namespace of its own."""

    def __init__(self, host: NamespaceName) -> None:
        self._thread = ThreadPoolExecutor(1, initializer=netns.enter, initargs=(host,))
        self.desired = Desired(Traits("/", bridge_conntrack=False), find_firewall("nftables").engine)
        self.nft = self._thread.submit(Watched).result()
        self.driver = self._thread.submit(NftTables, self.nft).result()
        self._rows = (Row(Stage.FIREWALL, wide(self.driver), gate=True),)

    def change(self, changed: Collection[Item], removed: Collection[ItemKey] = ()) -> list[str]:
        """What libnftables was asked for it; what was touched is afterwards as wanted."""
        return self._thread.submit(self._change, changed, removed).result()

    def _change(self, changed: Collection[Item], removed: Collection[ItemKey]) -> list[str]:
        self.nft.asked.clear()
        touched = self.desired.update(changed, removed)
        outcome = reconcile(self._rows, self.desired, dict(touched))
        assert not outcome.failures, outcome.failures
        assert outcome.writes
        asked = list(self.nft.asked)
        assert self.driver.observe() == self.desired.values[Stage.FIREWALL]
        return asked

    def close(self) -> None:
        self._thread.submit(self.driver.close).result()
        self._thread.shutdown()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with namespace("nft") as host:
        made = Bench(host)
        try:
            made.change([HostItem(HostName("h")), NET, *GROUPS, offices(PREFIXES), *map(port, range(3))])
            yield made
        finally:
            made.close()


def port(number: int, *groups: GroupId) -> PortItem:
    held = sample_address(FOUR, f"10.36.0.{number + 10}"), sample_address(SIX, f"fd36::{number + 10}")
    return replace(sample_port(*held, number=number, network=NET), groups=groups or (WEB,))


def offices(prefixes: tuple[Prefix, ...]) -> AddressGroupItem:
    return AddressGroupItem(OFFICES, prefixes)


ELEMENTS: dict[str, Callable[[Bench], list[str]]] = {
    "a port": lambda b: b.change([port(9)]),
    "a port's address": lambda b: b.change([replace(port(1), addresses=port(8).addresses)]),
    "a port's pairs": lambda b: b.change([replace(port(1), pairs=PAIRS)]),
    "a port's removal": lambda b: b.change([], [port(1).key]),
    "a port's security": lambda b: b.change([replace(port(1), secured=False)]),
    "a member": lambda b: b.change([MEMBER]),
    "an address group's prefixes": lambda b: b.change([offices(PREFIXES[3:])]),
    "a wider prefix": lambda b: b.change([offices((ip_network("192.0.0.0/16"), ip_network("::/0")))]),
    "narrower ones": lambda b: b.change([offices((ip_network("192.0.4.64/26"), ip_network("192.0.4.7/32")))]),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_alone_never_pass_through_libnftables(bench: Bench, name: str) -> None:
    """Where chains and sets are there, a change is written and read back without nft's parser or lists."""
    assert ELEMENTS[name](bench) == []


CHAINS: dict[str, Callable[[Bench], list[str]]] = {
    "a rule": lambda b: b.change([replace(GROUPS[0], rules=())]),
    "the first port with its groups": lambda b: b.change([port(9, WEB, BASE)]),
    "a port's groups": lambda b: b.change([port(1, BASE)]),
    "a pair within a wider one": lambda b: [
        *b.change([replace(port(1), pairs=PAIRS[:1])]),
        *b.change([replace(port(1), pairs=(replace(PAIRS[0], prefix=ip_network("10.77.0.0/25")),))]),
    ],
}


@pytest.mark.parametrize("name", CHAINS)
def test_nothing_is_ever_listed_by_nft(bench: Bench, name: str) -> None:
    """Where chains change, or ranges overlap, libnftables writes them; what there is it is not asked."""
    assert not any("list" in script for script in CHAINS[name](bench))


def test_a_cold_start_and_its_end_come_in_short_transactions(bench: Bench) -> None:
    """No script has more than a thousand declarations and rules; all that was wanted is there, and goes."""
    groups = [
        GroupItem(GroupId(f"{number:08x}-6c0f-4000-8000-000000000009"), stateful=True, rules=(RULE,))
        for number in range(400)
    ]
    ports = [port(number, groups[number].id) for number in range(10, 210)]
    asked = bench.change([*groups, *ports])
    assert len(asked) > 1
    assert max(len(re.findall("^add (?:set|rule)", script, re.MULTILINE)) for script in asked) <= LARGEST
    bench.change([], [item.key for item in (*groups, *ports)])


def test_tables_that_go_let_go_of_packets_first(bench: Bench) -> None:
    """Base chains are deleted before anything that their rules look up: until then nothing is dropped that passed."""
    hooked = {
        f"delete chain {key.family} netwright {key.name}"
        for key, value in bench.desired.values[Stage.FIREWALL].items()
        if isinstance(value, NftChain) and value.hook
    }
    items = [HostItem(HostName("h")), NET, *GROUPS, offices(PREFIXES), *map(port, range(3))]
    first, *others = filter(None, bench.change([], [item.key for item in items]))
    assert {line for line in first.splitlines() if not line.startswith("flush")} == hooked
    assert others
