"""Totals and moments of rules' counters, on one host and over hosts."""

from __future__ import annotations

from netwright.agent.rule_tally import RuleTally
from netwright.control.counters import Counters
from netwright.kernel.rule_counters import Met
from netwright.model.counters import CounterReport, RuleCount
from netwright.model.ids import GroupId, HostName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType
from netwright.model.plan import RulePlan
from netwright.wire.codec import decode_counters, encode_counters

GROUP = GroupId("g1")
IN, OUT = (RulePlan(way, EtherType.IPV4, AnyProtocol(), Anywhere()) for way in Direction)


def test_totals_go_on_when_the_kernel_begins_anew() -> None:
    """A rule that the kernel made anew counts on from what it had counted."""
    tally = RuleTally()
    for seen, total in ((5, 5), (7, 7), (2, 9), (2, 9), (3, 10)):
        tally.take({GROUP: {IN: Met(seen, seen * 100)}}, now=1.0)
        (told,) = tally.everything()
        assert (told.packets, told.bytes) == (total, total * 100)


def test_moments_are_those_of_changes_that_were_seen() -> None:
    """What was counted before the first look came nobody knows when; later changes have their moments."""
    tally = RuleTally()
    assert tally.take({GROUP: {IN: Met(5, 500), OUT: Met(0, 0)}}, now=1.0)
    assert {told.last_hit for told in tally.everything()} == {None}
    changed = tally.take({GROUP: {IN: Met(5, 500), OUT: Met(1, 100)}}, now=2.0)
    assert changed == (RuleCount(GROUP, OUT, 1, 100, 2.0, 2.0),)
    changed = tally.take({GROUP: {IN: Met(6, 600), OUT: Met(2, 200)}}, now=3.0)
    assert changed
    assert {(told.first_hit, told.last_hit) for told in changed} == {(2.0, 3.0), (3.0, 3.0)}


def test_idle_rules_are_not_told() -> None:
    """Counts that did not change are not told again; rules that went make the next report complete."""
    tally = RuleTally()
    tally.take({GROUP: {IN: Met(5, 500), OUT: Met(0, 0)}}, now=1.0)
    assert tally.take({GROUP: {IN: Met(5, 500), OUT: Met(0, 0)}}, now=2.0) == ()
    assert tally.take({GROUP: {IN: Met(5, 500)}}, now=3.0) is None
    assert [told.rule for told in tally.everything()] == [IN]


def test_the_server_keeps_what_each_host_told() -> None:
    """Changes add to what a host told before; a server that knows nothing of it asks for everything."""
    counters, one, two = Counters(), HostName("one"), HostName("two")
    change = CounterReport(one, complete=False, counts=(RuleCount(GROUP, IN, 7, 700, None, 9.0),))
    assert not counters.take(change)
    assert counters.take(CounterReport(one, complete=True, counts=(RuleCount(GROUP, IN, 5, 500, 3.0, 4.0),)))
    assert counters.take(change)
    assert counters.take(CounterReport(two, complete=True, counts=(RuleCount(GROUP, IN, 1, 100),)))
    told = dict(counters.of((GROUP, IN)))
    assert told == {one: RuleCount(GROUP, IN, 7, 700, 3.0, 9.0), two: RuleCount(GROUP, IN, 1, 100)}
    assert not list(counters.of((GROUP, OUT)))


def test_counts_travel_as_they_are() -> None:
    """A report of counters reads back from its bytes equal."""
    report = CounterReport(HostName("h"), complete=True, counts=(RuleCount(GROUP, IN, 2**63, 1, 1.5, None),))
    assert decode_counters(encode_counters(report)) == report
