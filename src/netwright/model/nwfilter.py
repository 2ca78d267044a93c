"""What the nwfilter engine's renderers and drivers agree on: names, UUIDs, marks."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

OURS: Final = "netwright-"
"""How the names of our filters start."""
BOUND: Final = "bound"
"""The nftables set of links whose filter has been seen in force; its elements are the bindings' driver's."""
PORT_MARK: Final = "p"
"""How the mark of a port's own filter starts, among those of the filters that it takes in."""
_NAMES: Final = UUID("6f1d0f0c-63a5-4b53-8d5e-1a3f6ff0c2b7")


def uuid_of(name: str) -> str:
    """The UUID that a filter of that name has if it is ours."""
    return str(uuid5(_NAMES, name))


def is_ours(name: str, uuid: str) -> bool:
    """Whether a filter's name and UUID agree."""
    return name.startswith(OURS) and uuid == uuid_of(name)
