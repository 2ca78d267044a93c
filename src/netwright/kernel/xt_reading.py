"""What the `-save` commands print, as chains of lines.

Ours: chains called `netwright-…` that hold a rule of ours; rules whose whole comment is `netwright:` and
a tag; in ebtables, which has no comments, chains by their names alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from netwright.model.xtables import (
    BRIDGE,
    LISTING,
    NEXT,
    PREFIX,
    XtChain,
    XtJump,
    XtKey,
    XtKind,
    XtRule,
    XtValue,
)

FIRST, LAST, HELD = "first", "last", "held"
_RULE: Final = re.compile(r"(?:\[(\d+):(\d+)\] )?-A (\S+) ?(.*)")
_BEGIN: Final = re.compile(r"(?:-[NP] |Bridge chain: )([^\s,]+)")
_HEADING: Final = "Bridge table: "
_MARK: Final = "netwright:"
_COMMENT: Final = re.compile(r' ?-m comment --comment "?netwright:(\w+)"?(?= |$)')
_TARGET: Final = re.compile(r"(?:^| )-[jg] (\S+)")
_COUNTS: Final = re.compile(r" ?-c (\d+) (\d+)")


class Line(NamedTuple):
    """A rule without its comment; `tag` is ours, empty where there is none."""

    text: str
    tag: str = ""
    packets: int = 0
    octets: int = 0

    @property
    def target(self) -> str:
        """Where it leads to; empty for a rule that only counts."""
        found = _TARGET.search(self.text)
        return found[1] if found else ""


Chains = Mapping[str, Sequence[Line]]
"""By chain; a chain without rules is there too."""


def comment(tag: str) -> str:
    return f'-m comment --comment "netwright:{tag}"'


def read_tables(text: str, names: Collection[str] | None = None) -> dict[str, dict[str, list[Line]]]:
    """Every chain by table, or those of these names: the others' rules are not even looked into."""
    tables: dict[str, dict[str, list[Line]]] = {}
    chains: dict[str, list[Line]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            chains = tables.setdefault(line[1:], {})
        elif line.startswith(":"):
            chains.setdefault(line[1:].split(" ", 1)[0], [])
        elif names is not None and _chain_of(line) not in names:
            continue
        elif found := _RULE.match(line):
            packets, count, chain, rest = found.groups()
            chains.setdefault(chain, []).append(_line(rest, packets, count))
    return tables


def _chain_of(line: str) -> str:
    """Cheaper than the whole pattern: a table may have ten thousand rules."""
    words = line.split(" ", 3)
    return "".join(words[2:3] if line.startswith("[") else words[1:2])


def read_listed(text: str, asked: Sequence[tuple[str, str]]) -> dict[str, dict[str, list[Line]]]:
    """What `iptables -S -v`, or `ebtables -L`, prints of chains asked for one after the other, by table.

    It names no tables. Raises ValueError if it is not about those chains.
    """
    tables: dict[str, dict[str, list[Line]]] = {}
    lines: list[Line] = []
    awaited = iter(asked)
    for line in text.splitlines():
        if begin := _BEGIN.match(line):
            table, name = next(awaited, ("", ""))
            if name != begin[1]:
                raise ValueError(f"{begin[1]} printed for {name}")
            lines = tables.setdefault(table, {}).setdefault(name, [])
        elif found := _RULE.match(line):
            lines.append(_counted(found[4]))
        elif line and not line.startswith(_HEADING):
            lines.append(_line(line, "", ""))
    if next(awaited, None):
        raise ValueError("not all were printed")
    return tables


def _counted(rest: str) -> Line:
    """A rule with its counts in its midst."""
    packets, count = counts.groups() if (counts := _COUNTS.search(rest)) else ("", "")
    return _line(_COUNTS.sub("", rest, count=1), packets, count)


def _line(rest: str, packets: str | None, count: str | None) -> Line:
    tagged = _COMMENT.search(rest) if _MARK in rest else None
    text = rest[: tagged.start()] + rest[tagged.end() :] if tagged else rest
    return Line(text.strip(), tagged[1] if tagged else "", int(packets or 0), int(count or 0))


@dataclass(frozen=True, slots=True)
class Place:
    """Whose table it is."""

    backend: str
    family: str
    table: str

    def key(self, kind: XtKind, name: str, item: str = "") -> XtKey:
        return XtKey(kind, self.backend, self.family, self.table, name, item)


def observed(place: Place, chains: Chains, *, every: bool) -> Iterator[tuple[XtKey, XtValue]]:
    """Keys and values of what is ours; with `every`, of all chains that bear our prefix."""
    for name, lines in chains.items():
        if not name.startswith(PREFIX):
            yield from _jumps(place, name, lines)
        elif every or place.family == BRIDGE or any(line.tag for line in lines):
            own = own_rules(place.family, lines)
            yield place.key(XtKind.CHAIN, name), XtChain(tuple(own), ())
            yield from _rules(place, name, lines)


def own_rules(family: str, lines: Sequence[Line]) -> list[str]:
    """Tags of a chain's own rules, empty for a stranger's; in ebtables their texts."""
    listing = is_listing(family, lines)
    if family == BRIDGE:
        return [NEXT] if listing else [line.text for line in lines]
    return [line.tag for line in lines if line.tag or not listing]


def loose_rules(family: str, lines: Sequence[Line]) -> list[str]:
    """Those that are keys of their own."""
    if not is_listing(family, lines):
        return []
    return [line.text for line in (lines[:-1] if family == BRIDGE else lines) if not line.tag]


def is_listing(family: str, lines: Sequence[Line]) -> bool:
    if family == BRIDGE:
        return bool(lines) and lines[-1].text == NEXT
    return any(line.tag.startswith(LISTING) for line in lines)


def _rules(place: Place, name: str, lines: Sequence[Line]) -> Iterator[tuple[XtKey, XtValue]]:
    loose = set(loose_rules(place.family, lines))
    if not loose:
        return
    first_own = next((at for at, line in enumerate(lines) if line.tag), len(lines))
    for at, line in enumerate(lines):
        if not line.tag and line.text in loose:
            yield place.key(XtKind.RULE, name, line.text), XtRule(ahead=at < first_own)


def _jumps(place: Place, name: str, lines: Sequence[Line]) -> Iterator[tuple[XtKey, XtValue]]:
    for target in {line.text.removeprefix("-j ") for line in lines if is_jump(place.family, line)}:
        at = [index for index, line in enumerate(lines) if _is_to(place.family, line, target)]
        last = lines[at[0]].tag == LAST
        right = [len(lines) - 1] if last else [0]
        yield place.key(XtKind.JUMP, name, target), XtJump(last=last, placed=at == right)


def is_jump(family: str, line: Line) -> bool:
    """Whether a built-in chain's rule is a jump of ours."""
    ours = line.tag in (FIRST, LAST) if family != BRIDGE else True
    return ours and line.text.startswith(f"-j {PREFIX}")


def _is_to(family: str, line: Line, target: str) -> bool:
    return is_jump(family, line) and line.text == f"-j {target}"
