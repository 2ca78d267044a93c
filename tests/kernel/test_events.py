"""What the monitor makes of nftables' own notifications."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from netwright.kernel import netns
from netwright.kernel.events import Monitor
from netwright.kernel.libnftables import Nftables
from netwright.kernel.shapers import Shapers
from netwright.kernel.xt_looking import TOOLS
from netwright.model.host import ShaperKey, Stage
from netwright.model.ids import LinkName, NamespaceName
from netwright.model.intent import Direction
from netwright.testing.namespaces import eventually, namespace, run

TAP, IFB = "tap00000001-90", "ifb00000001-90"


class Heard:
    """A listener that only counts."""

    def __init__(self) -> None:
        self.suspected: list[Stage] = []

    def suspect(self, stage: Stage, keys: list[Hashable] | None = None) -> None:
        self.suspected.append(stage)

    def vmm_link(self, name: LinkName, *, present: bool) -> None:
        """Taps are not what is tested here."""

    def facts_changed(self) -> None:
        """Nor are the host's own routes."""


@contextmanager
def listening(shared: Callable[[], None] | None = None) -> Iterator[tuple[NamespaceName, Heard, Executor]]:
    """A namespace with a monitor in it, and a thread that lives there."""
    heard = Heard()
    with namespace("events") as host, ThreadPoolExecutor(1, initializer=_stay, initargs=(host,)) as other:
        monitor = other.submit(Monitor, heard, shared).result()
        other.submit(monitor.start).result()
        try:
            yield host, heard, other
        finally:
            monitor.stop()


@pytest.mark.parametrize("deed", [["alias", ""], ["down"]])
def test_bridges_are_told_of_whatever_they_are_called(deed: list[str]) -> None:
    """Who takes the mark from a bridge with a name of its own, changes it or deletes it, raises suspicion."""
    with listening() as (host, heard, _):
        run(host, ["ip", "link", "add", "br100", "up", "type", "bridge"])
        run(host, ["ip", "link", "set", "br100", "alias", "netwright:network:x"])
        assert eventually(lambda: heard.suspected[-1:] == [Stage.BRIDGES])
        for words in (["set", "br100", *deed], ["delete", "br100"]):
            before = len(heard.suspected)
            run(host, ["ip", "link", *words])
            assert eventually(lambda before=before: Stage.BRIDGES in heard.suspected[before:])


QUEUE = "tbf rate 1mbit burst 16384 limit 49152"
LED = f"protocol all prio 20055 u32 match u32 0 0 action mirred egress redirect dev {IFB}"
QUEUE_DEEDS = (
    f"tc qdisc add dev {TAP} root handle 4e57: {QUEUE}",
    f"tc qdisc change dev {TAP} root handle 4e57: {QUEUE.replace('1mbit', '2mbit')}",
    f"tc qdisc del dev {TAP} root",
    f"tc qdisc add dev {TAP} clsact",
    f"tc filter add dev {TAP} ingress {LED}",
    f"tc filter del dev {TAP} ingress",
    f"tc qdisc add dev {IFB} root {QUEUE}",
    f"ip link del {IFB}",
    f"ip link del {TAP}",
)


def test_whatever_is_done_to_a_ports_queues_is_told_but_our_own_looks() -> None:
    """Each change of a queue, a filter or the links raises suspicion of that port's queues; looking raises none."""
    with listening() as (host, heard, other):
        for words in ([TAP, "type", "veth", "peer", "name", "far"], [IFB, "type", "ifb"]):
            run(host, ["ip", "link", "add", *words])
        shapers = other.submit(Shapers).result()
        keys = [ShaperKey(LinkName(TAP), way) for way in Direction]
        for deed in QUEUE_DEEDS:
            other.submit(shapers.observe, keys).result()
            time.sleep(0.1)
            before = len(heard.suspected)
            for _ in range(3):
                other.submit(shapers.observe, keys).result()
            time.sleep(0.1)
            assert len(heard.suspected) == before, "our own questions were told"
            run(host, deed.split(" "))
            assert eventually(lambda before=before: Stage.SHAPERS in heard.suspected[before:]), deed
        other.submit(shapers.close).result()


def test_own_rules_are_known_as_such_whatever_thread_wrote_them() -> None:
    """A write through our own socket raises no suspicion, also from a thread that is not the process's first."""
    with listening() as (host, heard, other):
        nft = other.submit(Nftables).result()
        for number in range(5):
            other.submit(nft.write, f"add table inet netwright; add chain inet netwright c{number}").result()
        run(host, ["nft", "add", "chain", "inet", "netwright", "strange"])
        assert eventually(lambda: bool(heard.suspected))
        other.submit(nft.close).result()
    assert heard.suspected == [Stage.FIREWALL], "one stranger wrote, once"


@pytest.mark.parametrize("family", ["ip", "ip6", "bridge"])
def test_own_programs_are_known_from_strangers(family: str) -> None:
    """What iptables and ebtables write for us is not told; a stranger's, among ours, is."""
    told: list[None] = []
    tool = TOOLS["" if family == "bridge" else "nft", family]
    program = "ebtables" if family == "bridge" else f"{family}tables-nft"
    with listening(lambda: told.append(None)) as (host, _, other):
        other.submit(tool.restore, "*filter\n:ours - [0:0]\nCOMMIT\n".replace("- [", "RETURN [")).result()
        told.clear()
        for number in range(5):
            other.submit(tool.restore, f"*filter\n-A ours -j RETURN\n-N ours{number}\nCOMMIT\n").result()
        time.sleep(0.3)
        before = len(told)
        run(host, [program, "-A", "ours", "-j", "ACCEPT"])
        assert eventually(lambda: len(told) > before)
        assert not before


def test_what_strangers_do_to_their_own_tables_is_passed_over() -> None:
    """A thousand changes elsewhere raise no suspicion, chains called like ours in other tables included."""
    with listening() as (host, heard, _):
        script = ["add table inet theirs", "add table ip netwright", "add chain ip netwright antispoof"]
        script += [f"add chain inet theirs netwright{number}" for number in range(1000)]
        script += [
            f'add rule inet theirs netwright{number} counter comment "netwright"' for number in range(1000)
        ]
        run(host, ["nft", "-f", "-"], stdin="\n".join(script))
        for number in range(20):
            run(host, ["nft", "delete", "chain", "inet", "theirs", f"netwright{number}"], check=False)
        run(host, ["nft", "add", "table", "bridge", "netwright"])
        assert eventually(lambda: bool(heard.suspected))
    assert heard.suspected == [Stage.FIREWALL]


def test_whatever_touches_our_tables_is_told() -> None:
    """Chains, rules, sets, elements and whole tables: each change to one of ours raises suspicion."""
    deeds = (
        "add table inet netwright",
        "add chain inet netwright c",
        "add rule inet netwright c accept",
        "add set inet netwright s { type ipv4_addr ; }",
        "add element inet netwright s { 10.0.0.1 }",
        "delete element inet netwright s { 10.0.0.1 }",
        "flush chain inet netwright c",
        "delete set inet netwright s",
        "flush ruleset",
    )
    with listening() as (host, heard, _):
        for deed in deeds:
            heard.suspected.clear()
            run(host, ["nft", *deed.split()])
            assert eventually(lambda: Stage.FIREWALL in heard.suspected), deed


@pytest.mark.parametrize(
    "command",
    [
        "iptables-nft -A FORWARD -j ACCEPT",
        "ip6tables-nft -t mangle -A FORWARD -j ACCEPT",
        "ebtables-nft -A FORWARD -j ACCEPT",
    ],
)
def test_tables_of_the_nft_back_ends_are_told_where_they_are_shared(command: str) -> None:
    """What is done with iptables or ebtables, by their nft back ends, is told to who shares their tables."""
    told = threading.Event()
    with listening(told.set) as (host, heard, _):
        run(host, ["nft", "add", "table", "ip", "elsewhere"])
        run(host, command.split())
        assert told.wait(5)
    assert heard.suspected == []


def _stay(host: NamespaceName) -> None:
    """The thread lives in the namespace until it ends."""
    context = netns.inside(host)
    context.__enter__()
    threading.current_thread().__dict__["namespace"] = context
