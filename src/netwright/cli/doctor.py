"""`netwright doctor`: whether other people's rules let netwright's traffic pass, and how to make them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import click

from netwright.agent.doctor import Diagnosis, examine
from netwright.cli.command import Call, command
from netwright.cli.errors import Exit
from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.output import print_document, print_items, print_lines
from netwright.model.errors import NetwrightError
from netwright.render.foreign import Finding, Row, Verdict, line

_HELP: Final = """Find what stands in the way of netwright's traffic on this host.

Walks the rules of others (nftables, iptables, ebtables) and the kernel's switches for each kind of traffic
that netwright carries here, and tells what drops it and the command that lets it through.

Reads the kernel only: neither server nor agent need run. Changes nothing. Run it as root on the host.

Exit code 0 if nothing is certainly in the way, 1 if something is. What may be is shown in both cases.

\b
Examples:
  netwright doctor
  netwright doctor --format json
  netwright doctor --fix-commands
"""


def _run(call: Call) -> int:
    if os.geteuid() != 0:
        raise NetwrightError(
            "doctor reads the kernel's tables: run it as root, in the host's network namespace"
        )
    found = examine()
    code = Exit.FAILED if any(row.verdict is Verdict.DROPPED for row in found.rows) else Exit.OK
    if call.flag("fix_commands"):
        print_lines(*_commands(found))
    elif call.style.format in {"json", "yaml"}:
        print_document(_document(found), call.style)
    else:
        _print(found, call)
    return code


def _commands(found: Diagnosis) -> dict[str, None]:
    """Of what certainly is in the way: each once, in the order of the rows."""
    certain = (one for row in found.rows for one in row.findings if one.certain)
    return {line(fix): None for one in certain for fix in one.fixes}


def _document(found: Diagnosis) -> Item:
    return {
        "ok": not any(row.verdict is Verdict.DROPPED for row in found.rows),
        "traffic": [_row(row) for row in found.rows],
        "not_read": list(found.unread),
    }


def _row(row: Row) -> Item:
    return {
        "traffic": row.traffic.kind.value,
        "about": row.traffic.about,
        "bridge": row.traffic.bridge,
        "ip_version": row.traffic.version,
        "verdict": row.verdict.value,
        "findings": [_finding(one) for one in row.findings],
    }


def _finding(one: Finding) -> Item:
    return {
        "certain": one.certain,
        "owner": one.owner,
        "place": one.place,
        "rule": one.rule,
        "why": one.why,
        "packets": list(one.labels),
        "fix": [line(fix) for fix in one.fixes],
    }


def _print(found: Diagnosis, call: Call) -> None:
    print_items([_line(row) for row in found.rows], _TRAFFIC, call.style)
    if call.style.columns or call.style.format == "value" or call.style.quiet:
        return
    if not found.rows:
        print_lines("There is no network of netwright's in this namespace.")
    print_lines(*_reasons(found), *(f"Not read: {one}" for one in found.unread))


def _line(row: Row) -> Item:
    return {
        "id": f"{row.traffic.kind.value} {row.traffic.about} {row.traffic.version}",
        "traffic": row.traffic.kind.value,
        "about": row.traffic.about,
        "ip_version": row.traffic.version,
        "verdict": row.verdict.value,
        "by": [
            " ".join(filter(None, (one.place, f"({one.owner})" if one.owner else ""))) for one in row.findings
        ],
    }


def _reasons(found: Diagnosis) -> Iterator[str]:
    """Each thing in the way once, however much traffic it stops; the certain ones first."""
    reasons: dict[tuple[str, str], list[tuple[Row, Finding]]] = {}
    for row in found.rows:
        for one in row.findings:
            reasons.setdefault((one.place, one.rule), []).append((row, one))
    for met in sorted(reasons.values(), key=lambda met: not any(one.certain for _, one in met)):
        first = met[0][1]
        certain = any(one.certain for _, one in met)
        yield ""
        yield f"{'✗' if certain else '?'} {first.place}: {first.rule}"
        yield f"  {first.why if certain else f'may match: {first.why}'}"
        if first.owner:
            yield f"  whose: {first.owner}"
        for row, one in met:
            labels = f" ({', '.join(one.labels)})" if one.labels else ""
            yield f"  stops: {row.traffic.kind.value}, {row.traffic.about}, IPv{row.traffic.version}{labels}"
        for fix in {line(fix): None for _, one in met for fix in one.fixes}:
            yield f"  $ {fix}"


_TRAFFIC: Final = Noun(
    word="traffic",
    singular="traffic",
    columns=(
        Column("TRAFFIC", "traffic"),
        Column("ON", "about"),
        Column("IP", "ip_version"),
        Column("VERDICT", "verdict"),
        Column("BY", "by"),
    ),
)

main: Final = command(
    "doctor",
    [click.Option(["--fix-commands"], is_flag=True, help="Print only the commands that let it through.")],
    _run,
    _HELP,
)
