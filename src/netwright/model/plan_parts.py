"""Parts of a plan's items that are values by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from netwright.model.ids import LinkName, PortId
from netwright.model.intent import Ports


class Gateway(StrEnum):
    """Where the gateway of a host network is, as one host sees it."""

    EVERY = "every"
    """Here, as on every host."""
    OWN = "own"
    """Here, at an address that no other host has; others have theirs."""
    ONLY = "only"
    """Here alone, for the guests of all hosts."""
    ELSEWHERE = "elsewhere"
    """On another host: here is a bridge, and nothing of the host's own on it."""


@dataclass(frozen=True, slots=True)
class VlanPlan:
    """A device for a VLAN: the physical link below it, and the VLAN's number."""

    parent: LinkName
    id: int


@dataclass(frozen=True, slots=True)
class PortForward:
    """Ports of a floating IP that are a guest's: each the one of its place, or all of them one."""

    protocol: str
    """One of intent.FORWARDED."""
    external: Ports
    port_id: PortId
    address: IPv4Address
    """The guest's own."""
    internal: Ports
