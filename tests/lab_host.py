"""A lab with a guest on a host network, whose host strangers meddle with."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import run


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
