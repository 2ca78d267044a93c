"""What this process remembers of proofs, until one may have come to mean something else."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

_MOST: Final = 4096
_LOOK_S: Final = 1.0
"""How long another process's change may go unnoticed."""


class Identities:
    """The number of the state of identity, as far as this process has seen."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()
        self._revision: int | None = None
        self._looked = float("-inf")

    def changed(self) -> None:
        """Nothing remembered holds any more."""
        with self._lock:
            self.number += 1

    def look(self, revision: Callable[[], int]) -> int:
        """The number now; the database's revision is asked for now and then, for what others changed."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            found = revision()
            with self._lock:
                if found != self._revision:
                    self.number += 1
                self._revision, self._looked = found, now
        return self.number


class Known(Generic[V]):
    """Values by digest, each remembered while the number is what it was when it was found out."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[int, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, number: int) -> V | None:
        held = self._held.get(digest)
        return held[1] if held is not None and held[0] == number else None

    def put(self, digest: str, number: int, value: V) -> None:
        with self._lock:
            self._held[digest] = (number, value)
            self._held.move_to_end(digest)
            if len(self._held) > _MOST:
                self._held.popitem(last=False)
