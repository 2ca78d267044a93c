"""Quality of service: what the rules of a policy ask of hosts, and what hosts do.

Directions are the guest's: ingress is what it gets, egress what it sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netwright.model.ids import QosPolicyId
from netwright.model.intent import Direction

DSCP_MARKS: Final = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56)
"""What the Networking API takes: class selectors, assured and expedited forwarding (RFC 2474, 2597, 3246)."""


@dataclass(frozen=True, slots=True)
class BandwidthLimit:
    """kbit/s and kbit; a limit of 0 limits nothing, a burst of 0 is as small as goes well."""

    max_kbps: int
    max_burst_kbps: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class PacketRateLimit:
    """Thousands of packets a second, and thousands of packets; 0 as above."""

    max_kpps: int
    max_burst_kpps: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class DscpMark:
    """Written into all that a guest sends: 0 to 63 (RFC 2474)."""

    mark: int


QosRule = BandwidthLimit | PacketRateLimit | DscpMark


@dataclass(frozen=True, slots=True)
class QosPolicy:
    """What of a policy hosts act on."""

    id: QosPolicyId
    rules: tuple[QosRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A rate that is not exceeded for longer than a burst takes: octets a second, and octets.

    A burst of 0: as small as goes well.
    """

    rate: int
    burst: int = 0


@dataclass(frozen=True, slots=True)
class PacketRate:
    """Packets a second, and how many may come at once."""

    rate: int
    burst: int
