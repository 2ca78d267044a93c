"""A project's way out in one request: a network with subnets of the default pools, and a router that leads
from it to the default external network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control import bodies, limits, networks, routers, subnets, text
from netwright.control.networks import NetworkRequest
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError
from netwright.control.subnets import SubnetRequest
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId, RouterId, SubnetId
from netwright.model.intent import Ipv6Mode
from netwright.model.resources.routers import RESOURCE as ROUTER
from netwright.store import auto_allocation as store
from netwright.store import documents, tables
from netwright.store import networks as network_rows
from netwright.store import routers as router_rows
from netwright.store import subnets as subnet_rows
from netwright.store.address_tables import subnet_pools
from netwright.store.auto_allocation import Topology
from netwright.store.router_tables import routers as router_table

_NAME: Final = "auto_allocated"
_ROUTERS: Final = routers.Routers()


@dataclass(frozen=True, slots=True)
class Ground:
    """What it is made of: the external network, and the pool of each IP version that there is one of."""

    external: NetworkId
    pools: dict[int, str]


def ground(connection: sa.Connection) -> Ground:
    """Raises ConflictError where an admin has not said which network and pools to take."""
    default = {"is_default": (True,)}
    external = [record.value.id for record in network_rows.find(connection, default)]
    if not external:
        raise _failure("No default router:external network")
    pools = {
        int(str(pool["ip_version"])): str(pool["id"])
        for pool in documents.find(connection, subnet_pools, default)
    }
    if not pools:
        raise _failure("No default subnetpools defined")
    return Ground(external[0], pools)


def allocate(work: Work, project: str, caller: Caller) -> NetworkId:
    """The project's network of this kind, made with all that goes with it if there is none.

    Raises RequestError.
    """
    found = store.find(work.connection, project)
    if found is not None:
        return found.network
    there = ground(work.connection)
    _refuse_over(work, project, len(there.pools))
    name = f"{_NAME}_network"
    network = networks.create_in(work, NetworkRequest(project_id=text.project(project), name=name))
    inside = [_subnet(work, project, network, pool) for pool in sorted(there.pools.items())]
    given: bodies.Values = {
        "name": f"{_NAME}_router",
        "project_id": project,
        "tenant_id": project,
        "external_gateway_info": {"network_id": there.external},
    }
    router = _ROUTERS.create(work, bodies.with_defaults(ROUTER, given), caller)
    for subnet in inside:
        routers.add_interface(work, router, subnet, None, caller)
    store.insert(work.connection, project, Topology(network, RouterId(str(router["id"]))))
    return network


def release(work: Work, project: str) -> None:
    """All of it goes, if there is any. Raises ConflictError while something else uses it."""
    found = store.find(work.connection, project)
    if found is None:
        return
    for router in _router(work.connection, found):
        for subnet in _joined(work.connection, found):
            routers.remove_interface(work, router, subnet, None)
        _ROUTERS.delete(work, router)
    networks.delete_in(work, network_rows.get(work.connection, found.network).value)


def _refuse_over(work: Work, project: str, versions: int) -> None:
    """Raises ConflictError where the project's quotas are too small for it."""
    limits.refuse_over(work, "network", tables.networks, [project])
    limits.refuse_over(work, "subnet", tables.subnets, [project] * versions)
    limits.refuse_over(work, "router", router_table, [project])


def _subnet(work: Work, project: str, network: NetworkId, pool: tuple[int, str]) -> SubnetId:
    version, taken_from = pool
    modes = Ipv6Mode.SLAAC if version == 6 else None
    request = SubnetRequest(
        network_id=network,
        project_id=project,
        name=f"{_NAME}_subnet_v{version}",
        version=version,
        pool=taken_from,
        ipv6_ra_mode=modes,
        ipv6_address_mode=modes,
    )
    return subnets.create_in(work, request)


def _router(connection: sa.Connection, topology: Topology) -> list[View]:
    return _ROUTERS.find(connection, {"id": (topology.router,)}) if topology.router else []


def _joined(connection: sa.Connection, topology: Topology) -> list[SubnetId]:
    """The network's subnets that the router is connected to."""
    inside = [subnet.id for subnet in subnet_rows.of_network(connection, topology.network)]
    return [
        subnet
        for subnet in inside
        if any(router == topology.router for router, _, _ in router_rows.on_subnet(connection, subnet))
    ]


def _failure(reason: str) -> NamedConflictError:
    return NamedConflictError("AutoAllocationFailure", f"Deployment error: {reason}.")
