"""The demo: netwright from an empty host to guests that talk, every step checked.

Run as root: `python -m netwright.testing.demo`. Exit code 0 if all steps hold, 1 if one does not, 130 on
Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netwright.model.errors import NetwrightError
from netwright.testing import lab as labs
from netwright.testing.demo_steps import STEPS, Step
from netwright.testing.demo_world import StepFailedError, World
from netwright.testing.lab import Lab

_LAB: Final = Lab("demo")


@dataclass(frozen=True, slots=True)
class Done:
    """A step's outcome, for the summary."""

    title: str
    ms: float
    ok: bool


class Show:
    """The demo on a terminal, or in a file."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        self._print("", "")
        self._print("", text, "bold")

    def typed(self, command: str, prompt: str = "$") -> None:
        self._print(f"    {prompt} ", command, "cyan")

    def said(self, text: str) -> None:
        for line in text.splitlines():
            self._console.print("    ", Text.from_ansi(line), sep="", soft_wrap=True)

    def result(self, text: str, ms: float) -> None:
        self._print("    ✓ ", f"{text}  ({_duration(ms)})", "green")

    def failure(self, text: str, evidence: str) -> None:
        self._print("    ✗ ", text, "bold red")
        for line in evidence.strip().splitlines():
            self._print("      ", line, "dim")

    def _print(self, before: str, text: str, style: str = "") -> None:
        self._console.print(Text.assemble((before, "dim"), (text, style)), soft_wrap=True)

    def summary(self, rows: Sequence[Done]) -> None:
        table = Table("step", box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
        table.add_column("ms", justify="right")
        table.add_column("ok")
        for row in rows:
            verdict = Text("ok", style="green") if row.ok else Text("FAILED", style="bold red")
            table.add_row(row.title, f"{row.ms:.0f}", verdict)
        self._console.print()
        self._console.print(table)


def run_demo(show: Show, lab: Lab = _LAB, steps: Sequence[Step] = STEPS) -> int:
    """The steps in a fresh lab, up to the first that fails; the exit code."""
    done: list[Done] = []
    begun = time.monotonic()
    show.heading("A host and an internet, in namespaces of their own")
    show.typed(f"netwright lab --name {lab.name}")
    with labs.running(lab) as service, ExitStack() as stack:
        ms = (time.monotonic() - begun) * 1000
        done.append(Done("Lab ready", ms, ok=True))
        show.result(f"netwright runs on {lab.host}, its log is {lab.log}", ms)
        world = World(lab, service, show, stack)
        for number, step in enumerate(steps, start=1):
            show.heading(f"{number}. {step.title}")
            done.append(_run(step, world, show))
            if not done[-1].ok:
                break
    show.summary([*done, Done("in all, with cleaning up", (time.monotonic() - begun) * 1000, ok=done[-1].ok)])
    return 0 if done[-1].ok else 1


def _run(step: Step, world: World, show: Show) -> Done:
    begun = time.monotonic()
    try:
        result = step.run(world)
    except (NetwrightError, OSError, AssertionError) as error:
        ms = (time.monotonic() - begun) * 1000
        seen = error.evidence if isinstance(error, StepFailedError) else ""
        show.failure(str(error), f"{seen}\n{world.evidence()}")
        return Done(step.title, ms, ok=False)
    ms = (time.monotonic() - begun) * 1000
    show.result(result, ms)
    return Done(step.title, ms, ok=True)


def _duration(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def main() -> int:
    """The exit code."""
    console = Console(highlight=False)
    if os.geteuid() != 0:
        console.print("The demo makes network namespaces: run it as root.")
        return 1
    labs.interrupt_on_signals()
    try:
        return run_demo(Show(console))
    except KeyboardInterrupt:
        console.print("\nInterrupted; everything is removed.")
        return 130
    except NetwrightError as error:
        console.print(Text(str(error), style="red"))
        return 1


if __name__ == "__main__":
    sys.exit(main())
