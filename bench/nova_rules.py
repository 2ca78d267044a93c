"""Ten thousand rules of IptablesManager in one window, beside a model of how nova-network went about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from common import run

from netwright.kernel import netns
from netwright.model.ids import NamespaceName
from netwright.nova.iptables import IptablesManager, IptablesOptions

BINARY: Final = "bench"
CHAIN: Final = "FORWARD"


def texts(count: int) -> Iterator[str]:
    """Rules that are all different."""
    for number in range(count):
        octets = ".".join(str(number >> shift & 255) for shift in (16, 8, 0))
        yield f"-s 10.{octets}/32 -p tcp -m tcp --dport 80 -j ACCEPT"


def now(namespace: str, count: int) -> float:
    """Seconds from the first rule to the kernel's having them all."""
    with netns.inside(NamespaceName(namespace)):
        manager = IptablesManager(options=IptablesOptions(binary=BINARY, use_ipv6=False))
        manager.apply()
        begun = time.perf_counter()
        manager.defer_apply_on()
        for text in texts(count):
            manager.ipv4["filter"].add_rule(CHAIN, text)
        manager.defer_apply_off()
        return time.perf_counter() - begun


def of_old(namespace: str, count: int) -> float:
    """The same by the old way: see OldTable."""
    table = OldTable()
    run(["iptables", "-N", f"{BINARY}-{CHAIN}"], where=namespace)
    begun = time.perf_counter()
    for text in texts(count):
        table.add(CHAIN, text)
    saved = run(["iptables-save", "-c"], where=namespace).splitlines()
    run(["iptables-restore", "-c"], stdin="\n".join([*table.edited(saved), ""]), where=namespace)
    return time.perf_counter() - begun


@dataclass(eq=True)
class OldRule:
    """Compared part by part, as a list finds it."""

    chain: str
    text: str
    wrap: bool = True
    top: bool = False

    def line(self) -> str:
        return f"[0:0] -A {BINARY}-{self.chain} {self.text}"


@dataclass
class OldTable:
    """A list that each new rule is looked for in; the whole host's text is edited and written back."""

    rules: list[OldRule] = field(default_factory=list)

    def add(self, chain: str, text: str) -> None:
        rule = OldRule(chain, text)
        if rule not in self.rules:
            self.rules.append(rule)

    def edited(self, saved: list[str]) -> list[str]:
        """Lines that name the binary are left out, its own come behind the chains, doubles go from below."""
        kept = [line for line in saved if BINARY not in line]
        at = next(
            number
            for number, line in enumerate(kept)
            if number > kept.index("*filter") and not line.startswith(":")
        )
        ours = [f":{BINARY}-{CHAIN} - [0:0]", *(rule.line() for rule in self.rules)]
        seen: set[str] = set()
        found = []
        for line in reversed([*kept[:at], *ours, *kept[at:]]):
            bare = line.partition("] ")[2] if line.startswith("[") else ""
            if bare not in seen or not bare:
                found.append(line)
            seen.add(bare)
        return found[::-1]
