"""Whose an iptables rule is: a mark in its comment, and `iptables-save` text read with those marks.

Every rule that a manager writes bears the comment `netwright/<binary>/<tag>`, the tag being a digest of
its text: the kernel never gives text back as it was written. The jumps that all binaries share have the
binary `shared`. A chain without rules holds one that only bears a mark. Nothing is known by a name alone,
let alone by a part of one: a comment, a chain or another binary that is called alike is a stranger's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from netwright.kernel.xt_reading import FIRST
from netwright.render.tags import digest_of

BINARY: Final = "netwright"
BINARY_LENGTH: Final = 16
"""So that `<binary>-POSTROUTING` is a chain's name of at most 28 characters."""
SHARED: Final = "shared"
EMPTY: Final = "empty"
_ENGINES_FIRST: Final = f"netwright:{FIRST}"
"""The comment of the jumps that the engine `iptables` has before everyone's in built-in chains."""
_ENGINES: Final = re.compile(r"netwright:\w+")
_BINARY: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_MARK: Final = re.compile(r"netwright/([A-Za-z0-9_.-]+)/([0-9a-f]{12}|empty)")
_COMMENT: Final = re.compile(rf"-m comment --comment \"?{_MARK.pattern}\"? ?")
_RULE: Final = re.compile(r"(\[\d+:\d+\]) -A (\S+) ?(.*)")
_CHAIN: Final = re.compile(r":(\S+) (\S+)")
_JUMPS: Final = frozenset({"-j", "-g", "--jump", "--goto"})


def check_binary(name: str) -> str:
    """The name. Raises ValueError for one that cannot be the beginning of a chain's name."""
    if len(name) > BINARY_LENGTH or not _BINARY.fullmatch(name) or name == SHARED:
        raise ValueError(f"Not a binary's name of at most {BINARY_LENGTH} characters: {name!r}")
    return name


class Mark(NamedTuple):
    owner: str
    tag: str


def tag_of(text: str) -> str:
    return digest_of([text])


def marked(text: str, owner: str, tag: str) -> str:
    """The rule's text with its owner's mark."""
    return f"-m comment --comment {BINARY}/{owner}/{tag} {text}".rstrip()


def unmarked(text: str) -> str:
    """A rule's text as the kernel has it, without its owner's mark."""
    return _COMMENT.sub("", text)


def words_of(text: str) -> list[str]:
    """A rule's words as iptables reads them. Raises ValueError where quotes are not closed."""
    return shlex.split(text) if '"' in text or "'" in text or "\\" in text else text.split()


def target_of(words: list[str]) -> str:
    """The word after the jump; empty where there is none."""
    return next((name for word, name in pairwise(words) if word in _JUMPS), "")


@dataclass(frozen=True, slots=True)
class SavedRule:
    """A rule as the kernel has it: `text` is what `-D chain` takes."""

    text: str
    counters: str
    mark: Mark | None
    target: str
    guard: bool = False
    """A stranger's that ours must not come before: guests' filters, by netwright's own engine."""
    engine: bool = False
    """Whether the engine `iptables` wrote it."""

    @property
    def owner(self) -> str:
        return self.mark.owner if self.mark else ""


@dataclass(frozen=True, slots=True)
class Saved:
    """One table as the kernel has it."""

    chains: dict[str, list[SavedRule]] = field(default_factory=dict)
    built_in: set[str] = field(default_factory=set)


def read_table(saved: str, table: str) -> Saved:
    """The table in what `iptables-save -c` printed; nothing in it where it is not there."""
    found = Saved()
    here = False
    for line in saved.splitlines():
        if line.startswith("*"):
            here = line[1:].strip() == table
        elif here and (chain := _CHAIN.match(line)):
            found.chains.setdefault(chain[1], [])
            if chain[2] != "-":
                found.built_in.add(chain[1])
        elif here and (rule := _RULE.match(line)):
            found.chains.setdefault(rule[2], []).append(_read_rule(rule[3], rule[1]))
    return found


def _read_rule(text: str, counters: str) -> SavedRule:
    try:
        words = words_of(text)
    except ValueError:
        # A stranger's comment, quoted as we do not know: still a rule, and not ours.
        return SavedRule(text, counters, None, target_of(text.split()))
    comments = [name for word, name in pairwise(words) if word == "--comment"]
    mark = next(_marks(comments), None)
    engine = any(_ENGINES.fullmatch(comment) for comment in comments)
    return SavedRule(text, counters, mark, target_of(words), guard=_ENGINES_FIRST in comments, engine=engine)


def _marks(comments: Iterable[str]) -> Iterator[Mark]:
    for comment in comments:
        if found := _MARK.fullmatch(comment):
            yield Mark(found[1], found[2])
