"""Rules' counters: read in one dump, and going on while other rules of the group change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from netwright.agent.firewalls import find_firewall
from netwright.kernel.libnftables import Nftables
from netwright.model.ids import GroupId
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, PortRange
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing.namespaces import add_addresses, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.talk import gather, speaker, streaming

SUBNET = sample_subnet("10.41.0.0/24", Serving.STATIC)
NET = sample_network(SUBNET)
GROUP = GroupId("00000041-6c0f-4000-8000-000000000000")
OUT = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())


def udp(port: int) -> RulePlan:
    return RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, port, port), Anywhere())


@dataclass(frozen=True)
class Pair:
    """Two guests on one network, in one stateless group: each packet of theirs is counted."""

    rig: Rig
    ports: tuple[PortItem, PortItem]
    engine: str

    def allow(self, *rules: RulePlan) -> None:
        outcome = self.rig.plan(NET, GroupItem(GROUP, False, (OUT, *rules)), *self.ports)
        assert not outcome.failures, outcome


@pytest.fixture(params=["nftables", "iptables/nft", "iptables/legacy"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        ports = []
        for number in (1, 2):
            where = stack.enter_context(namespace(f"g{number}"))
            port = sample_port(sample_address(SUBNET, f"10.41.0.1{number}"), number=number, network=NET)
            attachment = replace(port.attachment, namespace=where)
            ports.append(replace(port, attachment=attachment, groups=(GROUP,)))
        made = Pair(stack.enter_context(rig(tmp_path, request.param)), (ports[0], ports[1]), request.param)
        made.allow()
        for port in ports:
            add_addresses(port.attachment.namespace, "eth0", f"{port.addresses[0].address}/24")
        yield made


def read(made: Pair, *rules: RulePlan) -> dict[RulePlan, tuple[int, int]]:
    def look() -> dict[RulePlan, tuple[int, int]]:
        counters = find_firewall(made.engine.partition("/")[0]).counters()
        try:
            found = counters.read([GroupItem(GROUP, False, (OUT, *rules))])
        finally:
            counters.close()
        return {rule: tuple(met) for rule, met in found[GROUP].items()}

    return made.rig.do(look)


def test_each_rule_counts_what_it_let_through(pair: Pair) -> None:
    """Packets and octets of a rule are those that it accepted, and a rule that nothing met has none."""
    pair.allow(udp(7001), udp(7002))
    one, two = (port.attachment.namespace for port in pair.ports)
    with speaker(one) as speaking, speaker(two, port=7001) as listening:
        for _ in range(25):
            speaking.sendto(b"x" * 72, ("10.41.0.12", 7001))
        assert len(gather(listening)) == 25
    found = read(pair, udp(7001), udp(7002))
    assert found[udp(7001)] == (25, 25 * 100)
    assert found[udp(7002)] == (0, 0)
    assert found[OUT] == (25, 25 * 100)


def test_a_rule_keeps_its_count_while_others_of_its_group_change(pair: Pair) -> None:
    """Rules come and go beside a rule under traffic: no packet is lost, and in the end it has counted each."""
    pair.allow(udp(7001))
    one, two = (port.attachment.namespace for port in pair.ports)
    with speaker(one) as speaking, speaker(two, port=7001) as listening:
        counts = []
        with streaming(speaking, "10.41.0.12", 7001) as sent:
            for number in range(60):
                others = [udp(7100 + number), udp(7101 + number)][number % 3 :]
                pair.allow(udp(7001), *others)
                counts.append(read(pair, udp(7001))[udp(7001)][0])
        heard = gather(listening)
    assert len(heard) == len(sent)
    assert counts == sorted(counts)
    assert read(pair, udp(7001))[udp(7001)][0] == len(sent)
    assert not pair.rig.look().writes


@pytest.mark.parametrize("pair", ["nftables"], indirect=True)
def test_a_stranger_among_the_rules_makes_the_chain_anew(pair: Pair) -> None:
    """A rule that is not ours, or one of ours twice, goes when the chain is looked at, and ours are all there."""
    pair.allow(udp(7001))
    for words in ("insert rule {} counter accept", 'add rule {} counter accept comment "~{}"'):
        chain = f"bridge netwright in-{GROUP}"
        pair.rig.do(partial(_write, words.format(chain, "12345678901")))
        assert pair.rig.look().writes
        assert not pair.rig.look().writes
        assert udp(7001) in read(pair, udp(7001))


def _write(script: str) -> None:
    nft = Nftables()
    nft.write(script)
    nft.close()
