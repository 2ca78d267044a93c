"""Quality of service: policies, and what their rules say of a port's traffic.

Directions are the guest's: ingress is what it gets, egress what it sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from netwright.model.ids import ProjectId, QosPolicyId, QosRuleId
from netwright.model.intent import Direction

DSCP_MARKS: Final = frozenset(
    {0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56}
)
"""What the Networking API takes: class selectors, assured and expedited forwarding (RFC 2474, 2597, 3246)."""


class QosKind(StrEnum):
    """The Networking API's types of QoS rules."""

    BANDWIDTH_LIMIT = "bandwidth_limit"
    DSCP_MARKING = "dscp_marking"
    MINIMUM_BANDWIDTH = "minimum_bandwidth"
    PACKET_RATE_LIMIT = "packet_rate_limit"
    MINIMUM_PACKET_RATE = "minimum_packet_rate"


class QosWay(StrEnum):
    """A rule's direction; ANY is a minimum packet rate's alone, NONE a mark's, which is for what is sent."""

    INGRESS = "ingress"
    EGRESS = "egress"
    ANY = "any"
    NONE = ""


@dataclass(frozen=True, slots=True)
class QosRule:
    """`amount`: kbit/s, thousands of packets a second, or the mark. `burst`: kbit or thousands of packets.

    A burst of 0 is the limit's own default.
    """

    id: QosRuleId
    policy_id: QosPolicyId
    kind: QosKind
    amount: int
    burst: int = 0
    way: QosWay = QosWay.EGRESS


@dataclass(frozen=True, slots=True)
class QosPolicy:
    """`is_default`: new networks of the project have it where none is named."""

    id: QosPolicyId
    project_id: ProjectId
    name: str
    description: str = ""
    is_default: bool = False
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


def way_of(direction: Direction) -> QosWay:
    """A direction as rules have it."""
    return QosWay(direction.value)
