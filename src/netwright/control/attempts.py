"""Wrong passwords, counted: whoever guesses has to wait, and nobody else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

FREE: Final = 8
"""Wrong ones in a row that cost no waiting."""
LONGEST_S: Final = 64.0
_FORGOTTEN_S: Final = 900.0
_LINK: Final = 64
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
        who = place_of(who)
        with self._lock:
            known = self._known(who, whose, now)
        if known is None or known.count < FREE:
            return 0.0
        return max(0.0, known.last + _pause_s(known.count) - now)

    def failed(self, who: str, whose: str, now: float) -> None:
        who = place_of(who)
        with self._lock:
            known = self._known(who, whose, now)
            self._failures[who, whose] = _Failures(1 if known is None else known.count + 1, now)
            self._failures.move_to_end((who, whose))
            if len(self._failures) > _MOST:
                self._failures.popitem(last=False)

    def succeeded(self, who: str, whose: str) -> None:
        with self._lock:
            self._failures.pop((place_of(who), whose), None)

    def _known(self, who: str, whose: str, now: float) -> _Failures | None:
        known = self._failures.get((who, whose))
        return known if known is not None and now - known.last < _FORGOTTEN_S else None


def place_of(who: str) -> str:
    """Addresses that one client can have at will are one: this host's own, and those of an IPv6 /64."""
    try:
        address = ip_address(who)
    except ValueError:
        return who
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return "loopback"
    return str(IPv6Network((int(address), _LINK), strict=False) if address.version == 6 else address)


def _pause_s(count: int) -> float:
    return float(min(LONGEST_S, 2.0 ** (count - FREE)))
