"""The demo: the end-to-end test of one host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.testing import lab as labs
from netwright.testing.demo_steps import STEPS
from netwright.testing.lab import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")
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
