"""Keys and values of every stage without their types: stages are handled alike from here on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from netwright.model.host import Stage

ByStage = Mapping[Stage, Mapping[Hashable, object]]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def untyped(typed: Mapping[K, V]) -> Mapping[Hashable, object]:
    """One stage's part."""
    return dict[Hashable, object](typed.items())
