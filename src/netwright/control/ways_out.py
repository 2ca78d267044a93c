"""How what comes to a floating IP gets to a port: by the hosts themselves, or by a router."""

from __future__ import annotations

from ipaddress import IPv4Address

import sqlalchemy as sa

from netwright.control.refusals import NamedConflictError, NamedNotFoundError, invalid
from netwright.model.ids import NetworkId, RouterId
from netwright.model.intent import GatewayPlace, Port
from netwright.store import networks, routers, subnets


def router_of(
    connection: sa.Connection,
    external: NetworkId,
    port: Port,
    address: IPv4Address,
    asked: RouterId | None = None,
) -> RouterId | None:
    """The router that joins the address's subnet to the external network.

    None for host networks, which alone reach out by themselves. Of several routers the one that is the
    subnet's gateway. One that is asked for needs a gateway there; that it knows a way to the subnet is up to
    its routes. Raises NotFoundError, InvalidError, ConflictError.
    """
    network = networks.get(connection, port.network_id).value
    if network.gateway_place is GatewayPlace.HOST and not network.external:
        if asked is not None:
            raise invalid(
                "router_id", f"hosts are the gateways of network {network.id}: no router translates."
            )
        return None
    if asked is not None:
        if asked not in routers.gateways_on(connection, external):
            message = f"Router {asked} has no gateway on external network {external}."
            raise NamedConflictError("FloatingIPRouterWithoutGateway", message, "router_id")
        return asked
    home = next(fixed.subnet_id for fixed in port.fixed_ips if fixed.address == address)
    near = routers.on_subnet(connection, home)
    out = routers.reaching(connection, {router for router, _, _ in near}, external)
    found = [(router, at) for router, _, at in near if router in out]
    if not found:
        message = (
            f"External network {external} is not reachable from subnet {home}. Therefore, cannot associate"
            f" Port {port.id} with a Floating IP. Connect the subnet to a router with a gateway there, or use"
            " a port of a network whose gateway is on the host (netwright:gateway_place host)."
        )
        raise NamedNotFoundError("ExternalGatewayForFloatingIPNotFound", message)
    gateway = subnets.get(connection, home).value.gateway_ip
    return next((router for router, at in found if at == gateway), found[0][0])
