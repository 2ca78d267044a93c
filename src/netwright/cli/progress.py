"""A spinner on stderr for what takes over a second, where a person is watching."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from netwright.cli.text import escaped

_PATIENCE: Final = 1.0
"""Seconds."""


class Progress:
    """Only the outermost of nested waits is shown."""

    def __init__(self) -> None:
        self._shown = False

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Shows `what` while the block runs longer than a second, if stderr is a terminal."""
        if self._shown or not sys.stderr.isatty():
            yield
            return
        self._shown, done = True, threading.Event()
        thread = threading.Thread(target=_spin, args=(what, done), name="spinner", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._shown = False


def _spin(what: str, done: threading.Event) -> None:
    if done.wait(_PATIENCE):
        return
    from rich.console import Console  # noqa: PLC0415  # 50 ms that quick commands need not spend
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status(Text(escaped(what))):
        done.wait()
