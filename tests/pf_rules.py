"""pf.conf(5)'s grammar, as far as netwright writes it: a line is parsed into its parts, or is an error.

Written after the GRAMMAR section of the manual page of FreeBSD 15; what pfctl(8) checks beyond it (families,
protocols, lengths of names, the order of statements) is checked here, too. There is no pfctl for Linux.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from typing import Final

_WORD: Final = r"[A-Za-z0-9_][A-Za-z0-9_.:-]*"
_IF: Final = r"(?:! )?[A-Za-z][A-Za-z0-9_.-]{0,14}"
_ADDRESS: Final = r"[0-9a-f.:]+(?:/\d+)?"
_HOST: Final = rf"(?:<[A-Za-z0-9_-]{{1,31}}>|\([A-Za-z][A-Za-z0-9_.-]*(?::0)?\)|{_ADDRESS})"
_HOSTS: Final = rf"(?:any|{_HOST}|\{{ {_HOST}(?:,? {_HOST})* \}})"
_PORT: Final = r"\d+(?::\d+)?"
_AF: Final = r"(?: (?P<family>inet6?))?"
_PROTO: Final = r"(?: proto (?P<protocol>tcp|udp|sctp|icmp6?|\d+))?"
_FROM: Final = rf"(?: from (?P<source>{_HOSTS})(?: port (?P<source_port>{_PORT}))?)?"
_TO: Final = rf"(?: to (?P<target>{_HOSTS})(?: port (?P<target_port>{_PORT}))?)?"
_TYPES: Final = r"(?:\d+(?: code \d+)?|\{ \d+(?:, \d+)* \})"
_STATE: Final = r"(?:if-bound|sloppy)"
_OPTION: Final = (
    rf"(?: flags any| no state| keep state(?: \({_STATE}(?:, {_STATE})*\))?| icmp6?-type {_TYPES}"
    rf"| allow-opts| label {_WORD}| tag {_WORD}| (?:! )?tagged {_WORD})"
)
_FILTER: Final = re.compile(
    r"(?P<action>pass|match|block drop)(?: (?P<way>in|out))?(?P<quick> quick)?"
    rf"(?: on (?P<interface>{_IF}))?{_AF}{_PROTO}(?: all|{_FROM}{_TO})(?P<options>{_OPTION}*)"
)
_NAT: Final = re.compile(
    rf"(?P<no>no )?(?P<kind>nat|rdr|binat) on (?P<interface>{_IF}){_AF}{_PROTO}{_FROM}{_TO}"
    rf"(?: tag (?P<tag>{_WORD}))?(?: tagged (?P<tagged>{_WORD}))?"
    rf"(?: -> (?P<to>{_HOST})(?: port (?P<to_port>{_PORT}))?)?"
)
_TABLE: Final = re.compile(
    rf"table <(?P<name>[a-z0-9]{{1,31}})> const \{{(?P<addresses>(?: {_ADDRESS})*) \}}"
)
_ANCHOR: Final = re.compile(r'(?:(?:nat|rdr|binat)-)?anchor "(?P<name>[A-Za-z0-9_./*-]+)"')
_SET: Final = "set reassemble yes"
_ETHER: Final = re.compile(rf"ether (?:pass|block)(?: (?:in|out))?(?: quick)?(?: on {_IF})?")
_LABEL: Final = re.compile(r" label (\S+)")


@dataclass(frozen=True, slots=True)
class FilterRule:
    action: str
    way: str
    quick: bool
    interface: str
    family: str
    protocol: str
    source: str
    source_port: str
    target: str
    target_port: str
    options: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    tables: Mapping[str, tuple[str, ...]]
    translation: tuple[str, ...]
    rules: tuple[FilterRule, ...]


@cache
def parse(text: str) -> Ruleset:
    """Of an anchor. Raises ValueError with the line that pfctl would not take."""
    tables: dict[str, tuple[str, ...]] = {}
    translation: list[str] = []
    rules: list[FilterRule] = []
    for line in text.splitlines():
        if found := _TABLE.fullmatch(line):
            tables[found["name"]] = tuple(found["addresses"].split())
        elif found := _NAT.fullmatch(line):
            _require(not rules, line, "translation comes before filtering")
            _require(bool(found["to"]) != bool(found["no"]), line, "a target, or no translation")
            translation.append(line)
        elif found := _FILTER.fullmatch(line):
            rules.append(_rule(line, found))
        else:
            raise ValueError(line)
        for address in re.findall(r"(?<![\w<-])[0-9a-f]*[.:][0-9a-f.:]+(?:/\d+)?(?![\w:])", line):
            if not re.fullmatch(r"\d+:\d+", address):
                ip_network(address)
    return Ruleset(tables, tuple(translation), tuple(rules))


def check_main(text: str) -> None:
    """Of /etc/pf.conf: options, Ethernet, translation, filtering, in this order."""
    kinds = [_kind(line) for line in text.splitlines()]
    assert kinds == sorted(kinds)


def _kind(line: str) -> int:
    if line == _SET:
        return 0
    if _ETHER.fullmatch(line):
        return 1
    if not _ANCHOR.fullmatch(line):
        raise ValueError(line)
    return 3 if line.startswith("anchor") else 2


def _rule(line: str, found: re.Match[str]) -> FilterRule:
    parts = {key: value or "" for key, value in found.groupdict().items()}
    options, protocol, family = parts["options"], parts["protocol"], parts["family"]
    _require(
        not (parts["source_port"] or parts["target_port"]) or protocol in {"tcp", "udp", "sctp"}, line, "port"
    )
    _require(" icmp-type" not in options or (protocol, family) == ("icmp", "inet"), line, "icmp-type")
    _require(" icmp6-type" not in options or (protocol, family) == ("icmp6", "inet6"), line, "icmp6-type")
    _require(protocol not in {"icmp6", "58"} or family != "inet", line, "ICMPv6 is of inet6")
    _require(protocol not in {"icmp", "1"} or family != "inet6", line, "ICMP is of inet")
    _require(options.count(" state") <= 1, line, "one state")
    for end in (parts["source"], parts["target"]):
        for address in _addresses(end):
            _require(family == ("inet6" if ":" in address else "inet"), line, "an address of another family")
    _require(all(len(label) < 64 for label in _LABEL.findall(line)), line, "a label has 63 characters")
    return FilterRule(
        action=parts["action"],
        way=parts["way"],
        quick=bool(parts["quick"]),
        interface=parts["interface"],
        family=family,
        protocol=protocol,
        source=parts["source"] or "any",
        source_port=parts["source_port"],
        target=parts["target"] or "any",
        target_port=parts["target_port"],
        options=options,
    )


def _addresses(end: str) -> Iterator[str]:
    words = end.strip("{} ").replace(",", "").split()
    return (word for word in words if word != "any" and not word.startswith(("<", "(")))


def _require(right: bool, line: str, what: str) -> None:
    if not right:
        message = f"{what}: {line}"
        raise ValueError(message)
