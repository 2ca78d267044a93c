"""Floating IPs as items."""

from __future__ import annotations

from dataclasses import replace

from netwright.model.intent import Direction, FloatingIp, Network
from netwright.model.plan import FloatingIpItem
from netwright.model.qos import QosPolicy
from netwright.planner.qos import bandwidth


def item(
    floating: FloatingIp, network: Network, external: Network, *, near: bool = True
) -> FloatingIpItem | None:
    """A floating IP whose port, on `network`, is plugged; None where it stands for no port.

    `near`: the port is plugged on the very host.
    """
    if floating.association is None:
        return None
    return FloatingIpItem(
        id=floating.id,
        address=floating.address,
        fixed_address=floating.association.fixed_address,
        port_id=floating.association.port_id,
        network_id=network.id,
        zone=network.zone,
        uplink=external.uplink,
        on_wire=near and network.uplink is not None,
    )


def limited(item: FloatingIpItem, policy: QosPolicy) -> FloatingIpItem:
    """With the policy's bandwidth limits; what it says of packets is for ports alone."""
    comes, goes = bandwidth(policy, Direction.INGRESS), bandwidth(policy, Direction.EGRESS)
    return replace(item, comes=comes, goes=goes)
