"""What a kernel has of iptables, ip6tables, ebtables and ipset: keys and values of that engine's stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

PREFIX: Final = "netwright-"
"""Of the names of all chains and sets of that engine."""
BRIDGE: Final = "bridge"
"""The family of ebtables."""
LISTING: Final = "listing"
"""Begins the tags of a chain whose other rules are keys of their own."""
NEXT: Final = "-j CONTINUE"
"""ebtables, which keeps no tags: the end of such a chain."""


class XtKind(StrEnum):
    """In the order in which they are written: each after what it names."""

    SET = "set"
    ELEMENT = "element"
    CHAIN = "chain"
    RULE = "rule"
    JUMP = "jump"


class XtKey(NamedTuple):
    """A piece of iptables, ip6tables (`ip`, `ip6`), ebtables (`bridge`) or ipset (`set`).

    `backend` is `nft` or `legacy`, empty where there is but one. `item` is an element, a rule's text,
    or the chain that a built-in chain jumps to.
    """

    kind: XtKind
    backend: str
    family: str
    table: str
    name: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class XtSet:
    """`spec`: a set's type and family, as `ipset save` prints them."""

    spec: str


@dataclass(frozen=True, slots=True)
class XtElement:
    """An element of a set has nothing beside its key."""


@dataclass(frozen=True, slots=True)
class XtChain:
    """Equal when the tags are: tags[i] stands for rules[i].

    Rules that are keys of their own come before these, in any order.
    """

    tags: tuple[str, ...]
    rules: tuple[str, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class XtRule:
    """`ahead`: whether it comes before the chain's own rules, as it should."""

    ahead: bool = True


@dataclass(frozen=True, slots=True)
class XtJump:
    """`last`: at the end of the built-in chain; else at its head. `placed`: whether it is there, once."""

    last: bool = False
    placed: bool = True


XtValue = XtSet | XtElement | XtChain | XtRule | XtJump
