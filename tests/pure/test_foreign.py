"""Foreign rules as text and JSON: whatever they are, reading and judging them never raises."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, ip_interface

import pytest
from foreign_shapes import DOCKER, KUBE_PROXY
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.model.foreign import Backend, BridgeScene, FloatingScene, HostScene
from netwright.model.ids import LinkName
from netwright.render.foreign import Listings, Verdict, diagnose, line, tables_of
from netwright.render.foreign_traffic import Kind

BRIDGE = LinkName("brq10000000-00")
HOST = HostScene(
    bridges=(
        BridgeScene(
            BRIDGE,
            (ip_interface("10.44.0.1/24"), ip_interface("fd44::1/64")),
            (LinkName("tap00000001-90"), LinkName("tap00000002-90")),
            calls4=True,
            calls6=True,
        ),
    ),
    floating=(FloatingScene(IPv4Address("203.0.113.50"), IPv4Address("10.44.0.10"), LinkName("wan")),),
    uplinks={4: (LinkName("wan"),), 6: (LinkName("wan"),)},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["ip", "inet", "bridge", "netdev", "forward", "input", "ingress", "filter", "nat", "drop", "accept", "@s", "tcp",
     "10.44.0.0/24", "brq*", "established", "", "*", "{", "-1", "0x", "\u202e", "netwright"]
)  # fmt: skip
LIKELY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 1 << 130) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(
            ["match", "op", "left", "right", "meta", "key", "payload", "protocol", "field", "set", "prefix", "addr",
             "len", "range", "concat", "vmap", "data", "jump", "target", "drop", "accept", "ct", "fib", "result",
             "flags", "&", "mangle", "xt", "limit", "elem", "val", "counter", "reject", "exthdr", "dnat", "queue"]
        ), inner, max_size=3),
    max_leaves=16,
)  # fmt: skip


def judged(listings: Listings) -> list[Verdict]:
    """Every step that the doctor takes, the printing of fixes included."""
    rows = diagnose(HOST, tables_of(listings))
    assert {row.traffic.kind for row in rows} == set(Kind)
    for row in rows:
        for one in row.findings:
            assert all(line(fix) for fix in one.fixes)
    return [row.verdict for row in rows]


@settings(max_examples=60, deadline=None)
@given(value=JSON, text=st.text())
def test_any_json_and_any_text_is_read(value: object, text: str) -> None:
    """What nft, iptables and ebtables print may be anything: it is judged without an error."""
    saved = tuple((backend, family, text) for backend in Backend for family in ("ip", "ip6"))
    judged(Listings(json.dumps(value), text, saved, text))
    judged(Listings(text, text))


@settings(max_examples=100, deadline=None)
@given(
    rules=st.lists(LIKELY, max_size=6),
    elements=LIKELY,
    hook=st.sampled_from(["forward", "input", "prerouting", "postrouting", "output", "ingress"]),
    family=st.sampled_from(["ip", "ip6", "inet", "bridge", "netdev", "arp", "\u00fc"]),
)
def test_rules_that_are_nearly_right_are_read(
    rules: list[object], elements: object, hook: str, family: str
) -> None:
    """Statements, sets and maps with parts missing, doubled or of another kind are judged without an error."""
    there = {"family": family, "table": "t"}
    listed = [
        {"table": {"family": family, "name": "t"}},
        {"set": {**there, "name": "s", "elem": elements}},
        {"map": {**there, "name": "m", "elem": elements}},
        {"chain": {**there, "name": "c", "hook": hook, "type": "filter", "prio": elements, "policy": "drop"}},
        {"chain": {**there, "name": ""}},
        *({"rule": {**there, "chain": "c", "handle": rule, "expr": rule if isinstance(rule, list) else [rule]}} for rule in rules),
    ]  # fmt: skip
    judged(Listings(json.dumps({"nftables": listed})))


OPTIONS = st.sampled_from(
    ["-A", "FORWARD", "-s", "10.44.0.0/24", "!", "-i", "brq+", "-o", "-p", "tcp", "--dport", "22", "1:2", ":", "-m",
     "comment", "--comment", '"a \\" -j DROP"', "'", "-j", "-g", "ACCEPT", "DROP", "netwright-x", "OTHER", "--ctstate",
     "NEW,DNAT", "--mark", "0x1/", "--physdev-in", "rpfilter", "--invert", "--icmp-type", "8/0", "\u202e", "set"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(rules=st.lists(st.lists(OPTIONS, max_size=12).map(" ".join), max_size=8))
def test_options_in_any_order_are_read(rules: list[str]) -> None:
    """iptables-save and ebtables -L with options missing, doubled or cut off are judged without an error."""
    lines = ["*filter", ":FORWARD DROP [0:0]", ":OTHER - [0:0]", ":netwright-x - [0:0]"]
    text = "\n".join([*lines, *(f"-A FORWARD {rule}" for rule in rules), "COMMIT"])
    bridge = "Bridge table: filter\n\nBridge chain: FORWARD, entries: 1, policy: DROP\n" + "\n".join(rules)
    judged(
        Listings("", "", ((Backend.IPTABLES_LEGACY, "ip", text), (Backend.IPTABLES_NFT, "ip6", text)), bridge)
    )


def test_deeply_nested_json_is_passed_over() -> None:
    """Not even JSON that no parser takes is an error."""
    assert set(judged(Listings("[" * 100_000))) == {Verdict.PASSES}


def test_a_loop_of_chains_comes_to_an_end() -> None:
    """Chains that lead to one another, which no kernel takes, are judged all the same."""
    text = "*filter\n:FORWARD DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A A -j B\n-A B -j A\nCOMMIT\n"
    assert Verdict.DROPPED in judged(Listings("", "", ((Backend.IPTABLES_LEGACY, "ip", text),)))


def test_ten_thousand_rules_are_judged() -> None:
    """A rule set of kube-proxy's size, with a thousand services that each jump on, is walked once a packet."""
    services = [f":KUBE-SVC-{number:05} - [0:0]" for number in range(1000)]
    jumps = [
        f"-A KUBE-SERVICES -d 10.96.{n // 250}.{n % 250}/32 -p tcp -j KUBE-SVC-{n:05}" for n in range(1000)
    ]
    ends = [
        f"-A KUBE-SVC-{n:05} -m statistic --mode random --probability 0.5 -j RETURN"
        for n in range(1000)
        for _ in range(8)
    ]
    head = "*filter\n:FORWARD ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
    text = head + "\n".join([*services, "-A FORWARD -j KUBE-SERVICES", *jumps, *ends, "COMMIT\n"])
    assert set(judged(Listings("", "", ((Backend.IPTABLES_NFT, "ip", text),)))) == {Verdict.PASSES}


LEGACY_EBTABLES = """Bridge table: filter

Bridge chain: INPUT, entries: 0, policy: ACCEPT

Bridge chain: FORWARD, entries: 1, policy: ACCEPT
{rule}

Bridge chain: OUTPUT, entries: 0, policy: ACCEPT
"""


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("-p IPv4 -j DROP ", Verdict.DROPPED),
        ("-p IPv6 -j DROP ", Verdict.PASSES),
        ("-p ARP -j DROP ", Verdict.DROPPED),
        ("-i tap+ -j DROP ", Verdict.DROPPED),
        ("--logical-in docker0 -j DROP ", Verdict.PASSES),
        ("-p IPv4 --ip-src 10.44.0.0/24 -j DROP ", Verdict.DROPPED),
        ("-s 02:00:00:00:00:01 -j DROP ", Verdict.MAY_BE_DROPPED),
    ],
)
def test_legacy_ebtables_rules_are_understood(rule: str, verdict: Verdict) -> None:
    """The listing of ebtables' own back end, which the kernels of the other tests do not have."""
    rows = diagnose(HOST, tables_of(Listings(ebtables=LEGACY_EBTABLES.format(rule=rule))))
    (found,) = (row for row in rows if (row.traffic.kind, row.traffic.version) == (Kind.BETWEEN, 4))
    assert found.verdict is verdict
    if verdict is Verdict.DROPPED:
        (fix,) = found.findings[0].fixes
        assert line(fix) == "ebtables-legacy -t filter -I FORWARD --logical-in brq+ -j ACCEPT"


@pytest.mark.parametrize("lines", range(0, DOCKER.count("\n"), 7))
def test_a_listing_that_was_cut_off_says_nothing(lines: int) -> None:
    """A table whose end is missing is not judged by the half that is there."""
    cut = "\n".join(DOCKER.split("\n")[:lines]).partition("COMMIT")[0]
    assert set(judged(Listings("", "", ((Backend.IPTABLES_LEGACY, "ip", cut),)))) == {Verdict.PASSES}


def test_two_owners_in_one_table_are_told_apart() -> None:
    """Of Docker's and kube-proxy's chains in one table, the one that drops is named."""
    merged = tuple((Backend.IPTABLES_LEGACY, "ip", text) for text in (DOCKER, KUBE_PROXY))
    owners = {
        one.owner
        for row in diagnose(HOST, tables_of(Listings("", "", merged)))
        for one in row.findings
        if one.certain
    }
    assert owners == {"Docker"}
