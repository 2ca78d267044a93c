"""linux_net's ebtables rules: put in and taken out one by one, in chains known as ours by their names.

Rules for a built-in chain go into `nova-<chain>`, which is jumped to from the built-in chain's end: what
filters guests there (the agent's rules, libvirt's) comes first. ebtables knows no comments.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from netwright.kernel.ebtables import PACKAGE
from netwright.kernel.tools import run_tool
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.options import NetworkOptions

_BUILT_IN: Final = frozenset({"INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING", "BROUTING"})
_TABLES: Final = frozenset({"filter", "nat", "broute"})
_CHAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BUSY: Final = "Multiple ebtables programs"
"""Said by the legacy back end, whose exit status is 255 for everything."""
_ABSENT: Final = re.compile(r"does not exist|does a matching rule exist|doesn't exist|No such file")
_LISTED: Final = re.compile(r"Bridge chain: ([^,]+),")


def ensure_ebtables_rules(
    rules: Iterable[str], table: str = "filter", *, on: LinuxHost | None = None
) -> None:
    """Each rule (`<chain> <matches> -j <target>`) is there once, the last one first.

    One that is there already stays where it is, with its counters. Raises InvalidError, and
    KernelRefusedError for what ebtables does not take.
    """
    host, wanted = current(on), [_parse(rule) for rule in rules]
    kept = _Rules(_table(table), host.options)
    if not pretended(host, "ensure_ebtables_rules", rules=wanted, table=table):
        kept.ensure(wanted)


def remove_ebtables_rules(
    rules: Iterable[str], table: str = "filter", *, on: LinuxHost | None = None
) -> None:
    """All copies of each rule go, then chains of ours that are empty. Absent ones are no error."""
    host, gone = current(on), [_parse(rule) for rule in rules]
    kept = _Rules(_table(table), host.options)
    if not pretended(host, "remove_ebtables_rules", rules=gone, table=table):
        kept.remove(gone)


def isolate_dhcp_address(interface: str, address: str, *, on: LinuxHost | None = None) -> None:
    """What several hosts share on one wire stays at home: who has the address, and DHCP.

    `interface`: the bridge's port towards the wire. Raises InvalidError, KernelRefusedError.
    """
    ensure_ebtables_rules(_isolation(interface, address), on=on)


def remove_isolate_dhcp_address(interface: str, address: str, *, on: LinuxHost | None = None) -> None:
    """Raises InvalidError, KernelRefusedError."""
    remove_ebtables_rules(_isolation(interface, address), on=on)


def _isolation(interface: str, address: str) -> list[str]:
    link = link_name(interface, "interface")
    try:
        held = IPv4Address(address)
    except ValueError as error:
        raise InvalidError(str(error), "address") from error
    dhcp = "--ip-protocol udp --ip-destination-port 67:68 -j DROP"
    return [
        f"INPUT -p ARP -i {link} --arp-ip-dst {held} -j DROP",
        f"OUTPUT -p ARP -o {link} --arp-ip-src {held} -j DROP",
        f"FORWARD -p IPv4 -i {link} {dhcp}",
        f"FORWARD -p IPv4 -o {link} {dhcp}",
    ]


@dataclass(frozen=True, slots=True)
class _Rule:
    asked: str
    """The chain that the caller named."""
    words: tuple[str, ...]

    @property
    def chain(self) -> str:
        return f"nova-{self.asked}" if self.asked in _BUILT_IN else self.asked


def _parse(rule: str) -> _Rule:
    words = rule.split(" ")
    if _CONTROL.search(rule) or not _CHAIN.fullmatch(words[0]):
        raise InvalidError(f"{rule!r} is not a chain and a rule on one line", "rule")
    return _Rule(words[0], tuple(word for word in words[1:] if word))


def _table(name: str) -> str:
    if name not in _TABLES:
        raise InvalidError(f"{name!r} is not one of ebtables' tables {', '.join(sorted(_TABLES))}", "table")
    return name


@dataclass(frozen=True, slots=True)
class _Rules:
    """One table, in the namespace of the calling thread."""

    table: str
    options: NetworkOptions

    def ensure(self, rules: list[_Rule]) -> None:
        with turn("ebtables"):
            for asked in dict.fromkeys(rule.asked for rule in rules if rule.asked in _BUILT_IN):
                self._make_chain(asked)
            for rule in rules:
                self._run("-I", rule.chain, *rule.words)
            for chain in dict.fromkeys(rule.chain for rule in rules):
                self._drop_copies(chain, sum(rule.chain == chain for rule in rules))

    def _make_chain(self, asked: str) -> None:
        there = self._listed()
        if asked not in there:
            raise InvalidError(f"the table {self.table} has no chain {asked}", "rule")
        chain = f"nova-{asked}"
        if chain not in there:
            self._run("-N", chain, "-P", "RETURN")
        if f"-j {chain}" not in there[asked]:
            self._run("-A", asked, "-j", chain)

    def _drop_copies(self, chain: str, fresh: int) -> None:
        """Of what the first so many rules say the lowest copy stays: at no moment was there none.

        Further ones are those of calls that did not come to their end.
        """
        rules = self._listed()[chain]
        for at in reversed(range(len(rules))):
            if rules[at] in rules[:fresh] and rules[at] in rules[at + 1 :]:
                self._run("-D", chain, str(at + 1))

    def remove(self, rules: list[_Rule]) -> None:
        with turn("ebtables"):
            for rule in rules:
                while self._removed("-D", rule.chain, *rule.words):
                    pass
            there = self._listed()
            for asked in dict.fromkeys(rule.asked for rule in rules if rule.asked in _BUILT_IN):
                if there.get(f"nova-{asked}") == []:
                    self._removed("-D", asked, "-j", f"nova-{asked}")
                    self._removed("-X", f"nova-{asked}")

    def _removed(self, *argv: str) -> bool:
        try:
            self._run(*argv)
        except KernelRefusedError as refused:
            if not _ABSENT.search(refused.said):
                raise
            return False
        return True

    def _listed(self) -> dict[str, list[str]]:
        """The table's chains as ebtables prints their rules."""
        found: dict[str, list[str]] = {}
        rules: list[str] = []
        for line in self._run("-L").splitlines():
            if chain := _LISTED.match(line):
                rules = found.setdefault(chain[1], [])
            elif line.startswith("-"):
                rules.append(line.strip())
        return found

    def _run(self, *argv: str) -> str:
        """With as many tries as the options allow while another ebtables is at work, each pause longer."""
        words = ["--concurrent", "-t", self.table, *argv]
        for tries in range(1, self.options.ebtables_exec_attempts):
            try:
                return run_tool("ebtables", words, package=PACKAGE)
            except KernelRefusedError as refused:
                if _BUSY not in refused.said:
                    raise
            time.sleep(self.options.ebtables_retry_interval * tries)
        return run_tool("ebtables", words, package=PACKAGE)
