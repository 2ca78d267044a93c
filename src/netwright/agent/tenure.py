"""Who fills netwright's tables in a network namespace: one agent, or netwright.nova's drivers, never both.

Each would sweep what the other made. Who is at work holds a name in the abstract namespace of Unix sockets,
which is the network namespace's own and goes with its holder, however that ends. What remains between two
calls of nova's drivers, or two lives of an agent, is told by the files that both leave.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from netwright.agent.firewall_left import has_left
from netwright.model.errors import ConflictError

NOVA: Final = "nova"
"""The directory of nova's drivers within a run directory."""
_NAME: Final = "\0netwright-firewall"


@contextmanager
def agents_tenure(run_directory: Path) -> Iterator[None]:
    """The calling thread's namespace is the agent's for as long as the block lasts. Raises ConflictError."""
    with _held():
        directory = run_directory / NOVA
        if next(directory.glob("items/port-*"), None) is not None:
            raise ConflictError(
                f"firewall drivers of netwright.nova filter instances here (their plan is in {directory}), "
                "and an agent would sweep their rules: unfilter the instances first, "
                "or remove that directory to have the agent take the host over"
            )
        yield


@contextmanager
def novas_tenure(directory: Path) -> Iterator[None]:
    """It is nova's drivers' meanwhile. Raises ConflictError.

    Callers with the same directory have to keep one another out.
    """
    with _held():
        if has_left(directory.parent):
            raise ConflictError(
                f"a netwright agent has this host (it left {directory.parent / 'firewall'}); its rules would "
                "be swept: stop the agent for good and remove that file, or leave the instances to it"
            )
        yield


@contextmanager
def _held() -> Iterator[None]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as claim:
        try:
            claim.bind(_NAME)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise ConflictError(
                "another netwright agent, or a firewall driver of netwright.nova, is at work in this "
                "network namespace: one of them at a time"
            ) from error
        yield
