"""IptablesManager on the real kernel, in both back ends."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from nova.xt_hosts import Host

from netwright.model.errors import KernelRefusedError
from netwright.nova.linux_net import IptablesManager, IptablesOptions
from netwright.testing.packets import send_forged


def test_a_first_apply_makes_the_chains_of_old(xt_host: Host) -> None:
    """Shared chains come first and last, wrapped ones are reached from every built-in chain, in both families."""
    xt_host.manager().apply()
    for family in ("ip", "ip6"):
        assert xt_host.chain("FORWARD", family=family) == ["netwright-filter-top", "netwright-FORWARD"]
        assert xt_host.chain("OUTPUT", family=family) == ["netwright-filter-top", "netwright-OUTPUT"]
        assert xt_host.chain("INPUT", family=family) == ["netwright-INPUT"]
        assert xt_host.chain("netwright-filter-top", family=family) == ["netwright-local"]
        assert xt_host.chain("POSTROUTING", "nat", family) == [
            "netwright-POSTROUTING",
            "netwright-postrouting-bottom",
        ]
        assert xt_host.chain("netwright-postrouting-bottom", "nat", family) == ["netwright-snat"]
        assert xt_host.chain("netwright-snat", "nat", family) == ["netwright-float-snat"]
        assert xt_host.chain("PREROUTING", "nat", family) == ["netwright-PREROUTING"]
        assert xt_host.chain("POSTROUTING", "mangle", family) == ["netwright-POSTROUTING"]


def test_an_apply_with_all_clean_runs_nothing(xt_host: Host) -> None:
    """A second apply runs no program at all."""
    manager = xt_host.manager()
    manager.apply()
    assert not manager.dirty()
    xt_host.runs.clear()
    manager.apply()
    assert xt_host.runs == []


def test_a_deferred_apply_runs_nothing_until_it_is_off(xt_host: Host) -> None:
    """While put off nothing runs; then what gathered is written by one restore."""
    manager = xt_host.manager()
    manager.apply()
    xt_host.runs.clear()
    manager.defer_apply_on()
    for number in range(5):
        manager.ipv4["filter"].add_rule("FORWARD", f"-s 10.0.0.{number} -j ACCEPT")
        manager.apply()
    assert xt_host.runs == []
    manager.defer_apply_off()
    assert sum("restore" in argv[0] for argv in xt_host.runs) == 1
    assert xt_host.chain("netwright-FORWARD") == ["ACCEPT"] * 5


def test_a_rule_added_and_removed_leaves_the_dump_as_it_was(xt_host: Host) -> None:
    """The kernel's text is the original's after the last apply, and no line of it is there twice."""
    manager = xt_host.manager()
    manager.apply()
    before = xt_host.plain()
    manager.ipv4["filter"].add_rule("FORWARD", "-s 1.2.3.4/5 -j DROP")
    manager.apply()
    assert xt_host.chain("netwright-FORWARD") == ["DROP"]
    lines = [line for line in xt_host.plain().splitlines() if " -A " in line]
    assert len(lines) == len(set(lines))
    manager.ipv4["filter"].remove_rule("FORWARD", "-s 1.2.3.4/5 -j DROP")
    manager.apply()
    assert xt_host.plain() == before


def test_inst_1_goes_without_inst_12(xt_host: Host) -> None:
    """The kernel keeps the chain and the jump of the instance whose name begins alike."""
    manager = xt_host.manager()
    filters = manager.ipv4["filter"]
    for number in (1, 12):
        filters.add_chain(f"inst-{number}")
        filters.add_rule(f"inst-{number}", "-j DROP")
        filters.add_rule("local", f"-d 10.0.0.{number} -j $inst-{number}")
    manager.apply()
    filters.remove_chain("inst-1")
    manager.apply()
    assert xt_host.chain("netwright-local") == ["netwright-inst-12"]
    assert xt_host.chain("netwright-inst-12") == ["DROP"]
    assert ":netwright-inst-1 " not in xt_host.dump()


def test_a_table_stays_dirty_when_its_restore_fails(xt_host: Host) -> None:
    """A rule that the kernel refuses is still to be written, and once it is gone the rest is."""
    manager = xt_host.manager()
    manager.apply()
    manager.ipv4["filter"].add_rule("FORWARD", "-j NO_SUCH_TARGET")
    manager.ipv4["filter"].add_rule("FORWARD", "-s 10.0.0.1 -j DROP")
    manager.ipv4["nat"].add_rule("PREROUTING", "-d 10.0.0.1 -j ACCEPT")
    for _ in range(2):
        with pytest.raises(KernelRefusedError, match="NO_SUCH_TARGET"):
            manager.apply()
        assert manager.ipv4["filter"].dirty
    assert not manager.ipv4["nat"].dirty
    assert xt_host.chain("netwright-PREROUTING", "nat") == ["ACCEPT"]
    manager.ipv4["filter"].remove_rule("FORWARD", "-j NO_SUCH_TARGET")
    manager.apply()
    assert xt_host.chain("netwright-FORWARD") == ["DROP"]
    assert not manager.dirty()


def test_all_that_was_removed_goes_at_once(xt_host: Host) -> None:
    """Of ten unwrapped rules removed together none survives (of old every second one did)."""
    manager = xt_host.manager()
    rules = [f"-s 10.0.0.{number} -j DROP" for number in range(10)]
    for rule in rules:
        manager.ipv4["filter"].add_rule("INPUT", rule, wrap=False)
    manager.apply()
    assert xt_host.chain("INPUT").count("DROP") == 10
    for rule in rules:
        manager.ipv4["filter"].remove_rule("INPUT", rule, wrap=False)
    manager.apply()
    assert xt_host.chain("INPUT") == ["netwright-INPUT"]
    assert manager.ipv4["filter"].remove_rules == []


def test_counters_of_rules_that_stay_live_on(xt_host: Host) -> None:
    """A changed chain, and the jumps into it, keep the counts of all rules that are still there."""
    manager = xt_host.manager()
    for port in (1, 2, 3):
        manager.ipv4["filter"].add_rule("OUTPUT", f"-p udp --dport {port} -j ACCEPT")
    manager.apply()
    send_forged(xt_host.name, "127.0.0.1", "127.0.0.1", 2, 5)
    before = counts(xt_host.dump())
    assert before["-A netwright-OUTPUT -p udp", "2"] == 5
    manager.ipv4["filter"].remove_rule("OUTPUT", "-p udp --dport 1 -j ACCEPT")
    manager.ipv4["filter"].add_rule("OUTPUT", "-p udp --dport 4 -j ACCEPT", top=True)
    manager.ipv4["filter"].add_rule("OUTPUT", "-p udp --dport 5 -j ACCEPT", wrap=False, top=True)
    manager.apply()
    after = counts(xt_host.dump())
    assert after["-A netwright-OUTPUT -p udp", "2"] == 5
    assert after["-A netwright-OUTPUT -p udp", "4"] == 0
    assert after["-A OUTPUT", "netwright-filter-top"] >= 5
    assert "5" in xt_host.dump().split("-A OUTPUT")[1]


def counts(dump: str) -> dict[tuple[str, str], int]:
    """Packets by the rule's beginning and its port, or its target."""
    rules = re.compile(r"\[(\d+):\d+\] (-A \S+(?: -p udp)?).*?(?:--dport (\d+).*| -j (\S+))$")
    found = filter(None, map(rules.match, dump.splitlines()))
    return {(rule[2], rule[3] or rule[4]): int(rule[1]) for rule in found}


def test_a_new_life_keeps_what_it_has_not_built_yet(xt_host: Host) -> None:
    """Restarted, a manager leaves its predecessor's chains and jumps until it is told that all is built."""
    first = xt_host.manager()
    for number in (7, 8):
        first.ipv4["filter"].add_chain(f"inst-{number}")
        first.ipv4["filter"].add_rule(f"inst-{number}", "-j DROP")
        first.ipv4["filter"].add_rule("local", f"-d 10.0.0.{number} -j $inst-{number}")
    first.apply()
    before = xt_host.dump()
    second = xt_host.manager()
    second.apply()
    assert xt_host.dump() == before
    second.ipv4["filter"].add_chain("inst-7")
    second.ipv4["filter"].add_rule("inst-7", "-p tcp -j ACCEPT")
    second.ipv4["filter"].add_rule("local", "-d 10.0.0.7 -j $inst-7")
    second.apply()
    assert xt_host.chain("netwright-inst-7") == ["ACCEPT"]
    assert xt_host.chain("netwright-inst-8") == ["DROP"]
    assert xt_host.chain("netwright-local") == ["netwright-inst-7", "netwright-inst-8"]
    second.sweep()
    assert xt_host.chain("netwright-local") == ["netwright-inst-7"]
    assert ":netwright-inst-8 " not in xt_host.dump()


def test_a_new_life_removes_a_predecessors_rule_when_told(xt_host: Host) -> None:
    """remove_rule takes away what the last life left, wrapped and unwrapped."""
    for wrap in (True, False):
        first = xt_host.manager()
        first.ipv4["filter"].add_rule("INPUT", "-p 47 -j DROP", wrap=wrap)
        first.apply()
        second = xt_host.manager()
        second.ipv4["filter"].remove_rule("INPUT", "-p 47 -j DROP", wrap=wrap)
        second.apply()
        assert "DROP" not in xt_host.dump()


def test_postrouting_bottom_is_the_last_of_our_postrouting_rules(xt_host: Host) -> None:
    """Whatever is added later: exemptions come before the translation that all share."""
    xt_host.do("-t nat -A POSTROUTING -j RETURN")
    manager = xt_host.manager()
    manager.apply()
    manager.ipv4["nat"].add_rule("POSTROUTING", "-s 10.0.0.0/8 -j ACCEPT", wrap=False)
    manager.apply()
    assert xt_host.chain("POSTROUTING", "nat") == [
        "netwright-POSTROUTING",
        "ACCEPT",
        "netwright-postrouting-bottom",
        "RETURN",
    ]


def test_one_floating_ip_goes_by_regex_and_its_neighbour_stays(xt_host: Host) -> None:
    """Removing 10.10.10.10 takes its four rules and leaves those of 10.10.10.11."""
    manager = xt_host.manager()
    nat = manager.ipv4["nat"]
    for public, fixed in (("10.10.10.10", "10.0.0.2"), ("10.10.10.11", "10.0.0.3")):
        nat.add_rule("PREROUTING", f"-d {public} -j DNAT --to {fixed}")
        nat.add_rule("OUTPUT", f"-d {public} -j DNAT --to {fixed}")
        nat.add_rule("float-snat", f"-s {fixed} -j SNAT --to {public}")
        nat.add_rule("POSTROUTING", f"-s {fixed} -m conntrack --ctstate DNAT -j SNAT --to-source {public}")
    manager.apply()
    assert nat.remove_rules_regex(r".*\s+10.10.10.10(/32|\s+|$)") == 4
    manager.apply()
    assert "10.10.10.10" not in xt_host.dump("nat")
    assert xt_host.dump("nat").count("10.10.10.11") == 4


def test_ten_thousand_rules_go_in_at_once(xt_host: Host) -> None:
    """One restore writes them all, and the next one only what is new."""
    manager = xt_host.manager()
    manager.apply()
    xt_host.runs.clear()
    for number in range(10_000):
        chain = f"inst-{number // 10}"
        if number % 10 == 0:
            manager.ipv4["filter"].add_chain(chain)
        manager.ipv4["filter"].add_rule(chain, f"-p tcp --dport {number + 1} -j ACCEPT")
    manager.apply()
    assert [argv[0].rsplit("-", 1)[-1] for argv in xt_host.runs] == ["save", "restore"]
    assert xt_host.dump().count(" -A netwright-inst-") == 10_000


def test_the_hosts_own_back_end_is_found_without_being_told(xt_host: Host) -> None:
    """By default programs run in the calling thread's namespace, in the back end that `iptables` is."""
    if xt_host.backend == "nft":
        IptablesManager().apply()
        assert (
            ":netwright-local "
            in subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
        )


def test_without_ipv6_its_tables_are_left_alone(xt_host: Host) -> None:
    """use_ipv6 off: no program of IPv6's is run, and its tables do not make the manager dirty."""
    manager = IptablesManager(xt_host.execute, IptablesOptions(backend=xt_host.backend, use_ipv6=False))
    manager.apply()
    manager.ipv6["filter"].add_rule("INPUT", "-j DROP")
    assert not manager.dirty()
    assert not any("ip6" in argv[0] for argv in xt_host.runs)


def test_a_table_that_the_kernel_has_not_is_passed_over_while_nothing_is_in_it(xt_host: Host) -> None:
    """A kernel without IPv6 translation is no error until a rule needs it."""
    missing: Callable[..., tuple[str, str]] = xt_host.execute

    def without(
        *argv: str, process_input: str = "", run_as_root: bool = True, attempts: int = 1
    ) -> tuple[str, str]:
        if argv[0].startswith("ip6tables") and (argv[2] == "nat" or "*nat" in process_input):
            raise KernelRefusedError(argv[0], "Table does not exist")
        return missing(*argv, process_input=process_input, run_as_root=run_as_root, attempts=attempts)

    manager = IptablesManager(without, IptablesOptions(backend=xt_host.backend))
    manager.apply()
    assert xt_host.chain("INPUT", family="ip6") == ["netwright-INPUT"]
    manager.ipv6["nat"].add_rule("snat", "-j ACCEPT")
    with pytest.raises(KernelRefusedError, match="does not exist"):
        manager.apply()
    assert manager.ipv6["nat"].dirty


def test_what_an_earlier_life_left_is_forgotten_by_its_text(xt_host: Host) -> None:
    """Rules that hold the words and the pattern go with the next apply, whoever added them; another binary's stay."""
    texts = ("-d 10.0.0.1 -j DNAT --to 10.1.0.1", "-d 10.0.0.11 -j DNAT --to 10.1.0.2")
    for manager in (xt_host.manager(), xt_host.manager("other")):
        for text in texts:
            manager.ipv4["nat"].add_rule("PREROUTING", text)
        manager.apply()
    later = xt_host.manager()
    table = later.ipv4["nat"]
    table.add_rule("OUTPUT", texts[0])
    table.forget("10.0.0.1", re.compile(r"-A \S+ -d 10\.0\.0\.1(?:/32)? -j DNAT"))
    table.add_rule("POSTROUTING", "-s 10.0.0.1 -j ACCEPT")
    later.apply()
    saved = xt_host.dump("nat")
    assert xt_host.chain("netwright-PREROUTING", "nat") == ["DNAT --to-destination 10.1.0.2"]
    assert xt_host.chain("netwright-POSTROUTING", "nat") == ["ACCEPT"]
    assert "DNAT" not in "".join(xt_host.chain("netwright-OUTPUT", "nat"))
    assert len(xt_host.chain("other-PREROUTING", "nat")) == 2
    table.dirty = True
    later.apply()
    assert xt_host.dump("nat") == saved
