"""Whatever strangers keep in the kernel's packet filters: it crashes nothing of netwright's, and stays as it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unhurried import UNHURRIED

from netwright.agent.doctor import examine
from netwright.kernel.nft import NftTables
from netwright.model.host import NftKey, NftValue
from netwright.model.plan import PortItem
from netwright.testing.namespaces import run
from netwright.testing.whole import Planned

LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='"\\/')
NAMES = st.one_of(
    st.sampled_from(["netwright", "netwright ", "Netwright", "antispoof", "layout_0123", "a b", "\u00fc\u4e2d", "-x", "{", "#"]),
    st.text(LETTERS, min_size=1, max_size=20),
)  # fmt: skip
COMMENTS = st.one_of(
    st.sampled_from(["netwright", "cf76000cfe23", "-j DROP", "\u202e', $(id)", "# handle 7", "chain x { "]),
    st.text(LETTERS, min_size=1, max_size=20),
)
FAMILIES = ("ip", "ip6", "inet", "bridge", "arp")
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


def foreign(bench: Planned) -> list[Mapping[str, object]]:
    """Everything in nftables that is not netwright's, as the kernel has it."""
    listed = json.loads(bench.run("nft -j list ruleset"))["nftables"]
    return [one for one in listed if not _ours(one) and "metainfo" not in one]


def _ours(one: Mapping[str, Mapping[str, object]]) -> bool:
    ((kind, body),) = one.items()
    name = body.get("name") if kind == "table" else body.get("table")
    return name == "netwright" and body.get("family") in {"bridge", "inet"}


def forget(bench: Planned) -> None:
    for one in foreign(bench):
        if table := one.get("table"):
            assert isinstance(table, dict)
            bench.run(f"nft delete table {table['family']} handle {table['handle']}")


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, object]]:
    """Commands of libnftables-json(5): only in JSON do names take any letters."""
    family, name = draw(st.sampled_from(FAMILIES)), draw(NAMES)
    if name == "netwright" and family in {"bridge", "inet"}:
        family = "ip"
    there = {"family": family, "table": name}
    commands: list[dict[str, object]] = [{"table": {"family": family, "name": name}}]
    for set_ in draw(st.lists(NAMES, max_size=3, unique=True)):
        kind = draw(st.sampled_from(["ipv4_addr", "ifname", "mark", ["ipv4_addr", "inet_service"]]))
        commands.append({"set": {**there, "name": set_, "type": kind}})
        elements = {
            "ipv4_addr": ["10.33.0.10", "10.0.0.1"], "ifname": ["tap00000001-90"], "mark": [7],
        }.get(str(kind), [{"concat": ["10.0.0.1", 80]}])  # fmt: skip
        commands.append({"element": {**there, "name": set_, "elem": elements}})
    maps = draw(st.lists(NAMES.map(lambda name: f"m{name}"), max_size=1))
    commands += [{"map": {**there, "name": map_, "type": "mark", "map": "verdict"}} for map_ in maps]
    chains = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    for number, chain in enumerate(chains):
        hook: dict[str, object] = {}
        if draw(st.booleans()) and family != "arp":
            hook = {
                "type": "filter",
                "hook": draw(st.sampled_from(HOOKS)),
                "prio": number * 10 - 400,
                "policy": "accept",
            }
        commands.append({"chain": {**there, "name": chain, **hook}})
    for number in range(draw(st.integers(0, 8))):
        tests = draw(st.lists(st.sampled_from([
            {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}},
            {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "brq*"}},
            {"limit": {"rate": 5, "per": "second"}},
        ]), max_size=2))  # fmt: skip
        rule = {
            **there,
            "chain": chains[number % len(chains)],
            "expr": [*tests, {"accept": None}],
            "comment": draw(COMMENTS),
        }
        commands.append({"rule": rule})
    return commands


@UNHURRIED
@given(sets=st.lists(tables(), min_size=1, max_size=3))
def test_arbitrary_tables_are_neither_changed_nor_a_hindrance(
    bench: Planned, sets: list[list[dict[str, object]]]
) -> None:
    """Beside any names and comments a look finds nothing to do, plans are followed, and the doctor reports."""
    for commands in sets:
        script = json.dumps({"nftables": [{"add": one} for one in commands]})
        run(bench.host, ["nft", "-j", "-f", "-"], stdin=script, check=False)
    before = foreign(bench)
    try:
        outcome = bench.rig.look()
        assert (outcome.failures, outcome.writes) == ({}, 0)
        fewer = [item for item in bench.plan if not isinstance(item, PortItem)]
        assert not bench.rig.plan(*fewer).failures
        assert not bench.rig.plan(*bench.plan).failures
        assert bench.rig.look().writes == 0
        diagnosis = bench.rig.do(examine)
        assert diagnosis.rows
        assert foreign(bench) == before
    finally:
        forget(bench)


SAVED = st.lists(
    st.tuples(st.sampled_from(["FORWARD", "INPUT", "netwright-local", "brq"]), COMMENTS,
              st.sampled_from(["ACCEPT", "RETURN", "netwright", 'LOG --log-prefix "netwright: "'])),
    max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["nft", "legacy"])
@UNHURRIED
@given(rules=SAVED)
def test_iptables_rules_with_our_words_are_left_alone(
    bench: Planned, backend: str, rules: list[tuple[str, str, str]]
) -> None:
    """Chains and comments of iptables that hold netwright's name are strangers' where netwright does not use iptables."""
    text = ["*filter", ":netwright - [0:0]", ":netwright-local - [0:0]", ":brq - [0:0]"]
    for chain, comment, target in rules:
        said = comment.replace("'", "")
        text.append(f'-A {chain} -m comment --comment "{said}" -j {target}')
    program = f"iptables-{backend}"
    script = "\n".join([*text, "COMMIT", ""])
    if run(bench.host, [f"{program}-restore"], stdin=script, check=False).returncode:
        return
    before = bench.run(f"{program}-save -t filter").splitlines()[1:-1]
    try:
        outcome = bench.rig.look()
        assert (outcome.failures, outcome.writes) == ({}, 0)
        assert bench.rig.do(examine).rows
        assert bench.run(f"{program}-save -t filter").splitlines()[1:-1] == before
    finally:
        bench.run(f"{program} -F")
        bench.run(f"{program} -X")


@pytest.mark.slow
def test_a_huge_table_is_read_and_left(bench: Planned) -> None:
    """Twenty thousand rules and a set of sixty thousand addresses are no reason to fail."""
    rules = "\n".join(
        f"ip saddr 10.{n // 250 % 250}.{n % 250}.1 udp dport {n % 60000 + 1} accept" for n in range(20_000)
    )
    addresses = ", ".join(f"172.{n // 65000 + 16}.{n // 256 % 256}.{n % 256}" for n in range(60_000))
    script = (
        f"table inet huge {{ set s {{ type ipv4_addr; elements = {{ {addresses} }} }}\n"
        f"chain c {{ type filter hook forward priority 7; ip saddr @s drop\n{rules}\n}}\n}}\n"
    )
    run(bench.host, ["nft", "-f", "-"], stdin=script)
    try:
        outcome = bench.rig.look()
        assert (outcome.failures, outcome.writes) == ({}, 0)
        assert bench.rig.do(examine).rows
    finally:
        bench.run("nft delete table inet huge")


@pytest.mark.slow
def test_tables_that_go_while_they_are_read_are_no_error(bench: Planned) -> None:
    """However often a stranger takes our tables away in the midst of a look, reading goes on with what is left."""
    script = "".join(
        f"add table {family} netwright; add chain {family} netwright c; "
        f"add set {family} netwright s {{ type mark ; }}\ndelete table {family} netwright\n"
        for family in ("bridge", "inet")
    )

    def observed() -> Mapping[NftKey, NftValue]:
        with closing(NftTables()) as tables_:
            return tables_.observe()

    argv = ["ip", "netns", "exec", bench.host, "nft", "-i"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as stranger:
        assert stranger.stdin is not None
        for _ in range(100):
            stranger.stdin.write(script.encode() * 5)
            stranger.stdin.flush()
            bench.rig.do(lambda: [observed() for _ in range(5)])
        stranger.stdin.close()
    assert not bench.rig.look().failures
    assert bench.rig.there() == bench.rig.wanted()
