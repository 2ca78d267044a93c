"""QoS policies as limits and marks of single ports and floating IPs."""

from __future__ import annotations

from typing import Final

from netwright.model.ids import QosPolicyId
from netwright.model.intent import Direction, FloatingIp, Network, Port
from netwright.model.plan import PortQosItem
from netwright.model.qos import Bandwidth, BandwidthLimit, DscpMark, PacketRate, PacketRateLimit, QosPolicy

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


def policy_of_floating(floating: FloatingIp, external: Network) -> QosPolicyId | None:
    """The floating IP's own, else that of the network that its address is from."""
    return floating.qos_policy_id or external.qos_policy_id


def item(port: Port, network: Network, policy: QosPolicy) -> PortQosItem | None:
    """What a host does for a plugged port; None where the policy asks nothing of a host."""
    marks = [rule.mark for rule in policy.rules if isinstance(rule, DscpMark)]
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
    for rule in policy.rules:
        if isinstance(rule, BandwidthLimit) and rule.direction is direction and rule.max_kbps:
            return Bandwidth(rule.max_kbps * _KBIT, rule.max_burst_kbps * _KBIT)
    return None


def _packets(policy: QosPolicy, direction: Direction) -> PacketRate | None:
    for rule in policy.rules:
        if isinstance(rule, PacketRateLimit) and rule.direction is direction and rule.max_kpps:
            rate = rule.max_kpps * _THOUSAND
            return PacketRate(rate, rule.max_burst_kpps * _THOUSAND or rate // _BURST_SHARE)
    return None
