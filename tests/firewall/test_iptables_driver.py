"""The iptables engine's driver on the real kernel, in both back ends: its own, others', and what they do to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.model.host import Stage
from netwright.model.ids import port_link_name
from netwright.model.intent import HostTap
from netwright.model.plan import FloatingIpItem, PortItem
from netwright.testing.namespaces import run
from netwright.testing.samples import sample_port
from netwright.testing.whole import MEMBERS, Planned, hosted, planned

SAVES = (
    "iptables-nft-save",
    "ip6tables-nft-save",
    "iptables-legacy-save",
    "ip6tables-legacy-save",
    "ebtables-save",
    "ipset save",
)


@dataclass(frozen=True, slots=True)
class Bench:
    made: Planned
    backend: str

    @property
    def rig(self):
        return self.made.rig

    def iptables(self, words: str, family: str = "ip") -> str:
        return self.made.run(f"{family}tables-{self.backend} -w {words}")

    def restore(self, text: str, *, flush: bool = False) -> None:
        """What another program writes with iptables-restore."""
        how = [] if flush else ["--noflush"]
        run(self.made.host, [f"iptables-{self.backend}-restore", "-w", *how], stdin=text)

    def all_there(self) -> bool:
        """Whether a full look finds exactly what the plan asks for."""
        return self.rig.there()[Stage.IPTABLES] == self.rig.wanted()[Stage.IPTABLES]

    def heal(self) -> None:
        """A look that the whole stage was suspect in, as after a foreign change."""
        outcome = self.rig.look({Stage.IPTABLES: None})
        assert not outcome.pending, outcome
        assert self.all_there()


@pytest.fixture(params=["nft", "legacy"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with planned(tmp_path, f"iptables/{request.param}") as made:
        yield Bench(made, request.param)


def test_a_fresh_agent_knows_its_predecessors_firewall(bench: Bench) -> None:
    """With the same plan it writes not one rule, and counters live on."""
    bench.rig.look()
    before = bench.made.run(f"iptables-{bench.backend}-save -c -t filter")
    bench.rig.restart()
    outcome = bench.rig.plan(*bench.made.plan)
    assert set(outcome.written) == {Stage.METADATA}
    assert not outcome.removed
    assert bench.rig.look().writes == 0
    assert _rules(bench.made.run(f"iptables-{bench.backend}-save -c -t filter")) == _rules(before)


def test_a_fresh_agent_takes_away_what_the_plan_no_longer_has(bench: Bench) -> None:
    """What its predecessor wrote is known as ours, rule by rule, and what stays is not written again."""
    kept = [item for item in bench.made.plan if not isinstance(item, FloatingIpItem)]
    bench.rig.restart()
    bench.rig.plan(*kept)
    outcome = bench.rig.look()
    assert outcome.removed[Stage.IPTABLES] == 2
    assert Stage.IPTABLES not in outcome.written
    assert bench.all_there()


def test_nothing_is_left_when_all_is_swept(bench: Bench) -> None:
    """No chain, no rule, no jump and no set, in either back end."""
    bench.rig.plan()
    bench.rig.switch("nftables")
    for save in SAVES:
        assert "netwright" not in bench.made.run(save)
    assert not bench.rig.there()[Stage.IPTABLES]


STRANGERS = (
    "*filter\n"
    ":stranger - [0:0]\n"
    ":netwright - [0:0]\n"
    ":my-netwright-FORWARD - [0:0]\n"
    # The classic classes' own, under the same name: no rule of it bears our mark.
    ":netwright-inst-1 - [0:0]\n"
    ":netwright-inst-12 - [0:0]\n"
    f":netwright-o{port_link_name(sample_port().id)[3:]}1 - [0:0]\n"
    "-A stranger -m comment --comment netwright:first -j ACCEPT\n"
    '-A stranger -m comment --comment "see netwright:0123456789ab" -j DROP\n'
    "-A stranger -p tcp -m tcp --dport 80 -j my-netwright-FORWARD\n"
    "-A netwright-inst-1 -s 192.0.2.1 -j ACCEPT\n"
    "-A netwright-inst-12 -s 192.0.2.12 -j ACCEPT\n"
    "-A FORWARD -j stranger\n"
    '-A FORWARD -m comment --comment "netwright:first" -j netwright-inst-12\n'
    "-A FORWARD -d 192.0.2.1 -j netwright-inst-1\n"
    "-A FORWARD -d 192.0.2.12 -j netwright-inst-12\n"
    "COMMIT\n"
    "*nat\n"
    "-A POSTROUTING -s 192.0.2.0/24 -o brq0 -j MASQUERADE\n"
    "COMMIT\n"
)
STRANGE_SETS = ("netwright", "netwright-mine", "netwright-inside44", "nw-members")


def test_what_is_not_ours_is_left_alone(bench: Bench) -> None:
    """Chains, rules and sets whose names or comments contain ours stay: by looks, changes, and the last sweep."""
    strangers = STRANGERS.replace(
        '-A FORWARD -m comment --comment "netwright:first" -j netwright-inst-12\n', ""
    )
    bench.restore(strangers)
    for name in STRANGE_SETS:
        bench.made.run(f"ipset create {name} hash:ip")
        bench.made.run(f"ipset add {name} 192.0.2.7")
    bench.made.run("ebtables -N my-netwright-from")
    bench.made.run("ebtables -A my-netwright-from -s 02:00:00:00:00:01 -j DROP")
    bench.made.run("ebtables -A FORWARD -i netwright-from -j my-netwright-from")
    before = _strange(bench)
    assert len(before) >= 20
    bench.rig.look()
    bench.rig.restart()
    bench.rig.plan(*bench.made.plan)
    bench.rig.look()
    assert _strange(bench) == before
    bench.rig.plan()
    bench.rig.look()
    assert _strange(bench) == before


def _strange(bench: Bench) -> set[str]:
    """Every line that is a stranger's."""
    words = ("stranger", "my-netwright", "inst-1", "192.0.2.", *(f"create {name} " for name in STRANGE_SETS))
    lines = (line for save in SAVES for line in bench.made.run(save).splitlines())
    return {line.partition(" initval")[0] for line in lines if any(word in line for word in words)}


FLUSHED = "*{}\nCOMMIT\n"
HARMS: dict[str, tuple[str, ...]] = {
    "all rules of a table gone": ("{ip} -F",),
    "every table flushed": tuple(f"{{ip}} -t {table} -F" for table in ("raw", "mangle", "filter", "nat")),
    "IPv6 flushed": ("{ip6} -t raw -F", "{ip6} -F"),
    "the jump deleted": ('{ip} -D FORWARD -m comment --comment "netwright:first" -j netwright-FORWARD',),
    "another rule before the jump": ("{ip} -I FORWARD -j ACCEPT",),
    "another rule after the last jump": ("{ip} -t nat -A POSTROUTING -j ACCEPT",),
    "the jump twice": ('{ip} -A FORWARD -m comment --comment "netwright:first" -j netwright-FORWARD',),
    "an accept in our chain": ("{ip} -t mangle -I netwright-send -j ACCEPT",),
    "an accept at our chain's end": ("{ip} -t raw -A netwright-never -j ACCEPT",),
    "a rule of ours deleted": ("{ip} -D netwright-to-host 1",),
    "a leaf deleted": ("{ip} -t raw -D netwright-f0 1",),
    "a leaf twice": ("{ip} -t raw -A netwright-outside -i brq4e8e5957-64 -j RETURN",),
    "ebtables flushed": ("ebtables -F", "ebtables -t nat -F"),
    "a frame rule added": ("ebtables -t nat -I netwright-f00 -j ACCEPT",),
    "a member gone": ("ipset flush",),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_others_do_to_ours_is_mended(bench: Bench, harm: str) -> None:
    """After it, one look at the stage brings back exactly what the plan asks for."""
    for command in HARMS[harm]:
        line = command.format(ip=f"iptables-{bench.backend}", ip6=f"ip6tables-{bench.backend}")
        run(bench.made.host, ["sh", "-c", line])
    assert not bench.all_there()
    bench.heal()


def test_a_restore_of_others_is_mended(bench: Bench) -> None:
    """Whole tables restored from a file that knows nothing of netwright: ours come back, theirs stay."""
    theirs = (
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:docker - [0:0]\n"
        "-A FORWARD -j docker\n-A docker -s 172.17.0.0/16 -j ACCEPT\nCOMMIT\n"
    )
    bench.restore(theirs, flush=True)
    bench.heal()
    saved = bench.made.run(f"iptables-{bench.backend}-save -t filter")
    assert ":FORWARD DROP" in saved
    assert "-A FORWARD -j docker" in saved
    assert "-A docker -s 172.17.0.0/16 -j ACCEPT" in saved


def test_a_name_that_begins_anothers_is_another(bench: Bench) -> None:
    """Taking a port away leaves the rules of one whose name begins like its (nova: inst-1 took inst-12's jump)."""
    bench.restore(
        STRANGERS.replace('-A FORWARD -m comment --comment "netwright:first" -j netwright-inst-12\n', "")
    )
    bench.heal()
    other = replace(sample_port(number=0x11, network=hosted()), groups=(MEMBERS,), attachment=HostTap())
    bench.rig.plan(*bench.made.plan, other)
    before = bench.iptables("-S FORWARD")
    bench.rig.plan(*(item for item in bench.made.plan if item != bench.made.plan[4]), other)
    assert bench.all_there()
    assert bench.iptables("-S FORWARD") == before
    assert "inst-12" in before


def test_what_could_not_be_written_is_written_later(bench: Bench) -> None:
    """A refused write is not forgotten: when what was in the way is gone, a look ends what was begun (nova: dirty)."""
    name = next(
        key.name for key in bench.rig.wanted()[Stage.IPTABLES] if key.name.startswith("netwright-m4-")
    )
    bench.rig.plan()
    bench.rig.look()
    bench.made.run(f"ipset create {name} list:set")
    bench.restore(f"*filter\n:stranger - [0:0]\n-A stranger -m set --match-set {name} src -j DROP\nCOMMIT\n")
    outcome = bench.rig.plan(*bench.made.plan)
    assert outcome.failures[Stage.IPTABLES].pending
    assert not bench.all_there()
    bench.iptables("-F stranger")
    assert not bench.rig.look().pending
    assert bench.all_there()


def test_a_stranger_who_holds_on_to_a_chain_is_named(bench: Bench) -> None:
    """What can go goes, the refusal says which chain stays, and when it is free it goes too (nova: half-flushed lists)."""
    bench.iptables("-A INPUT -i stranger -j netwright-to-host")
    bench.rig.plan()
    outcome = bench.rig.switch("nftables")
    assert "to-host" in outcome.failures[Stage.IPTABLES].said
    left = {
        line for line in bench.made.run(f"iptables-{bench.backend}-save").splitlines() if "netwright" in line
    }
    assert left == {
        ":netwright-to-host - [0:0]",
        "-A INPUT -i stranger -j netwright-to-host",
        '-A netwright-to-host -m comment --comment "netwright:held" -j RETURN',
    }
    bench.iptables("-D INPUT -i stranger -j netwright-to-host")
    assert not bench.rig.look().pending
    assert "netwright" not in bench.made.run(f"iptables-{bench.backend}-save")


def test_counters_of_rules_that_stay_live_on(bench: Bench) -> None:
    """When a group's rules change, the rules that remain go on counting from where they were."""
    group = next(item for item in bench.made.plan if getattr(item, "id", "") == MEMBERS)
    chain = next(
        key.name
        for key in bench.rig.wanted()[Stage.IPTABLES]
        if key.table == "filter" and key.name.startswith(f"netwright-i{MEMBERS[:8]}") and key.family == "ip"
    )
    saved = bench.made.run(f"iptables-{bench.backend}-save -t filter").splitlines()
    rules = [line for line in saved if line.startswith(f"-A {chain} ")]
    counted = [rules[0].replace("-A", "[7:900] -A", 1), *rules[1:]]
    text = "\n".join(["*filter", f":{chain} - [0:0]", *counted, "COMMIT", ""])
    run(bench.made.host, [f"iptables-{bench.backend}-restore", "-w", "--noflush", "--counters"], stdin=text)
    changed = replace(group, rules=group.rules[:-2])
    bench.rig.plan(*(changed if item is group else item for item in bench.made.plan))
    assert "[7:900]" in bench.made.run(f"iptables-{bench.backend}-save -c -t filter")


def test_writers_at_the_same_time_lose_nothing(bench: Bench) -> None:
    """While another program adds and deletes rules without pause, neither side misses one of its own."""
    bench.restore("*filter\n:stranger - [0:0]\nCOMMIT\n*raw\n:stranger - [0:0]\nCOMMIT\n")
    ended = threading.Event()
    written = [0]

    def storm() -> None:
        while not ended.is_set():
            number = written[0] = written[0] + 1
            address = f"192.0.2.{number % 250}/32"
            for table in ("filter", "raw"):
                bench.iptables(f"-t {table} -A stranger -s {address} -j RETURN")
                bench.iptables(f"-t {table} -I stranger -s 198.51.100.1 -j RETURN")
                bench.iptables(f"-t {table} -D stranger -s 198.51.100.1 -j RETURN")

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        extra: list[PortItem] = []
        for number in range(20, 40):
            extra.append(
                replace(sample_port(number=number, network=hosted()), groups=(MEMBERS,), attachment=HostTap())
            )
            outcome = bench.rig.plan(*bench.made.plan, *extra[-5:])
            assert not outcome.pending, outcome
    finally:
        ended.set()
        thread.join()
    assert bench.all_there()
    for table in ("filter", "raw"):
        assert bench.iptables(f"-t {table} -S stranger").count("-A stranger -s 192.0.2") == written[0]
        assert "198.51.100.1" not in bench.iptables(f"-t {table} -S stranger")


def _rules(saved: str) -> list[str]:
    """Without the times in comments; counters of our idle chains only."""
    return sorted(line for line in saved.splitlines() if "-A netwright-i" in line)
