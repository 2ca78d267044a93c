"""A lab with a guest on a host network, whose host strangers meddle with."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import run

SOURCE: Final = Path(__file__).resolve().parents[1] / "src"


@dataclass(frozen=True)
class LabHost:
    """`right`: what `look` sees when all is in place."""

    lab: Lab
    service: subprocess.Popen[bytes]
    look: Callable[[], object]
    right: object

    def run(self, command: str, stdin: str = "") -> str:
        """A shell's command in the host's namespace; what it printed."""
        return run(self.lab.host, ["sh", "-c", command], stdin=stdin).stdout

    def is_right(self) -> bool:
        return self.look() == self.right


@contextmanager
def guest_lab() -> Iterator[tuple[Lab, subprocess.Popen[bytes]]]:
    """A lab with the port `web` of network `blue` plugged into guest `g1`, and its service; not waited for."""
    lab = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(lab) as service:
        labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
        labs.netwright(lab, "port", "create", "web", "--network", "blue")
        labs.add_guest(lab.guest("g1"))
        labs.netwright(lab, "port", "plug", "web", "--netns", lab.guest("g1"))
        yield lab, service


def inspect(lab: Lab, *words: str, where: str = "") -> subprocess.CompletedProcess[str]:
    """`netwright inspect` in the host's namespace, or in that one; the first word is the port."""
    there = ["nsenter", f"--net=/run/netns/{where or lab.host}"]
    return subprocess.run(
        [*there, sys.executable, "-m", "netwright", "inspect", *words[1:], "--", words[0]],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **lab.environment, "PYTHONPATH": str(SOURCE)},
    )
