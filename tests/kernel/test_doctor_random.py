"""Rule sets made at random: what the doctor says of a packet is what the kernel does with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from foreign_scene import BRIDGE, FLOATING, OUTSIDE, Scene, disagreements, scene
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unhurried import UNHURRIED

from netwright.testing.namespaces import run

PORTS = ("tap00000001-90", "tap00000002-90", "tap*", "lo")
LINKS = (BRIDGE, "brq*", "wan", "docker0", "lo")
PREFIXES = {
    4: (
        "10.44.0.0/24",
        "10.44.0.10",
        "10.0.0.0/8",
        "172.17.0.0/16",
        f"{OUTSIDE[4]}/32",
        FLOATING,
        "10.44.0.1",
    ),
    6: ("fd44::/64", "fd44::10", "fc00::/7", f"{OUTSIDE[6]}/128", "fd44::1"),
}
STATES = ("new", "established", "related", "invalid", "established,related", "new,untracked")
VERDICTS = ("accept", "drop", "return", "counter", "reject", "jump other", "goto other")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("scene")) as made:
        yield made


def quoted(names: Sequence[str]) -> Sequence[str]:
    return [f'"{name}"' for name in names]


def chosen(words: Sequence[str]) -> st.SearchStrategy[str]:
    """One of them, some of them as a literal set, or none of them."""
    some = st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)
    plain = [word for word in words if "*" not in word]
    sets = st.lists(st.sampled_from(plain), min_size=1, max_size=3, unique=True)
    one = some.map(lambda picked: picked[0])
    return st.one_of(
        one, one.map(lambda word: f"!= {word}"), sets.map(lambda picked: f"{{ {', '.join(picked)} }}")
    )


def matches(family: str) -> st.SearchStrategy[str]:
    """Conditions that every hook of the family takes."""
    bridged = family == "bridge"
    links = quoted(PORTS if bridged else LINKS)
    single = ["10.44.0.10", "10.44.0.11", "10.44.0.1", OUTSIDE[4], FLOATING, "172.17.0.2"]
    single6 = ["fd44::10", "fd44::11", "fd44::1", OUTSIDE[6]]
    kinds = [
        st.tuples(st.sampled_from(["iifname", "oifname"]), chosen(links)).map(" ".join),
        st.tuples(st.just("meta l4proto"), chosen(["tcp", "udp", "icmp"])).map(" ".join),
        st.tuples(st.sampled_from(["udp dport", "tcp dport", "udp sport"]), chosen(["53", "1024-65535", "22"])).map(" ".join),
        st.sampled_from(["meta mark 0x4000", "meta mark and 0x4000 == 0x4000", "meta mark 0", "limit rate 1/second"]),
        st.sampled_from(["udp dport < 1024", "udp dport >= 1024", "udp length 1-9", "meta skuid 0-1"][: 2 if bridged else 3]),
    ]  # fmt: skip
    if family in {"ip", "inet", "bridge"}:
        kinds.append(st.tuples(st.sampled_from(["ip saddr", "ip daddr"]), st.one_of(
            st.sampled_from(PREFIXES[4]), chosen(single))).map(" ".join))  # fmt: skip
    if family in {"ip6", "inet", "bridge"}:
        kinds.append(st.tuples(st.sampled_from(["ip6 saddr", "ip6 daddr"]), st.one_of(
            st.sampled_from(PREFIXES[6]), chosen(single6))).map(" ".join))  # fmt: skip
    if not bridged:
        kinds.append(st.sampled_from([f"ct state {state}" for state in STATES]))
        kinds.append(st.sampled_from(["ct status dnat", "ct mark 0", "ct direction original"]))
    else:
        kinds.append(
            st.sampled_from(["ether type ip", "ether type ip6", "meta protocol arp", "ether type vlan"])
        )
    return st.one_of(kinds)


def verdicts(family: str, hook: str, *, jump: bool) -> st.SearchStrategy[str]:
    words = [word for word in VERDICTS if jump or "other" not in word]
    if family == "bridge" or hook == "postrouting":
        words.remove("reject")
    return st.sampled_from([*words, "meta mark set 0x4000"])


@st.composite
def tables(draw: st.DrawFn) -> str:
    """One nftables table with a base chain, perhaps a second, and a chain to jump to."""
    family = draw(st.sampled_from(["ip", "ip6", "inet", "inet", "bridge"]))
    hooks = draw(st.lists(st.sampled_from(["prerouting", "input", "forward", "output", "postrouting"]),
                          min_size=1, max_size=2, unique=True))  # fmt: skip
    name = draw(st.sampled_from(["strange", "firewalld", "mangle-x"]))
    lines = []
    sub = draw(
        st.lists(
            st.tuples(st.lists(matches(family), max_size=2), verdicts(family, "postrouting", jump=False)),
            max_size=3,
        )
    )
    lines.append("chain other {")
    lines += [" ".join((*tests, verdict)) for tests, verdict in sub]
    lines.append("}")
    for hook in hooks:
        policy = draw(st.sampled_from(["accept", "accept", "drop"]))
        priority = draw(st.sampled_from([-250, -1, 0, 10, 150]))
        rules = draw(
            st.lists(
                st.tuples(st.lists(matches(family), max_size=2), verdicts(family, hook, jump=True)),
                max_size=4,
            )
        )
        lines.append(f"chain {hook} {{ type filter hook {hook} priority {priority}; policy {policy};")
        lines += [" ".join((*tests, verdict)) for tests, verdict in rules]
        lines.append("}")
    return f"table {family} {name} {{\n" + "\n".join(lines) + "\n}\n"


@UNHURRIED
@example(
    script="table ip strange { chain prerouting { type filter hook prerouting priority -1; ip daddr 10.44.0.0/24 drop; }; }"
)
@given(script=tables())
def test_what_the_doctor_says_of_native_rules_is_what_the_kernel_does(there: Scene, script: str) -> None:
    """Said to pass, a datagram passes; said to be dropped, it does not: whatever rules somebody wrote for nft."""
    family, name = script.split()[1:3]
    if run(there.host, ["nft", "-f", "-"], stdin=script, check=False).returncode:
        return  # two conditions that nft does not take together
    try:
        assert disagreements(there.said(), there.passing()) == []
    finally:
        run(there.host, ["nft", "delete", "table", family, name])


IPT_LINKS = (BRIDGE, "brq+", "wan", "docker0")
NOT = st.sampled_from(["", "", "! "])


def conditions(chain: str, version: int) -> st.SearchStrategy[str]:
    """One condition that iptables takes in that chain."""
    prefixes = PREFIXES[version]
    options = {
        "-i": ("INPUT", "FORWARD", "OTHER"),
        "-o": ("FORWARD", "OUTPUT"),
    }
    kinds = [
        st.tuples(NOT, st.sampled_from(["-s", "-d"]), st.just(" "), st.sampled_from(prefixes)),
        st.tuples(NOT, st.just("-p "), st.sampled_from(["tcp", "udp"])),
        st.tuples(st.just("-m conntrack "), NOT, st.just("--ctstate "),
                  st.sampled_from(["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "DNAT", "NEW,DNAT"])),
        st.tuples(st.just("-m addrtype "), NOT, st.just("--dst-type "), st.sampled_from(["LOCAL", "UNICAST"])),
        st.tuples(st.just("-m mark "), NOT, st.just("--mark "), st.sampled_from(["0x4000/0x4000", "0x0", "0x8000"])),
        st.tuples(st.just("-p udp -m udp "), NOT, st.just("--dport "), st.sampled_from(["53", "1024:65535", "22"])),
        st.tuples(st.just("-p udp -m multiport --dports "), st.sampled_from(["53,67", "22,1024:65535"])),
        st.just(("-m limit --limit 1/second",)),
        st.just(("-m comment --comment", ' "-j DROP \\" ! -s"')),
    ]  # fmt: skip
    kinds += [
        st.tuples(NOT, st.just(f"{option} "), st.sampled_from(IPT_LINKS))
        for option, chains in options.items()
        if chain in chains and chain != "OTHER"
    ]
    if chain == "FORWARD":
        kinds.append(st.tuples(st.just("-m physdev "), NOT, st.just("--physdev-is-bridged")))
        kinds.append(
            st.tuples(
                st.just("-m physdev "), NOT, st.just("--physdev-in "), st.sampled_from(["tap+", "eth9"])
            )
        )
    return st.one_of(kinds).map("".join)


@st.composite
def saved(draw: st.DrawFn, version: int) -> str:
    """The filter table as iptables-restore takes it."""
    lines = ["*filter"]
    policies = [draw(st.sampled_from(["ACCEPT", "ACCEPT", "DROP"])) for _ in range(3)]
    lines += [
        f":{chain} {policy} [0:0]"
        for chain, policy in zip(("INPUT", "FORWARD", "OUTPUT"), policies, strict=True)
    ]
    lines.append(":OTHER - [0:0]")
    for _ in range(draw(st.integers(0, 6))):
        chain = draw(st.sampled_from(["INPUT", "FORWARD", "FORWARD", "OUTPUT", "OTHER"]))
        targets = ["ACCEPT", "DROP", "RETURN", "REJECT", *(["OTHER"] if chain != "OTHER" else [])]
        tests = {
            words.split(" --")[0].removeprefix("! ")[:4]: words
            for words in (draw(conditions(chain, version)) for _ in range(draw(st.integers(0, 2))))
        }
        way = "-g" if chain != "OTHER" and draw(st.booleans()) else "-j"
        target = draw(st.sampled_from(targets))
        lines.append(f"-A {chain} {' '.join(tests.values())} {way if target == 'OTHER' else '-j'} {target}")
    return "\n".join([*lines, "COMMIT", ""])


@pytest.mark.parametrize("backend", ["nft", "legacy"])
@pytest.mark.parametrize("version", [4, 6])
@settings(UNHURRIED, max_examples=8)
@given(data=st.data())
def test_what_the_doctor_says_of_iptables_rules_is_what_the_kernel_does(
    there: Scene, backend: str, version: int, data: st.DataObject
) -> None:
    """The same of iptables' rules, of both of its back ends and both IP versions."""
    script = data.draw(saved(version))
    restore = f"ip{'6' if version == 6 else ''}tables-{backend}-restore"
    done = run(there.host, [restore], stdin=script, check=False)
    if done.returncode:
        return  # two options that iptables does not take together
    try:
        assert disagreements(there.said(), there.passing()) == []
    finally:
        empty = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        run(there.host, [restore], stdin=empty)
