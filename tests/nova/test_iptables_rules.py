"""Chains and rules in memory, as callers of nova-network build them."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from netwright.nova.linux_net import IptablesManager, IptablesRule, IptablesTable, get_binary_name


def table(binary: str = "netwright") -> IptablesTable:
    made = IptablesTable(binary)
    made.add_chain("local")
    made.dirty = False
    return made


def test_a_rule_is_a_value_with_its_old_text() -> None:
    """Rules are equal on chain, text, wrap and top, and read as a line of iptables-save."""
    assert IptablesRule("FORWARD", "-j ACCEPT") == IptablesRule("FORWARD", "-j ACCEPT", True, False)
    assert IptablesRule("FORWARD", "-j ACCEPT") != IptablesRule("FORWARD", "-j ACCEPT", top=True)
    assert str(IptablesRule("FORWARD", "-j ACCEPT")) == "[0:0] -A netwright-FORWARD -j ACCEPT"
    assert str(IptablesRule("FORWARD", "-j ACCEPT", False)) == "[0:0] -A FORWARD -j ACCEPT"


def test_a_fresh_table_has_the_attributes_of_old() -> None:
    """rules is a list, chains are sets by wrap, and a new table is dirty."""
    made = IptablesTable()
    assert made.rules == []
    assert made.remove_rules == []
    assert made.chains == made.unwrapped_chains == made.remove_chains == set()
    assert made.dirty


def test_chains_are_known_wrapped_or_unwrapped() -> None:
    """has_chain looks into the right set, and adding a chain again marks the table dirty."""
    made = table()
    assert made.has_chain("local")
    assert not made.has_chain("local", wrap=False)
    made.add_chain("local")
    assert made.dirty


def test_a_duplicate_rule_changes_nothing() -> None:
    """Adding a rule twice keeps the count of rules and leaves the table clean."""
    made = table()
    made.add_rule("local", "-d 10.0.0.1 -j DROP")
    made.dirty = False
    made.add_rule("local", "-d 10.0.0.1 -j DROP")
    assert len(made.rules) == 1
    assert not made.dirty


def test_an_unknown_wrapped_chain_is_refused() -> None:
    """A wrapped rule needs its chain, an unwrapped one may go into any."""
    with pytest.raises(ValueError, match="Unknown chain: 'nowhere'"):
        table().add_rule("nowhere", "-j ACCEPT")
    table().add_rule("INPUT", "-j ACCEPT", wrap=False)


@pytest.mark.parametrize("text", ["-j ACCEPT\nCOMMIT", '-m comment --comment "x -j ACCEPT', "-j A\0B"])
def test_a_rule_is_one_line(text: str) -> None:
    """Text that could say more than one rule to iptables-restore is refused."""
    with pytest.raises(ValueError, match=r"one line|quotation"):
        table().add_rule("local", text)


@pytest.mark.parametrize("name", ["x" * 19, "a b", "", "$x", "filter-top"])
def test_a_chain_that_iptables_would_not_take_is_refused(name: str) -> None:
    """Names too long, with strange characters, or standing for a chain that all binaries share."""
    made = IptablesTable()
    made.add_chain("netwright-filter-top", wrap=False)
    if name:
        with pytest.raises(ValueError, match=r"Not a chain name|is there already"):
            made.add_chain(name)


@pytest.mark.parametrize("text", ["-j $inst-1", "-j netwright-inst-1"])
def test_a_dollar_is_expanded_when_a_rule_is_removed_too(text: str) -> None:
    """A rule added with `$` goes by either form (of old only by the expanded one)."""
    made = table()
    made.add_rule("local", "-d 10.0.0.1 -j $inst-1")
    made.remove_rule("local", f"-d 10.0.0.1 {text}")
    assert made.rules == []


def test_removing_a_chain_takes_the_jumps_to_it_and_no_others() -> None:
    """inst-1 goes with its rules and jumps; inst-12, which begins alike, keeps both."""
    made = table()
    for chain in ("inst-1", "inst-12"):
        made.add_chain(chain)
        made.add_rule(chain, "-j DROP")
        made.add_rule("local", f"-d 10.0.0.1 -j ${chain}")
    made.add_rule("local", '-m comment --comment "not -j netwright-inst-1" -j ACCEPT')
    made.remove_chain("inst-1")
    assert [rule.rule for rule in made.rules] == [
        "-j DROP",
        "-d 10.0.0.1 -j netwright-inst-12",
        '-m comment --comment "not -j netwright-inst-1" -j ACCEPT',
    ]
    assert made.chains == {"local", "inst-12"}


def test_what_is_not_there_is_not_an_error() -> None:
    """Chains and rules that are absent are removed without a word but the log's."""
    made = table()
    made.remove_chain("nowhere")
    made.remove_rule("local", "-j ACCEPT")
    made.empty_chain("nowhere")
    assert made.remove_rules_regex("nothing") == 0


def test_a_regex_removes_whole_rules_and_counts_them() -> None:
    """It is matched from the beginning of the rule's whole text, as a string or compiled."""
    made = table()
    for address in ("10.10.10.10", "10.10.10.11"):
        made.add_rule("local", f"-d {address}/32 -j DROP")
        made.add_rule("local", f"-s {address}/32 -j DROP")
    made.dirty = False
    assert made.remove_rules_regex(r".*\s10\.10\.10\.10(/32|\s|$)") == 2
    assert made.dirty
    assert all("10.10.10.11" in rule.rule for rule in made.rules)
    assert len(made.rules) == 2


def test_emptying_a_chain_leaves_the_chain() -> None:
    """Its rules go, other chains' stay, and an empty one does not become dirty."""
    made = table()
    made.add_chain("other")
    made.add_rule("local", "-j DROP")
    made.add_rule("other", "-j DROP")
    made.empty_chain("local")
    assert [rule.chain for rule in made.rules] == ["other"]
    made.dirty = False
    made.empty_chain("local")
    assert not made.dirty


def test_the_initial_chains_are_those_of_old_in_both_families() -> None:
    """filter, nat and mangle have their wrapped built-ins, filter-top, snat, float-snat and postrouting-bottom."""
    manager = IptablesManager()
    for tables in (manager.ipv4, manager.ipv6):
        assert tables["filter"].chains == {"INPUT", "OUTPUT", "FORWARD", "local"}
        assert tables["filter"].unwrapped_chains == {"netwright-filter-top"}
        assert tables["nat"].chains == {"PREROUTING", "OUTPUT", "POSTROUTING", "snat", "float-snat"}
        assert tables["nat"].unwrapped_chains == {"netwright-postrouting-bottom"}
        assert tables["mangle"].chains == {"POSTROUTING"}
    texts = [str(rule) for rule in manager.ipv4["nat"].rules]
    assert texts[-1] == "[0:0] -A netwright-snat -j netwright-float-snat"
    assert manager.dirty()


def test_building_a_table_costs_the_same_for_every_rule() -> None:
    """Ten times the rules are ten times the Python calls, comparisons among them (of old: a hundred times)."""

    def calls(count: int) -> int:
        made, seen = table(), [0]

        def note(_: FrameType, event: str, __: object) -> None:
            seen[0] += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            for number in range(count):
                made.add_chain(f"inst-{number}")
                made.add_rule("local", f"-d 10.0.{number >> 8}.{number & 255} -j $inst-{number}")
            for number in range(count):
                made.remove_chain(f"inst-{number}")
        finally:
            sys.setprofile(None)
        return seen[0]

    assert calls(10_000) <= 10.5 * calls(1000)


@pytest.mark.parametrize(
    ("program", "name"),
    [("/usr/bin/nova-api-metadata", "nova-api-metadat"), ("nova-compute", "nova-compute")],
)
def test_a_binary_is_the_programs_name_cut_to_sixteen(program: str, name: str) -> None:
    """The prefix of wrapped chains comes from what the caller says."""
    assert get_binary_name(program) == name
    assert get_binary_name() == "netwright"
