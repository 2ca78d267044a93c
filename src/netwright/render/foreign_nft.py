"""nft's listing in JSON (libnftables-json(5)) to foreign tables, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from netwright.model.foreign import (
    Action,
    Backend,
    Does,
    ForeignChain,
    ForeignRule,
    ForeignTable,
    Test,
    Value,
)
from netwright.model.host import NFT_TABLES
from netwright.render.foreign_expressions import Sets, key_of, operand, test_of
from netwright.render.foreign_json import Json, each, items, loaded, mapping, number, single, text
from netwright.render.foreign_words import CANNOT_TELL

OURS: Final = frozenset(NFT_TABLES.values())
_CONSTANT: Final = {
    "accept": Does.ACCEPT, "drop": Does.DROP, "reject": Does.DROP, "return": Does.RETURN,
    "queue": Does.UNKNOWN,
    "dnat": Does.DIVERT, "redirect": Does.DIVERT, "tproxy": Does.DIVERT, "snat": Does.ACCEPT,
    "masquerade": Does.ACCEPT, "fwd": Does.DIVERT, "synproxy": Does.UNKNOWN,
}  # fmt: skip
_CALLS: Final = {"jump": Does.JUMP, "goto": Does.GOTO}
_HARMLESS: Final = frozenset({"counter", "log", "continue", "comment", "dup", "flow", "secmark", "notrack"})
_LIMITS: Final = frozenset({"limit", "quota", "ct count", "meter", "last"})
_LARGEST: Final = 4096
"""Elements of a verdict map; a larger one is not looked into."""
_HANDLE: Final = re.compile(r"^\s*(.*?)\s*# handle (\d+)$")
_TABLE: Final = re.compile(r"^table (\w+) (\S+) \{")
_CHAIN: Final = re.compile(r"^\s*chain (\S+) \{")
_DEVICES: Final = re.compile(r"\bhook \w+ devices? (?:= )?(\{[^}]*\}|\S+) priority")


def nft_tables(listing: str, words: str = "") -> tuple[ForeignTable, ...]:
    """Every table but our own. `words` is the same listing as text with handles, for rules to be quoted."""
    found = list(each(loaded(listing)))
    quoted, at = quotes(words), devices(words)
    sets: dict[tuple[str, str], dict[str, Json]] = {}
    chains: dict[tuple[str, str], dict[str, Json]] = {}
    rules: dict[tuple[str, str, str], list[Json]] = {}
    for kind, body in found:
        table = (text(body.get("family")), text(body.get("table")))
        match kind:
            case "set" | "map":
                sets.setdefault(table, {})[text(body.get("name"))] = body
            case "chain":
                chains.setdefault(table, {})[text(body.get("name"))] = body
            case "rule":
                rules.setdefault((*table, text(body.get("chain"))), []).append(body)
            case _:
                pass
    made = []
    for (family, name), listed in chains.items():
        if (family, name) in OURS:
            continue
        reader = _Rules(family, Sets(sets.get((family, name), {})), quoted.get((family, name), {}))
        parsed = {
            chain: _chain(
                chain,
                body,
                tuple(reader.all(rules.get((family, name, chain), ()))),
                at.get((family, name, chain), ()),
            )
            for chain, body in listed.items()
        }
        made.append(ForeignTable(Backend.NFT, family, name, parsed))
    return tuple(made)


def elements(listing: str, family: str, table: str, name: str) -> Iterator[tuple[str, str]]:
    """Keys and data, where these are single words, of one map."""
    for kind, body in each(loaded(listing)):
        place = (body.get("family"), body.get("table"), body.get("name"))
        if kind == "map" and place == (family, table, name):
            for one in items(body.get("elem")):
                pair = items(one)
                if len(pair) == 2:
                    yield text(key_of(pair[0])), text(pair[1])


def quotes(words: str) -> dict[tuple[str, str], dict[int, str]]:
    """A textual listing's rules, by table and handle."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    table = ("", "")
    for line in words.splitlines():
        if match := _TABLE.match(line):
            table = (match[1], match[2])
        elif (match := _HANDLE.match(line)) and not _CHAIN.match(line):
            found.setdefault(table, {}).setdefault(int(match[2]), match[1])
    return found


def devices(words: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """The devices of base chains, by table and chain: nft 1.0.6 does not tell them in JSON."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    table, chain = ("", ""), ""
    for line in words.splitlines():
        if match := _TABLE.match(line):
            table = (match[1], match[2])
        elif match := _CHAIN.match(line):
            chain = match[1]
        elif match := _DEVICES.search(line):
            names = match[1].strip("{} ").split(",")
            found[(*table, chain)] = tuple(name.strip().strip('"') for name in names)
    return found


def _chain(name: str, body: Json, rules: tuple[ForeignRule, ...], on: tuple[str, ...]) -> ForeignChain:
    policy = Does.DROP if body.get("policy") == "drop" else Does.ACCEPT
    return ForeignChain(
        name,
        rules,
        text(body.get("hook")),
        text(body.get("type")) or "filter",
        number(body.get("prio")) or 0,
        policy,
        tuple(text(one) for one in items(body.get("dev"))) or on,
    )


class _Rules:
    """The rules of one table."""

    def __init__(self, family: str, sets: Sets, quoted: Mapping[int, str]) -> None:
        self._family, self._sets, self._quoted = family, sets, quoted

    def all(self, bodies: Sequence[Json]) -> Iterator[ForeignRule]:
        for body in bodies:
            handle = number(body.get("handle")) or 0
            rule = ForeignRule(self._quoted.get(handle, f"handle {handle}"), (), Action(Does.NEXT), handle)
            yield from self._rule(rule, items(body.get("expr")))

    def _rule(self, rule: ForeignRule, statements: Sequence[object]) -> Iterator[ForeignRule]:
        """One rule for most; one for each element where a verdict map decides."""
        for statement in statements:
            kind, body = ("accept", None) if statement == "accept" else single(statement)
            if kind == "vmap":
                yield from self._mapped(rule, mapping(body))
                return
            rule = self._with(rule, kind, body)
        yield rule

    def _with(self, rule: ForeignRule, kind: str, body: object) -> ForeignRule:
        if kind == "match":
            return replace(rule, tests=(*rule.tests, *test_of(mapping(body), self._family, self._sets)))
        if kind == "mangle":
            return replace(rule, marks=rule.marks or "mark" in str(mapping(body).get("key")))
        if kind in _CALLS or kind in _CONSTANT:
            return replace(rule, action=_action(kind, body))
        if kind in _HARMLESS or (kind == "set" and mapping(body).get("op") != "delete"):
            return rule
        if kind in _LIMITS:
            return replace(rule, tests=(*rule.tests, CANNOT_TELL))
        # An extension of iptables, or something newer than us: it may match, and may be the verdict.
        return replace(rule, understood=False, action=_or_unknown(rule.action))

    def _mapped(self, rule: ForeignRule, body: Json) -> Iterator[ForeignRule]:
        fields, implied = operand(body.get("key"), self._family)
        listed = self._sets.pairs(body.get("data"))
        rule = replace(rule, tests=(*rule.tests, *implied))
        if listed is None or len(listed) > _LARGEST:
            yield replace(rule, action=Action(Does.UNKNOWN), understood=False)
            return
        for key, verdict in listed:
            values: tuple[tuple[Value, ...], ...] | None = self._sets.values(key, fields)
            test = CANNOT_TELL if values is None else Test(fields, values)
            kind, target = single(verdict)
            yield replace(rule, tests=(*rule.tests, test), action=_action(kind, target))


def _action(kind: str, body: object) -> Action:
    if kind in _CALLS:
        return Action(_CALLS[kind], text(mapping(body).get("target")))
    return Action(Does.NEXT if kind in _HARMLESS else _CONSTANT.get(kind, Does.UNKNOWN))


def _or_unknown(action: Action) -> Action:
    return Action(Does.UNKNOWN) if action.does is Does.NEXT else action
