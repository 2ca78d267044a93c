"""Wrong passwords, counted: whoever guesses has to wait, and nobody else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE: Final = 8
"""Wrong ones in a row that cost no waiting."""
LONGEST_S: Final = 64.0
_FORGOTTEN_S: Final = 900.0
_MOST: Final = 10_000
"""Guessers remembered; beyond that the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: float


class Attempts:
    """By who guesses and whose password; `now` is in seconds, of any clock that only goes forward."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, who: str, whose: str, now: float) -> float:
        """Seconds until the next attempt is heard; 0: at once."""
        with self._lock:
            known = self._known(who, whose, now)
        if known is None or known.count < FREE:
            return 0.0
        return max(0.0, known.last + _pause_s(known.count) - now)

    def failed(self, who: str, whose: str, now: float) -> None:
        with self._lock:
            known = self._known(who, whose, now)
            self._failures[who, whose] = _Failures(1 if known is None else known.count + 1, now)
            self._failures.move_to_end((who, whose))
            if len(self._failures) > _MOST:
                self._failures.popitem(last=False)

    def succeeded(self, who: str, whose: str) -> None:
        with self._lock:
            self._failures.pop((who, whose), None)

    def _known(self, who: str, whose: str, now: float) -> _Failures | None:
        known = self._failures.get((who, whose))
        return known if known is not None and now - known.last < _FORGOTTEN_S else None


def _pause_s(count: int) -> float:
    return float(min(LONGEST_S, 2.0 ** (count - FREE)))
