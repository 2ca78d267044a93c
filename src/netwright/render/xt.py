"""The words that every iptables renderer uses: sets, chains, rules, jumps, as keys and values.

A chain's name is `netwright-` and at most 18 characters more: xtables takes 28.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from netwright.model.host import Traits
from netwright.model.intent import EtherType
from netwright.model.xtables import (
    BRIDGE,
    LISTING,
    NEXT,
    PREFIX,
    XtChain,
    XtElement,
    XtJump,
    XtKey,
    XtKind,
    XtRule,
    XtSet,
    XtValue,
)
from netwright.render.tags import digest_of

FAMILIES: Final = {EtherType.IPV4: "ip", EtherType.IPV6: "ip6"}
RETURN: Final = "-j RETURN"
DROP: Final = "-j DROP"
ACCEPT: Final = "-j ACCEPT"
ANY_ICMP: Final = 255
"""iptables takes this ICMP type for all types."""
_SPECS: Final = {4: "family inet", 6: "family inet6"}

Xt = dict[XtKey, XtValue]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of one family, in the back end that the traits name."""

    backend: str
    family: str
    name: str

    def chain(self, name: str, rules: Sequence[str]) -> Xt:
        """A chain whose rules are these, and no others."""
        return self._chain(name, "", rules)

    def listing(self, name: str, tail: Sequence[str] = (RETURN,)) -> Xt:
        """A chain to which others bring rules, and what comes after them: that tells it from other chains."""
        return self._chain(name, LISTING, (NEXT,) if self.family == BRIDGE else tail)

    def _chain(self, name: str, mark: str, rules: Sequence[str]) -> Xt:
        tags = rules if self.family == BRIDGE else [mark + rule_tag(name, rule) for rule in rules]
        return {self._key(XtKind.CHAIN, name): XtChain(tuple(tags), tuple(rules))}

    def rule(self, chain: str, text: str) -> Xt:
        """One of a listing's rules, written as the `-save` commands print it."""
        return {self._key(XtKind.RULE, chain, text): XtRule()}

    def jump(self, builtin: str, chain: str, *, last: bool = False) -> Xt:
        return {self._key(XtKind.JUMP, builtin, chain): XtJump(last=last)}

    def _key(self, kind: XtKind, name: str, item: str = "") -> XtKey:
        full = name if kind is XtKind.JUMP else PREFIX + name
        return XtKey(kind, self.backend, self.family, self.name, full, item)


def rule_tag(chain: str, rule: str) -> str:
    """What a rule's comment bears; its place in the chain does not matter to it."""
    return digest_of([chain, rule])


def tables(traits: Traits, name: str) -> Iterator[tuple[EtherType, Table]]:
    """The table of that name of IPv4 and of IPv6."""
    for ethertype, family in FAMILIES.items():
        yield ethertype, Table(traits.xtables, family, name)


def bridge_table(name: str) -> Table:
    """ebtables has one back end, as far as this house cares."""
    return Table("", BRIDGE, name)


def named_set(name: str, kind: str, version: int) -> Xt:
    """`kind`: hash:ip and the like."""
    return {XtKey(XtKind.SET, "", "set", "", PREFIX + name): XtSet(f"{kind} {_SPECS[version]}")}


def element(name: str, *item: str) -> Xt:
    return {XtKey(XtKind.ELEMENT, "", "set", "", PREFIX + name, ",".join(item)): XtElement()}


def jump_to(chain: str) -> str:
    return f"-j {PREFIX}{chain}"


def go_to(chain: str) -> str:
    """Its end returns to where this chain was called from."""
    return f"-g {PREFIX}{chain}"


def in_set(name: str, where: str) -> str:
    """`where`: `src`, `dst`, or for pairs of address and link `dst,dst`."""
    return f"-m set --match-set {PREFIX}{name} {where}"
