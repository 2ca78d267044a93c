"""One table's rules and chains as a caller builds them: nothing here touches a kernel."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from netwright.nova.iptables_marks import BINARY, check_binary, target_of, words_of

CHAIN_LENGTH: Final = 28
"""Characters of a chain's name that iptables takes (XT_EXTENSION_MAXNAMELEN less its NUL)."""
_CHAIN: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LOG: Final = structlog.get_logger("netwright.nova")


@dataclass(frozen=True, slots=True)
class IptablesRule:
    """A rule, wrapped in a chain of its binary's or not. Equal on chain, text, wrap and top."""

    chain: str
    rule: str
    wrap: bool = True
    top: bool = False
    binary: str = field(default=BINARY, kw_only=True, compare=False, repr=False)

    def __str__(self) -> str:
        return f"[0:0] -A {self.place} {self.rule}"

    @property
    def place(self) -> str:
        """The chain's name in the kernel."""
        return f"{self.binary}-{self.chain}" if self.wrap else self.chain

    @property
    def target(self) -> str:
        """What it jumps or goes to; empty where it names nothing."""
        return target_of(words_of(self.rule))


class IptablesTable:
    """A table's chains and rules, as wanted.

    `dirty` is set by every change and cleared only when an apply has succeeded; setting it has the next
    apply look at the kernel again. `remove_rules`, `remove_marked`, `remove_chains` and `remove_wrapped`
    (chains by the names that the kernel knows) are what the next apply has to take away.
    """

    def __init__(self, binary: str = BINARY) -> None:
        self.binary = check_binary(binary)
        self.chains: set[str] = set()
        self.unwrapped_chains: set[str] = set()
        self.remove_chains: set[str] = set()
        self.remove_wrapped: set[str] = set()
        self.remove_rules: list[IptablesRule] = []
        self.remove_marked: set[tuple[str, str]] = set()
        """Chains, by the kernel's names, and tags of rules that an earlier life has left."""
        self.dirty = True
        self.changes = 0
        """Grows with every change, so that one made while another is being written is not lost."""
        self.shared: set[str] = set()
        """Wrapped chains that every life of a binary has: a predecessor's rules there stay until a sweep."""
        self._rules: dict[IptablesRule, None] = {}
        self._in_chain: dict[str, dict[IptablesRule, None]] = {}
        self._to_target: dict[str, dict[IptablesRule, None]] = {}

    @property
    def rules(self) -> list[IptablesRule]:
        """All rules, in the order in which they were added."""
        return list(self._rules)

    def rules_in(self, place: str) -> tuple[IptablesRule, ...]:
        """The rules of one chain, by its name in the kernel: those flagged `top` first."""
        found = self._in_chain.get(place, {})
        return (*(rule for rule in found if rule.top), *(rule for rule in found if not rule.top))

    def places(self) -> Mapping[str, object]:
        """The names in the kernel of the chains that have rules."""
        return self._in_chain

    def has_chain(self, name: str, wrap: bool = True) -> bool:  # noqa: FBT001, FBT002 - the old signature
        return name in (self.chains if wrap else self.unwrapped_chains)

    def add_chain(self, name: str, wrap: bool = True) -> None:  # noqa: FBT001, FBT002
        """Raises ValueError for a name that a kernel would not take, or that stands for another chain."""
        place = self._place(name, wrap)
        if len(place) > CHAIN_LENGTH or not _CHAIN.fullmatch(place):
            raise ValueError(f"Not a chain name of at most {CHAIN_LENGTH} characters: {place!r}")
        other = {chain if wrap else self._place(chain) for chain in self._chains(not wrap)}
        if place in other:
            raise ValueError(f"Chain {place!r} is there already, wrapped otherwise")
        self._chains(wrap).add(name)
        self._removed(wrap).discard(place)
        self._changed()

    def remove_chain(self, name: str, wrap: bool = True) -> None:  # noqa: FBT001, FBT002
        """With its rules, and the rules of any chain that jump to exactly this one."""
        if name not in self._chains(wrap):
            _LOG.warning("iptables_chain_absent", chain=self._place(name, wrap))
            return
        self._chains(wrap).discard(name)
        place = self._place(name, wrap)
        for rule in (*self._in_chain.get(place, ()), *self._to_target.get(place, ())):
            self._drop(rule)
        self._removed(wrap).add(place)
        self._changed()

    def add_rule(
        self,
        chain: str,
        rule: str,
        wrap: bool = True,  # noqa: FBT001, FBT002
        top: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """A rule that is there already stays where it is.

        Raises ValueError for a wrapped chain that was not added, and for text that is not one line or
        does not close its quotes.
        """
        if wrap and chain not in self.chains:
            raise ValueError(f"Unknown chain: {chain!r}")
        new = self._rule(chain, rule, wrap=wrap, top=top)
        if new in self._rules:
            _LOG.debug("iptables_rule_there", rule=str(new))
            return
        self._rules[new] = None
        self._in_chain.setdefault(new.place, {})[new] = None
        if new.target:
            self._to_target.setdefault(new.target, {})[new] = None
        self._changed()

    def remove_rule(
        self,
        chain: str,
        rule: str,
        wrap: bool = True,  # noqa: FBT001, FBT002
        top: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """`$chain` and the chain's full name are the same. One that a predecessor left is taken away too."""
        old = self._rule(chain, rule, wrap=wrap, top=top)
        if old in self._rules:
            self._drop(old)
        else:
            _LOG.warning("iptables_rule_absent", rule=str(old))
            self.remove_rules.append(old)
        self._changed()

    def remove_rules_regex(self, regex: str | re.Pattern[str]) -> int:
        """How many rules went: those whose whole text (`[0:0] -A chain rule`) begins with a match."""
        pattern = re.compile(regex)
        found = [rule for rule in self._rules if pattern.match(str(rule))]
        for rule in found:
            self._drop(rule)
        if found:
            self._changed()
        return len(found)

    def remove_inherited(self, marks: Collection[tuple[str, str]]) -> None:
        """Takes away what an earlier life has left: chains, by the kernel's names, and tags."""
        self.remove_marked.update(marks)
        if marks:
            self._changed()

    def empty_chain(self, chain: str, wrap: bool = True) -> None:  # noqa: FBT001, FBT002
        """Takes away the rules of the chain; the chain stays."""
        found = [rule for rule in self._in_chain.get(self._place(chain, wrap), ()) if rule.wrap is wrap]
        for rule in found:
            self._drop(rule)
        if found:
            self._changed()

    def applied(self) -> None:
        """The kernel has it all."""
        self.dirty = False
        self.remove_rules.clear()
        self.remove_marked.clear()
        self.remove_chains.clear()
        self.remove_wrapped.clear()

    def _drop(self, rule: IptablesRule) -> None:
        if rule not in self._rules:
            return
        del self._rules[rule]
        for index, name in ((self._in_chain, rule.place), (self._to_target, rule.target)):
            index.get(name, {}).pop(rule, None)
            if not index.get(name, True):
                del index[name]
        self.remove_rules.append(rule)

    def _rule(self, chain: str, rule: str, *, wrap: bool, top: bool) -> IptablesRule:
        if _CONTROL.search(rule):
            raise ValueError(f"A rule is one line of text: {rule!r}")
        words_of(rule)
        words = [f"{self.binary}-{word[1:]}" if word.startswith("$") else word for word in rule.split(" ")]
        return IptablesRule(chain, " ".join(words), wrap, top, binary=self.binary)

    def _chains(self, wrap: bool) -> set[str]:  # noqa: FBT001
        return self.chains if wrap else self.unwrapped_chains

    def _removed(self, wrap: bool) -> set[str]:  # noqa: FBT001
        return self.remove_wrapped if wrap else self.remove_chains

    def _place(self, name: str, wrap: bool = True) -> str:  # noqa: FBT001, FBT002
        return f"{self.binary}-{name}" if wrap else name

    def _changed(self) -> None:
        self.dirty = True
        self.changes += 1
