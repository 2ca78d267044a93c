"""Parts of a request that may be left out, apart from those that are given as nothing."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeVar

V = TypeVar("V")


class Unset(Enum):
    """The type of UNSET: not given."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Left = Literal[Unset.UNSET]
"""The type of what was left out."""


def given(value: V | Left, otherwise: V) -> V:
    """The value, or what stands in for it where it was not given."""
    return otherwise if value is UNSET else value
