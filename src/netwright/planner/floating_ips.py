"""Floating IPs as items."""

from __future__ import annotations

from netwright.model.intent import FloatingIp, Network
from netwright.model.plan import FloatingIpItem


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
