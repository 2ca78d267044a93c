"""The demo: the end-to-end test of one host."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from netwright.testing import lab as labs
from netwright.testing.demo import Show, run_demo
from netwright.testing.demo_steps import STEPS, Step
from netwright.testing.demo_world import World, check
from netwright.testing.lab import Lab

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
DEMO = [sys.executable, "-m", "netwright.testing.demo"]


@pytest.mark.timeout(200)
def test_every_step_of_the_demo_holds() -> None:
    """The demo ends with exit code 0, every step in its summary, within three minutes, and nothing left."""
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=180, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout[done.stdout.rindex("step ") :]
    for step in STEPS:
        assert step.title in summary
    assert "FAILED" not in summary
    assert labs.leftovers(Lab("demo")) == []


def test_an_interrupted_demo_leaves_nothing() -> None:
    """Ctrl-C in the midst of a step ends the demo with exit code 130 and removes everything."""
    process = subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, text=True, env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "port plug web1" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert labs.leftovers(Lab("demo")) == []


def test_a_failed_step_ends_the_demo_with_evidence() -> None:
    """The first step that does not hold is the last: exit code 1, what was seen, the log, and nothing left."""

    def broken(world: World) -> str:
        check(holds=False, promise="pigs fly", evidence="they walk")
        return world.lab.name

    shown, lab = io.StringIO(), Lab(f"t{os.getpid()}")
    steps = [Step("Pigs", broken), Step("Never", lambda world: world.lab.name)]
    assert run_demo(Show(Console(file=shown, width=200)), lab, steps) == 1
    text = shown.getvalue()
    assert "it does not hold that pigs fly" in text
    assert "they walk" in text
    assert "api_listening" in text
    assert "Never" not in text
    assert labs.leftovers(lab) == []
