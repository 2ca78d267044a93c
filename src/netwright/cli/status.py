"""`netwright status`: whether every host is what it should be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from netwright.cli.command import Call, command
from netwright.cli.errors import Exit
from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.output import print_document, print_items, print_lines
from netwright.cli.text import cell
from netwright.model.report import StageFailure

_SILENT_AFTER: Final = 60.0
"""Seconds without a report after which a host counts as lost."""
_HELP: Final = """Show every host, what is pending there, and what the server holds.

Exit code 1 if a host has not converged, or is neither connected nor was heard of within 60 seconds.
"""


@dataclass(frozen=True, slots=True)
class Host:
    """One host as the server last heard of it; `last_seen` as the server writes it."""

    name: str
    last_seen: object
    watching: bool
    generation: int
    converged: bool
    failures: tuple[StageFailure, ...]
    firewall: str

    def seen_within(self, now: float, seconds: float = _SILENT_AFTER) -> bool:
        """`now` in seconds since 1970."""
        seen = _epoch(self.last_seen)
        return self.watching or (seen is not None and now - seen <= seconds)

    def well(self, now: float) -> bool:
        return self.converged and self.seen_within(now)


def hosts_of(status: Item) -> list[Host]:
    """The hosts in what GET /v1/status says."""
    return [
        Host(
            name=str(one.get("name")),
            last_seen=one.get("last_seen"),
            watching=one.get("watching") is True,
            generation=_count(one.get("generation")),
            converged=one.get("converged") is True,
            failures=tuple(
                StageFailure(str(failed.get("stage")), str(failed.get("said")), _count(failed.get("pending")))
                for failed in _mappings(one.get("failures"))
            ),
            firewall=_firewall(one.get("facts")),
        )
        for one in _mappings(status.get("hosts"))
    ]


def _run(call: Call) -> int:
    status, now = call.client.status(), time.time()
    hosts = hosts_of(status)
    code = Exit.OK if all(host.well(now) for host in hosts) else Exit.FAILED
    if call.style.format in {"json", "yaml"}:
        print_document(status, call.style)
        return code
    rows = [_row(host, now) for host in hosts]
    print_items(rows, _HOST, call.style)
    if call.style.tabular and not call.style.columns and call.style.format != "value":
        print_lines(*(() if hosts else ("No host has reported yet: is `netwright agent` running?",)))
        print_lines("", _counts(status), f"netwright {cell(status.get('version'))}")
    return code


def _row(host: Host, now: float) -> Item:
    pending = [{one.stage: f"{one.said} ({one.pending} pending)"} for one in host.failures]
    return {
        "id": host.name,
        "name": host.name,
        "converged": host.converged,
        "generation": host.generation,
        "firewall": host.firewall,
        "seen": _seen(host, now),
        "pending": pending,
        "state": "ok" if host.well(now) else ("lost" if not host.seen_within(now) else "pending"),
    }


def _seen(host: Host, now: float) -> str:
    if host.watching:
        return "connected"
    seen = _epoch(host.last_seen)
    return "never" if seen is None else f"{max(0, round(now - seen))} s ago"


def _counts(status: Item) -> str:
    counts = status.get("counts")
    held = counts.items() if isinstance(counts, Mapping) else ()
    words = [f"{cell(number)} {str(noun).replace('_', ' ').replace(' ips', ' IPs')}" for noun, number in held]
    return ", ".join([f"Generation {cell(status.get('generation'))}", *words])


def _epoch(moment: object) -> float | None:
    """Seconds since 1970 of a number or an ISO 8601 text (UTC where it names no zone)."""
    if isinstance(moment, int | float):
        return float(moment)
    try:
        read = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _firewall(facts: object) -> str:
    return cell(facts.get("firewall")) if isinstance(facts, Mapping) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _mappings(value: object) -> Iterator[Item]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping):
            yield one


_HOST: Final = Noun(
    word="host",
    singular="host",
    columns=(
        Column("HOST", "name"),
        Column("STATE", "state"),
        Column("CONVERGED", "converged"),
        Column("GENERATION", "generation"),
        Column("FIREWALL", "firewall"),
        Column("SEEN", "seen"),
        Column("PENDING", "pending"),
    ),
)


main: Final = command("status", [], _run, _HELP)
