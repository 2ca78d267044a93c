"""IptablesManager beside others who write rules: strangers, other binaries, netwright's own engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from nova.clouds import BACKENDS, cloud, ingress, instance, vif
from nova.xt_hosts import Host

from netwright.kernel import netns
from netwright.kernel.xtables import Family
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.linux_host import linux_host
from netwright.nova.linux_net import IptablesManager, IptablesOptions
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import run


@pytest.mark.parametrize("option", ["iptables_top_regex", "iptables_bottom_regex"])
def test_a_pattern_that_is_none_is_refused_by_its_options_name(option: str) -> None:
    """Half a pattern is an InvalidError that says which option, and what is wrong with it."""
    with pytest.raises(InvalidError, match="unterminated") as refused:
        linux_host(replace(NetworkOptions(), **{option: "("}))
    assert refused.value.field == option


def test_strangers_rules_are_neither_moved_nor_dropped(xt_host: Host) -> None:
    """Rules, chains and comments that hold our name or begin like it are as they were, counters and all."""
    xt_host.do("-N netwright-agent-local")
    xt_host.do("-A netwright-agent-local -s 10.9.9.9 -j DROP")
    xt_host.do("-N netwrightish")
    xt_host.do("-A INPUT -m comment --comment netwright -j netwright-agent-local")
    xt_host.do("-A INPUT -m comment --comment netwright/netwright/nothing -j ACCEPT -c 7 9")
    xt_host.do("-A FORWARD -m comment --comment -j_netwright-local -j ACCEPT")
    before = set(xt_host.dump().splitlines())
    manager = xt_host.manager()
    manager.apply()
    manager.sweep()
    assert before <= set(xt_host.dump().splitlines())
    assert xt_host.chain("FORWARD")[0] == "netwright-filter-top"
    assert xt_host.chain("FORWARD")[-1] == "ACCEPT"


def test_a_binary_whose_name_begins_another_leaves_it_alone(xt_host: Host) -> None:
    """`nova-api` and `nova-api-metadat` keep their own chains through each other's applies and sweeps."""
    long, short = xt_host.manager("nova-api-metadat"), xt_host.manager("nova-api")
    long.ipv4["filter"].add_rule("FORWARD", "-s 10.1.0.1 -j DROP")
    long.apply()
    short.ipv4["filter"].add_rule("FORWARD", "-s 10.2.0.1 -j DROP")
    short.apply()
    short.sweep()
    for binary in ("nova-api", "nova-api-metadat"):
        assert xt_host.chain(f"{binary}-FORWARD") == ["DROP"]
        assert f"{binary}-local" in xt_host.chain("netwright-filter-top")
    assert xt_host.chain("FORWARD").count("netwright-filter-top") == 1
    assert xt_host.chain("FORWARD")[0] == "netwright-filter-top"
    assert xt_host.chain("POSTROUTING", "nat") == [
        "nova-api-POSTROUTING",
        "nova-api-metadat-POSTROUTING",
        "netwright-postrouting-bottom",
    ]
    before = xt_host.dump()
    long.ipv4["filter"].dirty = long.ipv4["nat"].dirty = True
    long.apply()
    assert xt_host.dump() == before


def test_a_chain_that_a_stranger_jumps_to_is_emptied(xt_host: Host) -> None:
    """The kernel would refuse to delete it, and the stranger's rule stays."""
    manager = xt_host.manager()
    manager.ipv4["filter"].add_chain("inst-1")
    manager.ipv4["filter"].add_rule("inst-1", "-j DROP")
    manager.apply()
    xt_host.do("-A INPUT -j netwright-inst-1")
    manager.ipv4["filter"].remove_chain("inst-1")
    manager.apply()
    assert xt_host.chain("netwright-inst-1") == []
    assert xt_host.chain("INPUT") == ["netwright-INPUT", "netwright-inst-1"]


def test_other_writers_lose_nothing_and_neither_do_we(xt_host: Host) -> None:
    """While a stranger adds rules as fast as it can, every one of its rules and of ours is there in the end."""
    manager = xt_host.manager()
    failed: list[BaseException] = []

    def storm(family: Family) -> None:
        try:
            for number in range(60):
                xt_host.do(f"-{'AI'[number % 2]} INPUT -p tcp --dport {1000 + number} -j ACCEPT", family)
                xt_host.do(f"-t nat -A POSTROUTING -p tcp --dport {1000 + number} -j RETURN", family)
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
        _all_are_there(xt_host, family)


def test_binaries_that_start_at_once_share_their_chains(xt_host: Host) -> None:
    """Of six that make the shared chains at the same moment, each has its jump there, and the shared jumps are once."""
    binaries = [f"nova-{letter}" for letter in "abcdef"]
    failed: list[BaseException] = []

    def begin(binary: str) -> None:
        try:
            with netns.inside(xt_host.name):
                IptablesManager(options=IptablesOptions(binary, xt_host.backend)).apply()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    starting = [threading.Thread(target=begin, args=(binary,)) for binary in binaries]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert not failed
    for family in ("ip", "ip6"):
        assert sorted(xt_host.chain("netwright-filter-top", family=family)) == [
            f"{one}-local" for one in binaries
        ]
        assert xt_host.chain("FORWARD", family=family)[0] == "netwright-filter-top"
        assert xt_host.chain("POSTROUTING", "nat", family)[-1] == "netwright-postrouting-bottom"
        assert sorted(xt_host.chain("FORWARD", family=family)[1:]) == [f"{one}-FORWARD" for one in binaries]
        assert len(xt_host.chain("POSTROUTING", "nat", family)) == 7


def _add_some(manager: IptablesManager, port: int) -> None:
    for tables in (manager.ipv4, manager.ipv6):
        tables["filter"].add_rule("FORWARD", f"-p tcp --dport {port} -j DROP")
        tables["filter"].add_rule("INPUT", f"-p udp --dport {port} -j DROP", wrap=False)
        tables["nat"].add_rule("POSTROUTING", f"-p udp --dport {port} -j ACCEPT")


def _all_are_there(xt_host: Host, family: Family) -> None:
    assert xt_host.chain("INPUT", family=family).count("ACCEPT") == 60
    assert xt_host.chain("POSTROUTING", "nat", family).count("RETURN") == 60
    assert xt_host.chain("INPUT", family=family).count("DROP") == 20
    assert xt_host.chain("netwright-FORWARD", family=family) == ["DROP"] * 20
    assert xt_host.chain("netwright-POSTROUTING", "nat", family) == ["ACCEPT"] * 20


def test_rules_that_are_to_stay_on_top_or_at_the_bottom_do(xt_host: Host) -> None:
    """Strangers' rules that match a regex keep their places, ours stand between, and a re-apply changes no byte."""
    for chain in ("INPUT", "FORWARD"):
        xt_host.do(f"-A {chain} -s 10.0.0.1 -j ACCEPT")
        xt_host.do(f"-A {chain} -s 10.0.0.2 -j ACCEPT")
        xt_host.do(f"-A {chain} -j DROP")
    before = [line for line in xt_host.plain().splitlines() if "10.0.0" in line]
    manager = xt_host.manager(top=r"-s 10\.0\.0\.[12]/32", bottom="-j DROP")
    manager.apply()
    assert xt_host.chain("INPUT") == ["ACCEPT", "ACCEPT", "netwright-INPUT", "DROP"]
    assert xt_host.chain("FORWARD") == [
        "ACCEPT",
        "ACCEPT",
        "netwright-filter-top",
        "netwright-FORWARD",
        "DROP",
    ]
    assert [line for line in xt_host.plain().splitlines() if "10.0.0" in line] == before
    once = xt_host.dump()
    for table in manager.ipv4.values():
        table.dirty = True
    manager.apply()
    assert xt_host.dump() == once
    other = xt_host.manager("other", top="-s 10", bottom=r"-s 10\.0\.0\.2/32")
    other.apply()
    assert xt_host.chain("INPUT")[:3] == ["ACCEPT", "other-INPUT", "ACCEPT"]


def test_a_chain_of_our_name_that_someone_else_filled_is_refused(xt_host: Host) -> None:
    """Nothing of the table is written, and the stranger's rules stay."""
    xt_host.do("-N netwright-INPUT")
    xt_host.do("-A netwright-INPUT -s 10.0.0.1 -j DROP")
    before = xt_host.dump()
    manager = xt_host.manager()
    with pytest.raises(KernelRefusedError, match="netwright-INPUT holds rules"):
        manager.apply()
    assert xt_host.dump() == before
    assert manager.ipv4["filter"].dirty
    assert not manager.ipv4["nat"].dirty


@pytest.mark.parametrize("engine", BACKENDS)
def test_beside_the_iptables_engine_a_manager_needs_other_names(engine: str, tmp_path: Path) -> None:
    """The engine's chains are refused under its own prefix; under another both stay through each other's sweeps."""
    guest, backend = vif(1, "10.31.0.11"), BACKENDS[engine]
    with cloud(tmp_path / "run", engine) as made:
        made.group("web", ingress("udp", 53))
        made.plug(guest)
        driver = made.driver()
        driver.prepare_instance_filter(instance(1, "web"), [guest])
        with pytest.raises(KernelRefusedError, match="netwright-filter-top is the iptables engine's"):
            IptablesManager(options=IptablesOptions(backend=backend)).apply()
        manager = IptablesManager(options=IptablesOptions("nova", backend, shared="nova"))
        manager.ipv4["filter"].add_rule("FORWARD", "-s 192.0.2.1 -j DROP")
        manager.apply()
        manager.sweep()
        assert driver.instance_filter_exists(instance(1, "web"), [guest])
        made.driver().setup_basic_filtering(instance(1, "web"), [guest])
        saved = run(made.host, [f"iptables-{backend}-save"]).stdout
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
def test_what_was_changed_behind_its_back_comes_back(xt_host: Host, deed: str) -> None:
    """A table marked dirty is made right again, whatever is missing or was written into our chains."""
    manager = xt_host.manager()
    manager.ipv4["filter"].add_rule("local", "-s 10.0.0.1 -j DROP")
    manager.apply()
    before = xt_host.plain()
    xt_host.do(deed)
    manager.ipv4["filter"].dirty = True
    manager.apply()
    assert xt_host.plain().replace("[] -A FORWARD -j ACCEPT\n", "") == before
