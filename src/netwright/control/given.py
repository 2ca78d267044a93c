"""Parts of a request that may be left out, apart from those that are given as nothing."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeVar

V = TypeVar("V")


class Unset(Enum):
    """The type of UNSET: not given."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


def given(value: V | Literal[Unset.UNSET], otherwise: V) -> V:
    """The value, or what stands in for it where it was not given."""
    return otherwise if value is UNSET else value
