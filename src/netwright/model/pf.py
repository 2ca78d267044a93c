"""What pf holds of ours on a FreeBSD host: anchors with rules, tables of addresses in the main ruleset."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

PREFIX: Final = "netwright"
"""The anchor that all of ours are below."""
LABEL: Final = "nw-"
"""How labels of our rules begin: the states that a rule made are found by its label when it goes."""
TEXT_LABEL: Final = f"{LABEL}text-"
"""Before the digest of an anchor's text, on its last rule: pf gives no rule back as it was written."""
TABLES: Final = ("nw4-", "nw6-")


class PfKind(StrEnum):
    """In the order in which they are written."""

    TABLE = "table"
    ANCHOR = "anchor"


class PfKey(NamedTuple):
    """A table's name, or an anchor's whole path."""

    kind: PfKind
    name: str


@dataclass(frozen=True, slots=True)
class PfAnchor:
    """Equal when the digests are."""

    digest: str
    text: str = field(compare=False)
    labels: frozenset[str] = field(default=frozenset(), compare=False)
    """Those of rules whose states end with them."""


@dataclass(frozen=True, slots=True)
class PfTable:
    addresses: tuple[str, ...]
    """As pf prints them, sorted."""


PfValue = PfAnchor | PfTable
