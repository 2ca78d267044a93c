"""`netwright inspect`: the path that a port's packets take, hop by hop, and whether each is as planned."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from netwright.agent.inspection import Count, Inspection, Picture, Seen, State
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.errors import Exit
from netwright.cli.find import find
from netwright.cli.nouns import PORT, Item
from netwright.cli.output import print_document
from netwright.cli.service import RUN_DIRECTORY
from netwright.cli.text import cell, escaped
from netwright.model.errors import InvalidError, NetwrightError
from netwright.model.ids import PortId
from netwright.model.plan import HostPlan
from netwright.wire.codec import decode_update

_HELP: Final = """Show the path that a port's packets take on this host.

Each hop with its real name, whether it is as the plan says, its counters, and the command that shows it.

Looks only, changes nothing. Run it as root on the port's host. Exit code 1 if anything differs from the plan.

\b
Examples:
  netwright inspect web1
  netwright inspect web1 --format json
"""
_SIGNS: Final = {State.OK: ("●", "green"), State.DIFFERENT: ("◆", "red"), State.MISSING: ("✗", "bold red")}
_TITLE: Final = 13
_INDENT: Final = "  │" + " " * (_TITLE + 1)


def _run(call: Call) -> int:
    if os.geteuid() != 0:
        raise NetwrightError(
            "inspect reads the kernel's tables: run it as root, in the host's network namespace"
        )
    port = find(call.client, PORT, call.required("reference"))
    host = port.get("binding:host_id")
    if not host:
        raise InvalidError(f"port {cell(port['name'])} is on no host: netwright port plug", "port")
    plan = _plan(call, str(host))
    with closing(Inspection(Path(call.required("run_dir")))) as inspection:
        if not inspection.is_host():
            raise NetwrightError(
                f"netwright's tables are not in this network namespace: run this on host {host}; "
                "in a lab, with: nsenter --net=/run/netns/nwlab-NAME-host"
            )
        picture = inspection.look(plan, PortId(str(port["id"])))
    if picture is None:
        raise InvalidError(f"port {cell(port['name'])} has no link on {host}: netwright port plug", "port")
    if call.style.format in {"json", "yaml"}:
        print_document(_document(picture, plan, inspection.firewall), call.style)
    else:
        _draw(picture, plan, inspection.firewall)
    return Exit.OK if picture.ok else Exit.FAILED


def _plan(call: Call, host: str) -> HostPlan:
    line = call.client.request("GET", "/v1/plan", query=[("host", host)])
    update = decode_update(json.dumps(line).encode())
    if not isinstance(update, HostPlan):
        raise NetwrightError("the server answered with no plan")
    return update


def _document(picture: Picture, plan: HostPlan, firewall: str) -> Item:
    port = picture.path.port
    return {
        "port": {
            "id": port.id,
            "name": port.name,
            "mac": port.mac,
            "addresses": [str(fixed.address) for fixed in port.addresses],
            "floating_ips": [str(one.address) for one in picture.path.floating],
            "network_id": port.network_id,
        },
        "host": plan.host,
        "firewall": firewall,
        "generation": plan.generation,
        "ok": picture.ok,
        "hops": [_hop(one) for one in picture.seen],
    }


def _hop(seen: Seen) -> Item:
    return {
        "part": seen.hop.part.value,
        "name": seen.hop.name,
        "state": seen.state.value,
        "planned": seen.hop.note,
        "found": list(seen.facts),
        "problems": list(seen.problems),
        "counters": [
            {"chain": one.chain, "rule": one.rule, "packets": one.packets, "bytes": one.bytes}
            for one in seen.counts
        ],
        "command": shlex.join(seen.hop.command),
    }


def _draw(picture: Picture, plan: HostPlan, firewall: str) -> None:
    console = Console(highlight=False, soft_wrap=True, no_color=None if sys.stdout.isatty() else True)
    port = picture.path.port
    addresses = ", ".join(str(fixed.address) for fixed in port.addresses)
    console.print(Text(f"{escaped(port.name) or port.id}  {addresses}  {port.mac}", style="bold"))
    console.print(
        f"on {plan.host}, firewall {escaped(firewall)}, plan generation {plan.generation}\n", markup=False
    )
    for number, seen in enumerate(picture.seen):
        if number:
            console.print("  │", style="dim")
        for line in _lines(seen):
            console.print(line)
    right = sum(1 for seen in picture.seen if seen.state is State.OK)
    verdict = f"\n{right} of {len(picture.seen)} hops are as the plan says."
    console.print(Text(verdict, style="green" if picture.ok else "bold red"))


def _lines(seen: Seen) -> list[Text]:
    sign, style = _SIGNS[seen.state]
    title = f" {seen.hop.part.value:<{_TITLE}}"
    head = Text.assemble("  ", (sign, style), title, (escaped(seen.hop.name), "bold"))
    notes = (seen.hop.note, *seen.facts, *_counters(seen.counts))
    return [
        head,
        *(Text(_INDENT + escaped(line)) for line in notes),
        *(Text(_INDENT + escaped(line), style="red") for line in seen.problems),
        Text(f"{_INDENT}$ {escaped(shlex.join(seen.hop.command))}", style="cyan"),
    ]


def _counters(counts: Sequence[Count]) -> Iterator[str]:
    """A line for each rule that counts; those that drop, and never had to, in one."""
    idle = [one for one in counts if one.rule.endswith("drop") and not one.packets]
    for one in counts:
        if one not in idle:
            met = f"{one.packets:>7} packet{'s' if one.packets != 1 else ' '}, {one.bytes} bytes"
            yield f"{met}  {one.chain}: {one.rule.replace('counter ', '')}"
    if idle:
        drops = sum(1 for one in counts if one.rule.endswith("drop"))
        yield "nothing dropped" + (" by the other rules" if len(idle) < drops else "")


main: Final = command(
    "inspect",
    [
        reference_argument(PORT),
        click.Option(
            ["--run-dir"],
            default=RUN_DIRECTORY,
            envvar="NETWRIGHT_RUN_DIR",
            show_default=True,
            show_envvar=True,
            help="Where the agent's helper daemons keep their files.",
        ),
    ],
    _run,
    _HELP,
)
