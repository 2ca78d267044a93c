"""What others have on a host to a diagnosis: what of netwright's traffic passes, and what stops it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from netwright.model.foreign import Backend, Does, Field, ForeignChain, ForeignTable, HostScene, Match, Test
from netwright.render.foreign_fixes import Command, fixes
from netwright.render.foreign_iptables import ebtables_tables, iptables_tables
from netwright.render.foreign_nft import nft_tables
from netwright.render.foreign_owners import Owner, owner_of
from netwright.render.foreign_sysctls import switches
from netwright.render.foreign_traffic import Kind, Probe, Step, Traffic, traffic_of
from netwright.render.foreign_verdict import Blow, bases, crossed, meets

_SHARED: Final = frozenset({"filter", "nat", "mangle", "raw", "security"})
"""iptables' tables: of its nft back end nftables has them too, but cannot tell all that they say."""
_CALLS: Final = {4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables"}
_DIVERTIBLE: Final = frozenset({Kind.FLOATING, Kind.TO_HOST})
"""Where an address of the host itself is meant, and sending it elsewhere is not what netwright promised."""


@dataclass(frozen=True, slots=True)
class Listings:
    """Everything as the tools print it; empty where there is nothing or no tool."""

    nft_json: str = ""
    nft_text: str = ""
    saved: tuple[tuple[Backend, str, str], ...] = ()
    """Back end, family, and what iptables-save prints."""
    ebtables: str = ""


class Verdict(StrEnum):
    PASSES = "passes"
    MAY_BE_DROPPED = "may be dropped"
    DROPPED = "is dropped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in the way. `place`: family, table and chain; `labels`: which packets of the traffic."""

    certain: bool
    owner: str
    place: str
    rule: str
    why: str
    labels: tuple[str, ...]
    fixes: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of traffic on one network, and all that is in its way."""

    traffic: Traffic
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        if any(one.certain for one in self.findings):
            return Verdict.DROPPED
        return Verdict.MAY_BE_DROPPED if self.findings else Verdict.PASSES


def tables_of(listings: Listings) -> tuple[ForeignTable, ...]:
    """All foreign tables, iptables' in its own words where it told them."""
    saved = [
        table for backend, family, text in listings.saved for table in iptables_tables(text, backend, family)
    ]
    told = {(one.family, one.name) for one in saved if one.backend is Backend.IPTABLES_NFT}
    native = [
        one for one in nft_tables(listings.nft_json, listings.nft_text) if (one.family, one.name) not in told
    ]
    return (*native, *saved, *ebtables_tables(listings.ebtables))


def is_iptables(family: str, table: str) -> bool:
    """Whether an nftables table is one of iptables' by its name."""
    return family in {"ip", "ip6"} and table in _SHARED


def diagnose(host: HostScene, tables: Sequence[ForeignTable]) -> tuple[Row, ...]:
    """A row for each traffic that there is."""
    return tuple(
        Row(traffic, (*_switched(host, traffic), *_stopped(traffic, tables))) for traffic in traffic_of(host)
    )


def _switched(host: HostScene, traffic: Traffic) -> Iterator[Finding]:
    for one in switches(host, traffic):
        yield Finding(one.certain, "the host's settings", "sysctl", one.text, one.why, (), (one.fix,))


@dataclass(slots=True)
class _Group:
    """The same rule met by several packets."""

    blow: Blow
    certain: bool
    labels: dict[str, None]
    commands: dict[Command, None]


def _stopped(traffic: Traffic, tables: Sequence[ForeignTable]) -> Iterator[Finding]:
    groups: dict[tuple[object, ...], _Group] = {}
    for probe in traffic.probes:
        for step, blow in _blows(traffic, probe, tables):
            key = (_words(blow.table), blow.chain.name, _said(blow), blow.certain)
            group = groups.setdefault(key, _Group(blow, blow.certain, {}, {}))
            group.labels[probe.label] = None
            group.commands.update(dict.fromkeys(fixes(blow, owner_of(blow), traffic, step)))
    for group in groups.values():
        yield _finding(group, traffic)


def _blows(traffic: Traffic, probe: Probe, tables: Sequence[ForeignTable]) -> Iterator[tuple[Step, Blow]]:
    """Whatever strikes on the way; once a mark may have been set, none is known any more."""
    marked = False
    for step in probe.steps:
        for table, base in bases(tables, step.families, step.hook):
            if base.kind == "nat" and not step.new:
                continue
            seen = step.seen_at(base.priority)
            packet = {**seen, Field.MARK: None} if marked else seen
            there = _device(base, step)
            if there is Match.NO:
                continue
            passage = crossed(table, base, packet)
            marked |= passage.marks
            for blow in passage.blows:
                if blow.does is Does.DIVERT and traffic.kind not in _DIVERTIBLE:
                    continue
                sure = blow.certain and there is Match.YES and blow.does is Does.DROP
                yield step, Blow(blow.table, blow.chain, blow.base, blow.rule, blow.does, sure)


def _device(base: ForeignChain, step: Step) -> Match:
    """Whether a chain of one device is on the way."""
    if step.hook not in {"ingress", "egress"}:
        return Match.YES
    if not base.devices:
        return Match.MAYBE if step.links else Match.NO
    return meets(Test((Field.OTHER,), tuple((name,) for name in base.devices)), {Field.OTHER: step.links})


def _finding(group: _Group, traffic: Traffic) -> Finding:
    blow = group.blow
    owner = owner_of(blow)
    words = {Does.DROP: "drops it", Does.DIVERT: "sends it elsewhere"}
    labels = tuple(group.labels) if len(group.labels) < len(traffic.probes) else ()
    why = words.get(blow.does, "does something that netwright does not know")
    if traffic.unasked and blow.table.family in {"ip", "ip6", "inet"}:
        why += (
            f"; it is shown bridged packets by {_CALLS[traffic.version]} = 1, which netwright does not need"
        )
    return Finding(
        group.certain,
        "" if owner is Owner.UNKNOWN else owner.value,
        " ".join((_words(blow.table), blow.chain.name)),
        _said(blow),
        why,
        labels,
        tuple(group.commands),
    )


def _words(table: ForeignTable) -> str:
    named = f"{table.family} {table.name}"
    return named if table.backend is Backend.NFT else f"{table.backend} {named}"


def _said(blow: Blow) -> str:
    if blow.rule is None:
        return "policy drop"
    return f"{blow.rule.text} # handle {blow.rule.handle}" if blow.rule.handle else blow.rule.text


def line(command: Command) -> str:
    """As one types it to a shell."""
    return shlex.join(command)
