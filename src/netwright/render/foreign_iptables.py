"""What iptables-save and `ebtables -L` print to foreign tables, whatever it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from netwright.model.foreign import (
    Action,
    Backend,
    Does,
    Field,
    ForeignChain,
    ForeignRule,
    ForeignTable,
    Span,
    Test,
    Value,
)
from netwright.render.foreign_words import CANNOT_TELL, NEVER, is_protocol, is_version, named, numbers

_HOOKS: Final = {
    "PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}  # fmt: skip
_PRIORITIES: Final = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_TARGETS: Final = {
    "ACCEPT": Does.ACCEPT, "DROP": Does.DROP, "REJECT": Does.DROP, "RETURN": Does.RETURN,
    "QUEUE": Does.UNKNOWN, "NFQUEUE": Does.UNKNOWN, "DNAT": Does.DIVERT, "REDIRECT": Does.DIVERT,
    "TPROXY": Does.DIVERT, "NETMAP": Does.DIVERT, "SNAT": Does.ACCEPT, "MASQUERADE": Does.ACCEPT,
    "SYNPROXY": Does.UNKNOWN, "CONTINUE": Does.NEXT,
}  # fmt: skip
_HARMLESS: Final = frozenset(
    {"LOG", "NFLOG", "ULOG", "AUDIT", "CLASSIFY", "CHECKSUM", "TCPMSS", "TTL", "HL", "DSCP", "TOS", "SET",
     "NOTRACK", "CT", "TRACE", "TEE", "RATEEST", "LED", "IDLETIMER", "SECMARK", "CONNSECMARK", "ECN",
     "TCPOPTSTRIP"}
)  # fmt: skip
_MARKS: Final = frozenset({"MARK", "CONNMARK"})
_SILENT: Final = frozenset({"--comment", "-c", "--set-counters", "--validmark", "--loose"})
"""Options that say nothing about the packet, with what follows them."""
_MODULES: Final = frozenset(
    {"tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmp6", "icmpv6", "conntrack", "state", "comment",
     "addrtype", "multiport", "iprange", "physdev", "mark", "limit", "set", "ip", "ip6"}
)  # fmt: skip
"""Matches that ask for nothing but what their options say."""
_EXTENSION_HEADERS: Final = frozenset({"rt", "frag", "hbh", "dst", "ah", "mh"})
_TRANSLATION: Final = re.compile(
    r"-A netwright-\S+ (?:.* )?-d ([\d.]+)/32 .*-j DNAT --to-destination ([\d.]+)$"
)
_HEADING: Final = re.compile(r"Bridge (table|chain): ([^,]+)(?:, entries: \d+, policy: (\w+))?$")


def iptables_tables(saved: str, backend: Backend, family: str) -> tuple[ForeignTable, ...]:
    """`family`: ip or ip6. A table whose end (COMMIT) is not there was not listed whole, and is left out."""
    made: list[ForeignTable] = []
    name, policies, rules = "", dict[str, str](), dict[str, list[ForeignRule]]()
    version = "4" if family == "ip" else "6"
    for line in saved.splitlines():
        if line.startswith("*"):
            name, policies, rules = line[1:].strip(), {}, {}
        elif line.startswith(":"):
            chain, _, rest = line[1:].partition(" ")
            policies[chain] = rest.split(" ")[0]
        elif line.startswith("-A "):
            chain = line[3:].split(" ")[0]
            rules.setdefault(chain, []).append(_rule(line, version, policies))
        elif line.strip() == "COMMIT" and name:
            made.append(_table(backend, family, name, policies, rules))
            name = ""
    return tuple(made)


def translations(saved: str) -> Iterator[tuple[str, str]]:
    """Floating IPs and whose they are, where netwright's own chains translate them."""
    for line in saved.splitlines():
        if match := _TRANSLATION.match(line):
            yield match[1], match[2]


def ebtables_tables(listed: str) -> tuple[ForeignTable, ...]:
    """What `ebtables -L` prints, of any number of tables."""
    found: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {}
    table = chain = ""
    for line in listed.splitlines():
        heading = _HEADING.match(line.strip())
        if heading and heading[1] == "table":
            table, chain = heading[2], ""
            found[table] = ({}, {})
        elif heading and table:
            chain = heading[2]
            found[table][0][chain] = heading[3] or "ACCEPT"
        elif line.strip() and chain:
            found[table][1].setdefault(chain, []).append(line.strip())
    return tuple(
        _table(
            Backend.EBTABLES_LEGACY,
            "bridge",
            name,
            policies,
            {
                of: [_rule(f"-A {of} {text}", "bridge", policies) for text in texts]
                for of, texts in rules.items()
            },
        )
        for name, (policies, rules) in found.items()
    )


def _table(
    backend: Backend,
    family: str,
    name: str,
    policies: Mapping[str, str],
    rules: Mapping[str, Sequence[ForeignRule]],
) -> ForeignTable:
    chains = {
        chain: ForeignChain(
            chain,
            tuple(rules.get(chain, ())),
            _HOOKS.get(chain, ""),
            "nat" if name == "nat" else "filter",
            _PRIORITIES.get(name, 0),
            Does.DROP if policy == "DROP" and chain in _HOOKS else Does.ACCEPT,
        )
        for chain, policy in policies.items()
    }
    return ForeignTable(backend, family, name, chains)


@dataclass(frozen=True, slots=True)
class _Option:
    word: str
    negated: bool
    arguments: tuple[str, ...]


def _rule(line: str, version: str, chains: Mapping[str, str]) -> ForeignRule:
    rule = ForeignRule(line, (), Action(Does.NEXT))
    try:
        words = shlex.split(line)[2:]
    except ValueError:
        return replace(rule, action=Action(Does.UNKNOWN), understood=False)
    if "rpfilter" in words and "--invert" in words:
        words.remove("--invert")
        words.insert(words.index("rpfilter") - 1, "!")
    for option in _options(words):
        if option.word in {"-j", "--jump", "-g", "--goto"}:
            return _aimed(rule, option, chains)
        rule = replace(rule, tests=(*rule.tests, *_tests(option, version)))
    return rule


def _options(words: Sequence[str]) -> Iterator[_Option]:
    """Each option with what follows it, up to the next; `! -s x` and the older `-s ! x` alike."""
    at = 0
    while at < len(words):
        negated = words[at] == "!"
        at += negated
        word = words[at] if at < len(words) else ""
        at += 1
        start = at
        while at < len(words) and not words[at].startswith("-") and words[at] != "!":
            at += 1
        if at == start and at + 1 < len(words) and words[at] == "!" and not words[at + 1].startswith("-"):
            negated, start, at = True, at + 1, at + 2
        if word == "--comment" and start < len(words):
            at = max(at, start + 1)  # a comment may look like an option
        yield _Option(word, negated, tuple(words[start:at]))


def _aimed(rule: ForeignRule, option: _Option, chains: Mapping[str, str]) -> ForeignRule:
    target = option.arguments[0] if option.arguments else ""
    if target in chains and target not in _HOOKS:
        does = Does.GOTO if option.word in {"-g", "--goto"} else Does.JUMP
        return replace(rule, action=Action(does, target))
    if target in _MARKS or target == "mark":
        return replace(rule, marks=True)
    if target in _HARMLESS:
        return rule
    does = _TARGETS.get(target, Does.UNKNOWN)
    return replace(rule, action=Action(does), understood=does is not Does.UNKNOWN)


def _tests(option: _Option, version: str) -> Iterator[Test]:
    link = _SINGLE.get(option.word)
    if option.word in {"-m", "--match"}:
        yield from _module(option)
    elif version == "bridge" and option.word in _BRIDGE:
        yield _among(_BRIDGE[option.word], option, _bridge_word)
    elif link:
        yield _among(link, option, _interface)
    elif option.word in _LISTS:
        field, implied = _LISTS[option.word]
        yield from implied
        yield _state(option) if field is Field.STATE else _among(field, option, partial(_listed, field))
    elif option.word == "--mark":
        yield _mark(option)
    elif option.word == "--physdev-is-bridged":
        yield Test((Field.BRIDGED,), (("yes",),), negated=option.negated)
    elif option.word not in _SILENT:
        yield CANNOT_TELL


def _module(option: _Option) -> Iterator[Test]:
    if option.arguments[:1] == ("rpfilter",):
        yield Test((Field.WAY_BACK,), (("found",),), negated=option.negated)
    elif set(option.arguments[:1]) <= _EXTENSION_HEADERS:
        yield NEVER
    elif not set(option.arguments[:1]) <= _MODULES:
        yield CANNOT_TELL


def _state(option: _Option) -> Test:
    """iptables counts DNAT and SNAT among the states."""
    words = [word.lower() for argument in option.arguments for word in argument.split(",")]
    if not words:
        return CANNOT_TELL
    both = tuple(("*", word) if word in {"dnat", "snat"} else (word, "*") for word in words)
    return Test((Field.STATE, Field.STATUS), both, negated=option.negated)


def _among(field: Field, option: _Option, read: Callable[[str], Value | None]) -> Test:
    words = [word for argument in option.arguments for word in argument.split(",")]
    values = [read(word) for word in words]
    known = tuple((value,) for value in values if value is not None)
    if not known or len(known) != len(values):
        return CANNOT_TELL
    return Test((field,), known, negated=option.negated)


def _interface(word: str) -> str:
    """iptables' `+` at the end is our `*`."""
    return f"{word[:-1]}*" if word.endswith("+") else word


def _bridge_word(word: str) -> Value | None:
    """An EtherType or a link."""
    found = {"IPv4": "4", "IPv6": "6", "ARP": "arp"}.get(word)
    return found or (named(Field.VERSION, word) if word.startswith("0x") else _interface(word))


def _listed(field: Field, word: str) -> Value | None:
    """Address types are written in capitals, port ranges with a colon."""
    if field in {Field.SOURCE_TYPE, Field.TARGET_TYPE}:
        return word.lower()
    first, colon, last = word.partition(":")
    if field in {Field.SOURCE_PORT, Field.TARGET_PORT} and colon:
        ends = numbers(first or "0"), numbers(last or "65535")
        return Span(ends[0].first, ends[1].last) if ends[0] and ends[1] else None
    return named(field, word)


def _mark(option: _Option) -> Test:
    value, slash, mask = (option.arguments[0] if option.arguments else "").partition("/")
    known, over = numbers(value), numbers(mask) if slash else numbers("0xffffffff")
    if known is None or over is None:
        return CANNOT_TELL
    return Test((Field.MARK,), ((known,),), negated=option.negated, mask=over.first)


_TCP_OR_UDP: Final = (is_protocol("tcp", "udp", "udplite", "sctp", "dccp"),)
_SINGLE: Final[Mapping[str, Field]] = {
    "-i": Field.IIF, "--in-interface": Field.IIF, "-o": Field.OIF, "--out-interface": Field.OIF,
    "--physdev-in": Field.PHYS_IN, "--physdev-out": Field.PHYS_OUT,
    "--logical-in": Field.IIF, "--logical-out": Field.OIF,
}  # fmt: skip
_BRIDGE: Final[Mapping[str, Field]] = {
    "-p": Field.VERSION, "--protocol": Field.VERSION, "--proto": Field.VERSION,
    "-i": Field.PHYS_IN, "--in-interface": Field.PHYS_IN,
    "-o": Field.PHYS_OUT, "--out-interface": Field.PHYS_OUT,
}  # fmt: skip
_LISTS: Final[Mapping[str, tuple[Field, tuple[Test, ...]]]] = {
    "-p": (Field.PROTOCOL, ()), "--protocol": (Field.PROTOCOL, ()),
    "-s": (Field.SOURCE, ()), "--source": (Field.SOURCE, ()),
    "-d": (Field.TARGET, ()), "--destination": (Field.TARGET, ()),
    "--src-range": (Field.SOURCE, ()), "--dst-range": (Field.TARGET, ()),
    "--ip-src": (Field.SOURCE, ()), "--ip-dst": (Field.TARGET, ()),
    "--ip6-src": (Field.SOURCE, ()), "--ip6-dst": (Field.TARGET, ()),
    "--ip-proto": (Field.PROTOCOL, ()), "--ip6-proto": (Field.PROTOCOL, ()),
    "--sport": (Field.SOURCE_PORT, _TCP_OR_UDP), "--dport": (Field.TARGET_PORT, _TCP_OR_UDP),
    "--sports": (Field.SOURCE_PORT, _TCP_OR_UDP), "--dports": (Field.TARGET_PORT, _TCP_OR_UDP),
    "--ip-sport": (Field.SOURCE_PORT, ()), "--ip-dport": (Field.TARGET_PORT, ()),
    "--ctstate": (Field.STATE, ()), "--state": (Field.STATE, ()),
    "--src-type": (Field.SOURCE_TYPE, ()), "--dst-type": (Field.TARGET_TYPE, ()),
    "--icmp-type": (Field.ICMP_TYPE, (is_version("4"),)),
    "--icmpv6-type": (Field.ICMP6_TYPE, (is_version("6"),)),
}  # fmt: skip
