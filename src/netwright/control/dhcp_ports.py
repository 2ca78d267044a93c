"""The DHCP port of a router network: made with the first subnet that has DHCP, gone with the last."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.control import fixed_ips, macs
from netwright.control.world import Work
from netwright.model.ids import NetworkId, PortId
from netwright.model.intent import GatewayPlace, Network, Port
from netwright.store import addresses, networks, ports, subnets
from netwright.store.changes import Touched
from netwright.store.records import PortState

OWNER = "network:dhcp"


def is_dhcp(port: Port) -> bool:
    """Whether the port is netwright's own: users cannot give a port this owner."""
    return port.device_owner == OWNER


def find(connection: sa.Connection, network: NetworkId) -> Port | None:
    for record in ports.find(connection, {"network_id": (network,), "device_owner": (OWNER,)}):
        return record.value
    return None


def settle(work: Work, network_id: NetworkId) -> None:
    """Gives the network the DHCP port, with the addresses, that its subnets call for now."""
    network = networks.get(work.connection, network_id).value
    if network.gateway_place is GatewayPlace.HOST:
        return
    served = [subnet for subnet in subnets.of_network(work.connection, network_id) if subnet.enable_dhcp]
    port = find(work.connection, network_id)
    if not served:
        if port is not None:
            ports.delete(work.connection, port.id)
        return
    port = port or _make(work, network)
    for fixed in port.fixed_ips:
        if fixed.subnet_id not in {subnet.id for subnet in served}:
            addresses.release(work.connection, fixed.subnet_id, fixed.address)
    for subnet in served:
        if subnet.id not in {fixed.subnet_id for fixed in port.fixed_ips}:
            port = fixed_ips.add_lowest(work, port, subnet)


def follow(work: Work, port: Port) -> PortState:
    """The port was switched off or on, and with it what its network's DHCP namespaces serve. Its state."""
    state = PortState.ACTIVE if port.admin_state_up else PortState.DOWN
    ports.save_states(work.connection, {port.id: state})
    work.touch(Touched.NETWORK_ITEM, port.network_id)
    return state


def _make(work: Work, network: Network) -> Port:
    port = Port(
        id=PortId(work.world.new_id()),
        network_id=network.id,
        project_id=network.project_id,
        name="",
        mac=macs.free(work, network.id),
        port_security_enabled=False,
        device_id=f"dhcp-{network.id}",
        device_owner=OWNER,
    )
    ports.insert(work.connection, port, None, work.now)
    # Hosts make it wherever a guest of the network is, so that there is nothing to wait for.
    ports.save_states(work.connection, {port.id: PortState.ACTIVE})
    return port
