"""The one shape of everything that touches the kernel: look, write, remove."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Driver(Protocol[K, V]):
    """Owns one kind of kernel object on this host, and nothing else.

    Each method raises KernelRefusedError when the kernel, or a helper that speaks for it, says no.
    """

    def observe(self, keys: Collection[K] | None = None) -> Mapping[K, V]:
        """What there is of ours: everything, or, with keys, only what is found under those."""

    def put(self, items: Mapping[K, V]) -> None:
        """Makes each key have its value, whatever was there; all in as few messages as possible."""

    def remove(self, keys: Collection[K]) -> None:
        """Takes each key away; a key that is not there is no error."""


def wide(driver: Driver[K, V]) -> Driver[Hashable, object]:
    """A driver among drivers: the loop hands each only what was rendered for its own stage."""
    return driver  # type: ignore[return-value]  # narrower keys than declared: kept by the stages
