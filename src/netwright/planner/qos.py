"""QoS policies as limits and marks of single ports and floating IPs."""

from __future__ import annotations

from typing import Final

from netwright.model.ids import QosPolicyId
from netwright.model.intent import Direction, Network, Port
from netwright.model.plan import PortQosItem
from netwright.model.qos import Bandwidth, PacketRate, QosKind, QosPolicy, QosRule, way_of

_KBIT: Final = 125
"""Octets."""
_THOUSAND: Final = 1000
_BURST_SHARE: Final = 10
"""A packet rate's burst where none is given: a tenth of a second's packets."""


def policy_of(port: Port, network: Network) -> QosPolicyId | None:
    """The port's own, else its network's, which holds for guests' ports only."""
    if port.qos_policy_id is not None or port.device_owner.startswith("network:"):
        return port.qos_policy_id
    return network.qos_policy_id


def item(port: Port, network: Network, policy: QosPolicy) -> PortQosItem | None:
    """What a host does for a plugged port; None where the policy asks nothing of a host."""
    marks = [rule.amount for rule in policy.rules if rule.kind is QosKind.DSCP_MARKING]
    made = PortQosItem(
        id=port.id,
        mtu=network.mtu,
        to_guest=bandwidth(policy, Direction.INGRESS),
        from_guest=bandwidth(policy, Direction.EGRESS),
        packets_to_guest=_packets(policy, Direction.INGRESS),
        packets_from_guest=_packets(policy, Direction.EGRESS),
        dscp=marks[0] if marks else None,
    )
    return None if made == PortQosItem(port.id, network.mtu) else made


def bandwidth(policy: QosPolicy, direction: Direction) -> Bandwidth | None:
    """The policy's limit for one direction."""
    rule = _rule(policy, QosKind.BANDWIDTH_LIMIT, direction)
    return None if rule is None else Bandwidth(rule.amount * _KBIT, rule.burst * _KBIT)


def _packets(policy: QosPolicy, direction: Direction) -> PacketRate | None:
    rule = _rule(policy, QosKind.PACKET_RATE_LIMIT, direction)
    if rule is None:
        return None
    rate = rule.amount * _THOUSAND
    return PacketRate(rate, rule.burst * _THOUSAND or max(rate // _BURST_SHARE, 1))


def _rule(policy: QosPolicy, kind: QosKind, direction: Direction) -> QosRule | None:
    return next((one for one in policy.rules if (one.kind, one.way) == (kind, way_of(direction))), None)
