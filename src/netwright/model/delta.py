"""What has to change for the observed state to become the desired state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Delta(Generic[K, V]):
    """`put` is missing or wrong and must be written; `remove` is ours and unwanted."""

    put: Mapping[K, V]
    remove: frozenset[K]

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)


def diff(desired: Mapping[K, V], observed: Mapping[K, V]) -> Delta[K, V]:
    """Compare whole states; values decide for themselves what makes them equal."""
    return Delta(
        put={key: value for key, value in desired.items() if key not in observed or observed[key] != value},
        remove=frozenset(observed.keys() - desired.keys()),
    )
