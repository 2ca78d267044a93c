"""Port forwardings as items, one for each floating IP that has any."""

from __future__ import annotations

from collections.abc import Iterable

from netwright.model.intent import FloatingIp, Network, PortForwarding
from netwright.model.plan import ForwardsItem
from netwright.model.plan_parts import PortForward


def item(floating: FloatingIp, external: Network, forwardings: Iterable[PortForwarding]) -> ForwardsItem:
    """A floating IP and those of its forwardings whose ports its host reaches."""
    forwards = tuple(
        PortForward(one.protocol, one.external, one.port_id, one.internal_address, one.internal)
        for one in forwardings
    )
    return ForwardsItem(floating.id, floating.address, external.uplink, forwards)
