"""Which firewall this host's agent last ran with, left in its run directory for whoever looks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from netwright.model.host import DEFAULT_LOG_LIMIT, SYSTEM_LIBVIRT, LogLimit, Traits


class Left(NamedTuple):
    firewall: str
    xtables: str
    log_limit: LogLimit = DEFAULT_LOG_LIMIT
    libvirt: str = SYSTEM_LIBVIRT


def leave(traits: Traits) -> None:
    """The run directory outlives the agent, as the firewall does."""
    directory = Path(traits.directory)
    directory.mkdir(parents=True, exist_ok=True)
    words = (traits.firewall, traits.xtables, traits.log_limit.rate, traits.log_limit.burst, traits.libvirt)
    (directory / "firewall").write_text(" ".join(map(str, words)) + "\n")


def has_left(directory: Path) -> bool:
    """Whether an agent has run with it since the host booted, and not been given up."""
    return (directory / "firewall").is_file()


def left(directory: Path) -> Left:
    """What a host without an agent yet, or with an old one's, is taken to have: nftables."""
    try:
        firewall, xtables, rate, burst, libvirt = (directory / "firewall").read_text().split(maxsplit=4)
        return Left(firewall, xtables, LogLimit(int(rate), int(burst)), libvirt.strip())
    except (OSError, ValueError):
        return Left("nftables", "nft")
