"""The ports of routers, and which router reaches what."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from netwright.model.ids import NetworkId, PortId, QosPolicyId, RouterId, SubnetId
from netwright.model.intent import Address, FixedIp
from netwright.store import rows
from netwright.store.addresses import address_of, key_of
from netwright.store.router_tables import router_ports
from netwright.store.tables import addresses, ports

_PORTS: Final = (
    sa.select(router_ports, ports.c.network_id, ports.c.qos_policy_id)
    .join(ports)
    .order_by(router_ports.c.position, ports.c.created_at, ports.c.id)
)
_ADDRESSES: Final = (
    sa.select(addresses.c.port_id, addresses.c.subnet_id, addresses.c.address)
    .join(router_ports, addresses.c.port_id == router_ports.c.port_id)
    .order_by(addresses.c.position)
)


class RouterPortKind(StrEnum):
    INTERFACE = "interface"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class RouterPort:
    """A port that is a router's, and where it is."""

    router: RouterId
    port: PortId
    kind: RouterPortKind
    network: NetworkId
    fixed_ips: tuple[FixedIp, ...]
    qos_policy_id: QosPolicyId | None


def find(connection: sa.Connection, where: rows.Where) -> list[RouterPort]:
    """Those whose columns of `router_ports` match: gateways in their order, interfaces oldest first."""
    found = rows.found(connection, _PORTS, router_ports, where).all()
    fixed = _fixed_ips(connection, where) if found else {}
    return [
        RouterPort(
            RouterId(row.router_id),
            PortId(row.port_id),
            RouterPortKind(row.kind),
            NetworkId(row.network_id),
            tuple(fixed.get(row.port_id, ())),
            None if row.qos_policy_id is None else QosPolicyId(row.qos_policy_id),
        )
        for row in found
    ]


def of_port(connection: sa.Connection, port: PortId) -> RouterPort | None:
    """What the port is to a router, if it is one's."""
    return next(iter(find(connection, {"port_id": (port,)})), None)


def insert(
    connection: sa.Connection, router: RouterId, port: PortId, kind: RouterPortKind, *, first: bool = False
) -> None:
    """Behind the others of its kind, or before them."""
    position = router_ports.c.position
    edge = sa.func.min(position) - 1 if first else sa.func.max(position) + 1
    same = (router_ports.c.router_id == router, router_ports.c.kind == kind.value)
    values = {
        "router_id": router,
        "port_id": port,
        "kind": kind.value,
        "position": connection.execute(sa.select(edge).where(*same)).scalar() or 0,
    }
    connection.execute(router_ports.insert(), values)


def on_subnet(connection: sa.Connection, subnet: SubnetId) -> list[tuple[RouterId, PortId, Address]]:
    """The routers' interfaces that have an address there, oldest first."""
    statement = (
        sa.select(router_ports.c.router_id, router_ports.c.port_id, addresses.c.address)
        .join(addresses, addresses.c.port_id == router_ports.c.port_id)
        .join(ports, ports.c.id == router_ports.c.port_id)
        .where(addresses.c.subnet_id == subnet, router_ports.c.kind == RouterPortKind.INTERFACE.value)
        .order_by(ports.c.created_at, ports.c.id)
    )
    return [
        (RouterId(router), PortId(port), address_of(key))
        for router, port, key in connection.execute(statement)
    ]


def holder_of(connection: sa.Connection, subnet: SubnetId, address: Address) -> PortId | None:
    """The router's port that has that address."""
    statement = (
        sa.select(router_ports.c.port_id)
        .join(addresses, addresses.c.port_id == router_ports.c.port_id)
        .where(addresses.c.subnet_id == subnet, addresses.c.address == key_of(address))
    )
    found = connection.execute(statement).scalar()
    return None if found is None else PortId(found)


def reaching(
    connection: sa.Connection, among: Collection[RouterId], network: NetworkId
) -> frozenset[RouterId]:
    """Those that have a gateway or an interface on the network."""
    statement = (
        sa.select(router_ports.c.router_id)
        .join(ports)
        .where(router_ports.c.router_id.in_(among), ports.c.network_id == network)
    )
    return frozenset(RouterId(one) for one in connection.execute(statement).scalars())


def gateways_on(connection: sa.Connection, network: NetworkId) -> list[RouterId]:
    """The routers that have a gateway on the network."""
    statement = (
        sa.select(router_ports.c.router_id)
        .join(ports)
        .where(router_ports.c.kind == RouterPortKind.GATEWAY.value, ports.c.network_id == network)
        .distinct()
    )
    return [RouterId(one) for one in connection.execute(statement).scalars()]


def _fixed_ips(connection: sa.Connection, where: rows.Where) -> dict[str, list[FixedIp]]:
    found: dict[str, list[FixedIp]] = {}
    for port, subnet, key in rows.found(connection, _ADDRESSES, router_ports, where):
        found.setdefault(port, []).append(FixedIp(SubnetId(subnet), address_of(key)))
    return found
