"""Which firewall this host's agent last ran with, left in its run directory for whoever looks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from netwright.model.host import Traits


class Left(NamedTuple):
    firewall: str
    xtables: str


def leave(traits: Traits) -> None:
    """The run directory outlives the agent, as the firewall does."""
    directory = Path(traits.directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "firewall").write_text(f"{traits.firewall} {traits.xtables}\n")


def left(directory: Path) -> Left:
    """What a host without an agent yet, or with an old one's, is taken to have: nftables."""
    try:
        firewall, xtables = (directory / "firewall").read_text().split()
    except (OSError, ValueError):
        return Left("nftables", "nft")
    return Left(firewall, xtables)
