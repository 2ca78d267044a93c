"""Threads and processes of one network namespace take turns at what must not be done by two at once.

Who has the turn holds a name in the abstract namespace of Unix sockets, which is the network namespace's own:
it goes with its holder, however that ends, and nothing is left on disk.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from netwright.model.errors import KernelRefusedError

_PAUSE: Final = 0.01
_PATIENCE: Final = 60.0
"""Seconds; longer than any of the tools that are run meanwhile may take."""


@contextmanager
def turn(at: str, patience: float = _PATIENCE) -> Iterator[None]:
    """Nobody else in the calling thread's namespace does the same until the block ends.

    `patience`: seconds to wait. Raises KernelRefusedError when they are over. Not to be nested with the same
    name: a thread would wait for itself.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)) as claim:
        until = time.monotonic() + patience
        while not _taken(claim, at):
            if time.monotonic() > until:
                raise KernelRefusedError(at, f"someone else has been at it for {patience:g} s")
            time.sleep(_PAUSE)
        yield


def _taken(claim: socket.socket, at: str) -> bool:
    try:
        claim.bind(f"\0netwright-turn-{at}")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True
