"""What DHCP servers tell of the addresses that they lease."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from netwright.model.ids import HostName, Mac
from netwright.model.intent import Address


class LeaseChange(StrEnum):
    """What became of a lease."""

    TAKEN = "taken"
    """A client has the address, from now on or still."""
    RELEASED = "released"
    """It was given back, or ran out."""


@dataclass(frozen=True, slots=True)
class LeaseEvent:
    """One client, one address, one moment; events of a host are told in the order in which they happened."""

    change: LeaseChange
    network: str
    """The network's id as its DHCP server knows it; empty: not told."""
    address: Address
    mac: Mac | None = None
    """None: not told, as of DHCPv6 clients whose MAC the server has not seen."""


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """Events of one host, oldest first. After a failure events are told again: the last word counts."""

    host: HostName
    events: tuple[LeaseEvent, ...]
