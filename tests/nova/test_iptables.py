"""IptablesManager on the real kernel, in both back ends, beside other writers."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nova.clouds import DRIVERS, cloud, ingress, instance, vif

from netwright.kernel import netns
from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import NamespaceName
from netwright.nova.linux_net import IptablesManager, IptablesOptions
from netwright.testing.namespaces import namespace, run
from netwright.testing.packets import send_forged

STAMP = re.compile(r"^#.*\n", re.MULTILINE)
COUNT = re.compile(r"\[\d+:\d+\]")


@dataclass
class Host:
    """A namespace with one back end of iptables, which this thread is in."""

    name: NamespaceName
    backend: Backend
    runs: list[tuple[str, ...]] = field(default_factory=list)

    def manager(self, binary: str = "netwright", top: str = "", bottom: str = "") -> IptablesManager:
        options = IptablesOptions(binary, self.backend, top_regex=top, bottom_regex=bottom)
        return IptablesManager(self.execute, options)

    def execute(
        self, *argv: str, process_input: str = "", run_as_root: bool = True, attempts: int = 1
    ) -> tuple[str, str]:
        """As nova's own: notes what is run, and runs it."""
        assert run_as_root
        assert attempts
        self.runs.append(argv)
        done = subprocess.run(argv, input=process_input, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KernelRefusedError(argv[0], done.stderr)
        return done.stdout, done.stderr

    def dump(self, table: str = "filter", family: Family = "ip") -> str:
        """The table as saved, without dates and with counters."""
        return STAMP.sub("", Xtables(family, self.backend).save(table, counters=True))

    def plain(self, table: str = "filter", family: Family = "ip") -> str:
        return COUNT.sub("[]", self.dump(table, family))

    def chain(self, name: str, table: str = "filter", family: Family = "ip") -> list[str]:
        """What the chain's rules jump to, in order."""
        lines = self.dump(table, family).splitlines()
        return [line.rsplit(" -j ", 1)[-1] for line in lines if f" -A {name} " in line and " -j " in line]

    def do(self, words: str, family: Family = "ip") -> None:
        """iptables by hand, as any other writer uses it."""
        run(self.name, [f"{family}tables-{self.backend}", "-w", *words.split()])


@pytest.fixture(params=["legacy", "nft"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with namespace("ipt") as name:
        machine = Path("/proc/thread-self/ns/net").stat().st_ino
        with netns.inside(name):
            assert Path("/proc/thread-self/ns/net").stat().st_ino != machine
            yield Host(name, request.param)


def test_a_first_apply_makes_the_chains_of_old(host: Host) -> None:
    """Shared chains come first and last, wrapped ones are reached from every built-in chain, in both families."""
    host.manager().apply()
    for family in ("ip", "ip6"):
        assert host.chain("FORWARD", family=family) == ["netwright-filter-top", "netwright-FORWARD"]
        assert host.chain("OUTPUT", family=family) == ["netwright-filter-top", "netwright-OUTPUT"]
        assert host.chain("INPUT", family=family) == ["netwright-INPUT"]
        assert host.chain("netwright-filter-top", family=family) == ["netwright-local"]
        assert host.chain("POSTROUTING", "nat", family) == [
            "netwright-POSTROUTING",
            "netwright-postrouting-bottom",
        ]
        assert host.chain("netwright-postrouting-bottom", "nat", family) == ["netwright-snat"]
        assert host.chain("netwright-snat", "nat", family) == ["netwright-float-snat"]
        assert host.chain("PREROUTING", "nat", family) == ["netwright-PREROUTING"]
        assert host.chain("POSTROUTING", "mangle", family) == ["netwright-POSTROUTING"]


def test_an_apply_with_all_clean_runs_nothing(host: Host) -> None:
    """A second apply runs no program at all."""
    manager = host.manager()
    manager.apply()
    assert not manager.dirty()
    host.runs.clear()
    manager.apply()
    assert host.runs == []


def test_a_deferred_apply_runs_nothing_until_it_is_off(host: Host) -> None:
    """While put off nothing runs; then what gathered is written by one restore."""
    manager = host.manager()
    manager.apply()
    host.runs.clear()
    manager.defer_apply_on()
    for number in range(5):
        manager.ipv4["filter"].add_rule("FORWARD", f"-s 10.0.0.{number} -j ACCEPT")
        manager.apply()
    assert host.runs == []
    manager.defer_apply_off()
    assert sum("restore" in argv[0] for argv in host.runs) == 1
    assert host.chain("netwright-FORWARD") == ["ACCEPT"] * 5


def test_a_rule_added_and_removed_leaves_the_dump_as_it_was(host: Host) -> None:
    """The kernel's text is the original's after the last apply, and no line of it is there twice."""
    manager = host.manager()
    manager.apply()
    before = host.plain()
    manager.ipv4["filter"].add_rule("FORWARD", "-s 1.2.3.4/5 -j DROP")
    manager.apply()
    assert host.chain("netwright-FORWARD") == ["DROP"]
    lines = [line for line in host.plain().splitlines() if " -A " in line]
    assert len(lines) == len(set(lines))
    manager.ipv4["filter"].remove_rule("FORWARD", "-s 1.2.3.4/5 -j DROP")
    manager.apply()
    assert host.plain() == before


def test_strangers_rules_are_neither_moved_nor_dropped(host: Host) -> None:
    """Rules, chains and comments that hold our name or begin like it are as they were, counters and all."""
    host.do("-N netwright-agent-local")
    host.do("-A netwright-agent-local -s 10.9.9.9 -j DROP")
    host.do("-N netwrightish")
    host.do("-A INPUT -m comment --comment netwright -j netwright-agent-local")
    host.do("-A INPUT -m comment --comment netwright/netwright/nothing -j ACCEPT -c 7 9")
    host.do("-A FORWARD -m comment --comment -j_netwright-local -j ACCEPT")
    before = set(host.dump().splitlines())
    manager = host.manager()
    manager.apply()
    manager.sweep()
    assert before <= set(host.dump().splitlines())
    assert host.chain("FORWARD")[0] == "netwright-filter-top"
    assert host.chain("FORWARD")[-1] == "ACCEPT"


def test_a_binary_whose_name_begins_another_leaves_it_alone(host: Host) -> None:
    """`nova-api` and `nova-api-metadat` keep their own chains through each other's applies and sweeps."""
    long, short = host.manager("nova-api-metadat"), host.manager("nova-api")
    long.ipv4["filter"].add_rule("FORWARD", "-s 10.1.0.1 -j DROP")
    long.apply()
    short.ipv4["filter"].add_rule("FORWARD", "-s 10.2.0.1 -j DROP")
    short.apply()
    short.sweep()
    for binary in ("nova-api", "nova-api-metadat"):
        assert host.chain(f"{binary}-FORWARD") == ["DROP"]
        assert f"{binary}-local" in host.chain("netwright-filter-top")
    assert host.chain("FORWARD").count("netwright-filter-top") == 1
    assert host.chain("FORWARD")[0] == "netwright-filter-top"
    assert host.chain("POSTROUTING", "nat") == [
        "nova-api-POSTROUTING",
        "nova-api-metadat-POSTROUTING",
        "netwright-postrouting-bottom",
    ]
    before = host.dump()
    long.ipv4["filter"].dirty = long.ipv4["nat"].dirty = True
    long.apply()
    assert host.dump() == before


def test_inst_1_goes_without_inst_12(host: Host) -> None:
    """The kernel keeps the chain and the jump of the instance whose name begins alike."""
    manager = host.manager()
    filters = manager.ipv4["filter"]
    for number in (1, 12):
        filters.add_chain(f"inst-{number}")
        filters.add_rule(f"inst-{number}", "-j DROP")
        filters.add_rule("local", f"-d 10.0.0.{number} -j $inst-{number}")
    manager.apply()
    filters.remove_chain("inst-1")
    manager.apply()
    assert host.chain("netwright-local") == ["netwright-inst-12"]
    assert host.chain("netwright-inst-12") == ["DROP"]
    assert ":netwright-inst-1 " not in host.dump()


def test_a_chain_that_a_stranger_jumps_to_is_emptied(host: Host) -> None:
    """The kernel would refuse to delete it, and the stranger's rule stays."""
    manager = host.manager()
    manager.ipv4["filter"].add_chain("inst-1")
    manager.ipv4["filter"].add_rule("inst-1", "-j DROP")
    manager.apply()
    host.do("-A INPUT -j netwright-inst-1")
    manager.ipv4["filter"].remove_chain("inst-1")
    manager.apply()
    assert host.chain("netwright-inst-1") == []
    assert host.chain("INPUT") == ["netwright-INPUT", "netwright-inst-1"]


def test_a_table_stays_dirty_when_its_restore_fails(host: Host) -> None:
    """A rule that the kernel refuses is still to be written, and once it is gone the rest is."""
    manager = host.manager()
    manager.apply()
    manager.ipv4["filter"].add_rule("FORWARD", "-j NO_SUCH_TARGET")
    manager.ipv4["filter"].add_rule("FORWARD", "-s 10.0.0.1 -j DROP")
    manager.ipv4["nat"].add_rule("PREROUTING", "-d 10.0.0.1 -j ACCEPT")
    for _ in range(2):
        with pytest.raises(KernelRefusedError, match="NO_SUCH_TARGET"):
            manager.apply()
        assert manager.ipv4["filter"].dirty
    assert not manager.ipv4["nat"].dirty
    assert host.chain("netwright-PREROUTING", "nat") == ["ACCEPT"]
    manager.ipv4["filter"].remove_rule("FORWARD", "-j NO_SUCH_TARGET")
    manager.apply()
    assert host.chain("netwright-FORWARD") == ["DROP"]
    assert not manager.dirty()


def test_all_that_was_removed_goes_at_once(host: Host) -> None:
    """Of ten unwrapped rules removed together none survives (of old every second one did)."""
    manager = host.manager()
    rules = [f"-s 10.0.0.{number} -j DROP" for number in range(10)]
    for rule in rules:
        manager.ipv4["filter"].add_rule("INPUT", rule, wrap=False)
    manager.apply()
    assert host.chain("INPUT").count("DROP") == 10
    for rule in rules:
        manager.ipv4["filter"].remove_rule("INPUT", rule, wrap=False)
    manager.apply()
    assert host.chain("INPUT") == ["netwright-INPUT"]
    assert manager.ipv4["filter"].remove_rules == []


def test_other_writers_lose_nothing_and_neither_do_we(host: Host) -> None:
    """While a stranger adds rules as fast as it can, every one of its rules and of ours is there in the end."""
    manager = host.manager()
    failed: list[BaseException] = []

    def storm(family: Family) -> None:
        try:
            for number in range(60):
                host.do(f"-{'AI'[number % 2]} INPUT -p tcp --dport {1000 + number} -j ACCEPT", family)
                host.do(f"-t nat -A POSTROUTING -p tcp --dport {1000 + number} -j RETURN", family)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    writers = [threading.Thread(target=storm, args=(family,)) for family in ("ip", "ip6")]
    for writer in writers:
        writer.start()
    for number in range(20):
        _add_some(manager, number + 1)
        manager.apply()
    for writer in writers:
        writer.join()
    assert not failed
    for family in ("ip", "ip6"):
        _all_are_there(host, family)


def test_binaries_that_start_at_once_share_their_chains(host: Host) -> None:
    """Of six that make the shared chains at the same moment, each has its jump there, and the shared jumps are once."""
    binaries = [f"nova-{letter}" for letter in "abcdef"]
    failed: list[BaseException] = []

    def begin(binary: str) -> None:
        try:
            with netns.inside(host.name):
                IptablesManager(options=IptablesOptions(binary, host.backend)).apply()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    starting = [threading.Thread(target=begin, args=(binary,)) for binary in binaries]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert not failed
    for family in ("ip", "ip6"):
        assert sorted(host.chain("netwright-filter-top", family=family)) == [
            f"{one}-local" for one in binaries
        ]
        assert host.chain("FORWARD", family=family)[0] == "netwright-filter-top"
        assert host.chain("POSTROUTING", "nat", family)[-1] == "netwright-postrouting-bottom"
        assert sorted(host.chain("FORWARD", family=family)[1:]) == [f"{one}-FORWARD" for one in binaries]
        assert len(host.chain("POSTROUTING", "nat", family)) == 7


def _add_some(manager: IptablesManager, port: int) -> None:
    for tables in (manager.ipv4, manager.ipv6):
        tables["filter"].add_rule("FORWARD", f"-p tcp --dport {port} -j DROP")
        tables["filter"].add_rule("INPUT", f"-p udp --dport {port} -j DROP", wrap=False)
        tables["nat"].add_rule("POSTROUTING", f"-p udp --dport {port} -j ACCEPT")


def _all_are_there(host: Host, family: Family) -> None:
    assert host.chain("INPUT", family=family).count("ACCEPT") == 60
    assert host.chain("POSTROUTING", "nat", family).count("RETURN") == 60
    assert host.chain("INPUT", family=family).count("DROP") == 20
    assert host.chain("netwright-FORWARD", family=family) == ["DROP"] * 20
    assert host.chain("netwright-POSTROUTING", "nat", family) == ["ACCEPT"] * 20


def test_counters_of_rules_that_stay_live_on(host: Host) -> None:
    """A changed chain, and the jumps into it, keep the counts of all rules that are still there."""
    manager = host.manager()
    for port in (1, 2, 3):
        manager.ipv4["filter"].add_rule("OUTPUT", f"-p udp --dport {port} -j ACCEPT")
    manager.apply()
    send_forged(host.name, "127.0.0.1", "127.0.0.1", 2, 5)
    before = counts(host.dump())
    assert before["-A netwright-OUTPUT -p udp", "2"] == 5
    manager.ipv4["filter"].remove_rule("OUTPUT", "-p udp --dport 1 -j ACCEPT")
    manager.ipv4["filter"].add_rule("OUTPUT", "-p udp --dport 4 -j ACCEPT", top=True)
    manager.ipv4["filter"].add_rule("OUTPUT", "-p udp --dport 5 -j ACCEPT", wrap=False, top=True)
    manager.apply()
    after = counts(host.dump())
    assert after["-A netwright-OUTPUT -p udp", "2"] == 5
    assert after["-A netwright-OUTPUT -p udp", "4"] == 0
    assert after["-A OUTPUT", "netwright-filter-top"] >= 5
    assert "5" in host.dump().split("-A OUTPUT")[1]


def counts(dump: str) -> dict[tuple[str, str], int]:
    """Packets by the rule's beginning and its port, or its target."""
    rules = re.compile(r"\[(\d+):\d+\] (-A \S+(?: -p udp)?).*?(?:--dport (\d+).*| -j (\S+))$")
    found = filter(None, map(rules.match, dump.splitlines()))
    return {(rule[2], rule[3] or rule[4]): int(rule[1]) for rule in found}


def test_a_new_life_keeps_what_it_has_not_built_yet(host: Host) -> None:
    """Restarted, a manager leaves its predecessor's chains and jumps until it is told that all is built."""
    first = host.manager()
    for number in (7, 8):
        first.ipv4["filter"].add_chain(f"inst-{number}")
        first.ipv4["filter"].add_rule(f"inst-{number}", "-j DROP")
        first.ipv4["filter"].add_rule("local", f"-d 10.0.0.{number} -j $inst-{number}")
    first.apply()
    before = host.dump()
    second = host.manager()
    second.apply()
    assert host.dump() == before
    second.ipv4["filter"].add_chain("inst-7")
    second.ipv4["filter"].add_rule("inst-7", "-p tcp -j ACCEPT")
    second.ipv4["filter"].add_rule("local", "-d 10.0.0.7 -j $inst-7")
    second.apply()
    assert host.chain("netwright-inst-7") == ["ACCEPT"]
    assert host.chain("netwright-inst-8") == ["DROP"]
    assert host.chain("netwright-local") == ["netwright-inst-7", "netwright-inst-8"]
    second.sweep()
    assert host.chain("netwright-local") == ["netwright-inst-7"]
    assert ":netwright-inst-8 " not in host.dump()


def test_a_new_life_removes_a_predecessors_rule_when_told(host: Host) -> None:
    """remove_rule takes away what the last life left, wrapped and unwrapped."""
    for wrap in (True, False):
        first = host.manager()
        first.ipv4["filter"].add_rule("INPUT", "-p 47 -j DROP", wrap=wrap)
        first.apply()
        second = host.manager()
        second.ipv4["filter"].remove_rule("INPUT", "-p 47 -j DROP", wrap=wrap)
        second.apply()
        assert "DROP" not in host.dump()


def test_rules_that_are_to_stay_on_top_or_at_the_bottom_do(host: Host) -> None:
    """Strangers' rules that match a regex keep their places, ours stand between, and a re-apply changes no byte."""
    for chain in ("INPUT", "FORWARD"):
        host.do(f"-A {chain} -s 10.0.0.1 -j ACCEPT")
        host.do(f"-A {chain} -s 10.0.0.2 -j ACCEPT")
        host.do(f"-A {chain} -j DROP")
    before = [line for line in host.plain().splitlines() if "10.0.0" in line]
    manager = host.manager(top=r"-s 10\.0\.0\.[12]/32", bottom="-j DROP")
    manager.apply()
    assert host.chain("INPUT") == ["ACCEPT", "ACCEPT", "netwright-INPUT", "DROP"]
    assert host.chain("FORWARD") == ["ACCEPT", "ACCEPT", "netwright-filter-top", "netwright-FORWARD", "DROP"]
    assert [line for line in host.plain().splitlines() if "10.0.0" in line] == before
    once = host.dump()
    for table in manager.ipv4.values():
        table.dirty = True
    manager.apply()
    assert host.dump() == once
    other = host.manager("other", top="-s 10", bottom=r"-s 10\.0\.0\.2/32")
    other.apply()
    assert host.chain("INPUT")[:3] == ["ACCEPT", "other-INPUT", "ACCEPT"]


def test_postrouting_bottom_is_the_last_of_our_postrouting_rules(host: Host) -> None:
    """Whatever is added later: exemptions come before the translation that all share."""
    host.do("-t nat -A POSTROUTING -j RETURN")
    manager = host.manager()
    manager.apply()
    manager.ipv4["nat"].add_rule("POSTROUTING", "-s 10.0.0.0/8 -j ACCEPT", wrap=False)
    manager.apply()
    assert host.chain("POSTROUTING", "nat") == [
        "netwright-POSTROUTING",
        "ACCEPT",
        "netwright-postrouting-bottom",
        "RETURN",
    ]


def test_one_floating_ip_goes_by_regex_and_its_neighbour_stays(host: Host) -> None:
    """Removing 10.10.10.10 takes its four rules and leaves those of 10.10.10.11."""
    manager = host.manager()
    nat = manager.ipv4["nat"]
    for public, fixed in (("10.10.10.10", "10.0.0.2"), ("10.10.10.11", "10.0.0.3")):
        nat.add_rule("PREROUTING", f"-d {public} -j DNAT --to {fixed}")
        nat.add_rule("OUTPUT", f"-d {public} -j DNAT --to {fixed}")
        nat.add_rule("float-snat", f"-s {fixed} -j SNAT --to {public}")
        nat.add_rule("POSTROUTING", f"-s {fixed} -m conntrack --ctstate DNAT -j SNAT --to-source {public}")
    manager.apply()
    assert nat.remove_rules_regex(r".*\s+10.10.10.10(/32|\s+|$)") == 4
    manager.apply()
    assert "10.10.10.10" not in host.dump("nat")
    assert host.dump("nat").count("10.10.10.11") == 4


def test_a_chain_of_our_name_that_someone_else_filled_is_refused(host: Host) -> None:
    """Nothing of the table is written, and the stranger's rules stay."""
    host.do("-N netwright-INPUT")
    host.do("-A netwright-INPUT -s 10.0.0.1 -j DROP")
    before = host.dump()
    manager = host.manager()
    with pytest.raises(KernelRefusedError, match="netwright-INPUT holds rules"):
        manager.apply()
    assert host.dump() == before
    assert manager.ipv4["filter"].dirty
    assert not manager.ipv4["nat"].dirty


@pytest.mark.parametrize("engine", [name for name in DRIVERS if name == "iptables"])
def test_beside_the_iptables_engine_a_manager_needs_another_binary(engine: str, tmp_path: Path) -> None:
    """The engine's chains are refused under its own prefix; under another both stay through each other's sweeps."""
    guest = vif(1, "10.31.0.11")
    with cloud(tmp_path / "run", engine) as made:
        made.group("web", ingress("udp", 53))
        made.plug(guest)
        driver = made.driver()
        driver.prepare_instance_filter(instance(1, "web"), [guest])
        with pytest.raises(KernelRefusedError, match="holds rules, and none of them"):
            IptablesManager().apply()
        manager = IptablesManager(options=IptablesOptions("nova"))
        manager.ipv4["filter"].add_rule("FORWARD", "-s 192.0.2.1 -j DROP")
        manager.apply()
        manager.sweep()
        assert driver.instance_filter_exists(instance(1, "web"), [guest])
        made.driver().setup_basic_filtering(instance(1, "web"), [guest])
        saved = run(made.host, ["iptables-save"]).stdout
        assert ":nova-FORWARD " in saved
        assert "-A nova-FORWARD -s 192.0.2.1/32" in saved


@pytest.mark.parametrize(
    "deed",
    [
        "-F netwright-local",
        "-F FORWARD",
        "-A netwright-local -j ACCEPT",
        "-D OUTPUT 1",
        "-I FORWARD -j ACCEPT",
    ],
)
def test_what_was_changed_behind_its_back_comes_back(host: Host, deed: str) -> None:
    """A table marked dirty is made right again, whatever is missing or was written into our chains."""
    manager = host.manager()
    manager.ipv4["filter"].add_rule("local", "-s 10.0.0.1 -j DROP")
    manager.apply()
    before = host.plain()
    host.do(deed)
    manager.ipv4["filter"].dirty = True
    manager.apply()
    assert host.plain().replace("[] -A FORWARD -j ACCEPT\n", "") == before


def test_ten_thousand_rules_go_in_at_once(host: Host) -> None:
    """One restore writes them all, and the next one only what is new."""
    manager = host.manager()
    manager.apply()
    host.runs.clear()
    for number in range(10_000):
        chain = f"inst-{number // 10}"
        if number % 10 == 0:
            manager.ipv4["filter"].add_chain(chain)
        manager.ipv4["filter"].add_rule(chain, f"-p tcp --dport {number + 1} -j ACCEPT")
    manager.apply()
    assert [argv[0].rsplit("-", 1)[-1] for argv in host.runs] == ["save", "restore"]
    assert host.dump().count(" -A netwright-inst-") == 10_000


def test_the_hosts_own_back_end_is_found_without_being_told(host: Host) -> None:
    """By default programs run in the calling thread's namespace, in the back end that `iptables` is."""
    if host.backend == "nft":
        IptablesManager().apply()
        assert (
            ":netwright-local "
            in subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
        )


def test_without_ipv6_its_tables_are_left_alone(host: Host) -> None:
    """use_ipv6 off: no program of IPv6's is run, and its tables do not make the manager dirty."""
    manager = IptablesManager(host.execute, IptablesOptions(backend=host.backend, use_ipv6=False))
    manager.apply()
    manager.ipv6["filter"].add_rule("INPUT", "-j DROP")
    assert not manager.dirty()
    assert not any("ip6" in argv[0] for argv in host.runs)


def test_a_table_that_the_kernel_has_not_is_passed_over_while_nothing_is_in_it(host: Host) -> None:
    """A kernel without IPv6 translation is no error until a rule needs it."""
    missing: Callable[..., tuple[str, str]] = host.execute

    def without(
        *argv: str, process_input: str = "", run_as_root: bool = True, attempts: int = 1
    ) -> tuple[str, str]:
        if argv[0].startswith("ip6tables") and (argv[2] == "nat" or "*nat" in process_input):
            raise KernelRefusedError(argv[0], "Table does not exist")
        return missing(*argv, process_input=process_input, run_as_root=run_as_root, attempts=attempts)

    manager = IptablesManager(without, IptablesOptions(backend=host.backend))
    manager.apply()
    assert host.chain("INPUT", family="ip6") == ["netwright-INPUT"]
    manager.ipv6["nat"].add_rule("snat", "-j ACCEPT")
    with pytest.raises(KernelRefusedError, match="does not exist"):
        manager.apply()
    assert manager.ipv6["nat"].dirty
