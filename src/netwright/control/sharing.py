"""What is shared, and with whom: RBAC policies, the flags that stand for them, and who relies on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control.world import Work
from netwright.store import rbac
from netwright.store.address_tables import address_scopes, subnet_pools
from netwright.store.router_tables import router_ports, routers
from netwright.store.tables import (
    address_groups,
    floating_ips,
    groups,
    networks,
    port_groups,
    ports,
    qos_policies,
    rules,
    subnets,
)

Users = Callable[[str], sa.Select[tuple[str]]]
"""The projects that use the thing of that id, as a statement."""


@dataclass(frozen=True, slots=True)
class Shareable:
    """A kind of thing that can be shared."""

    noun: str
    """As errors call it."""
    table: sa.Table
    users: Mapping[str, Users]
    """For each way of sharing it."""


def with_everybody(
    work: Work, object_type: str, thing: tuple[str, str], action: str = rbac.SHARED, *, wanted: bool
) -> None:
    """Makes or ends that policy. `thing`: the id, and whose it is."""
    thing_id, project = thing
    there = rbac.is_there(work.connection, thing_id, action)
    if wanted and not there:
        values = {
            "id": work.world.new_id(),
            "project_id": project,
            "object_type": object_type,
            "object_id": thing_id,
            "action": action,
            "target_project": rbac.EVERYBODY,
        }
        rbac.insert(work.connection, values, work.now)
    elif there and not wanted:
        rbac.withdraw(work.connection, thing_id, action)


def stranded(
    connection: sa.Connection, object_type: str, thing_id: str, action: str, left: Collection[str]
) -> list[str]:
    """The projects that use the thing, and could not any more if it were shared with those `left` alone."""
    shareable = SHAREABLE[object_type]
    users = shareable.users.get(action)
    if users is None or rbac.EVERYBODY in left:
        return []
    table = shareable.table
    owner = connection.execute(sa.select(table.c.project_id).where(table.c.id == thing_id)).scalar()
    using = {str(one) for one in connection.execute(users(thing_id)).scalars()}
    return sorted(using - {owner} - set(left))


def _on_network(network: str) -> sa.Select[tuple[str]]:
    guests = ports.c.device_owner.not_like("network:%")
    return sa.select(ports.c.project_id).where(ports.c.network_id == network, guests).distinct()


def _through_network(network: str) -> sa.Select[tuple[str]]:
    floating = sa.select(floating_ips.c.project_id).where(floating_ips.c.network_id == network)
    theirs = routers.join(router_ports).join(ports, ports.c.id == router_ports.c.port_id)
    joined = sa.select(routers.c.project_id).select_from(theirs)
    gateways = joined.where(ports.c.network_id == network)
    return sa.select(sa.union(floating, gateways).subquery().c.project_id)


def _in_group(group: str) -> sa.Select[tuple[str]]:
    joined = sa.select(ports.c.project_id).join(port_groups, port_groups.c.port_id == ports.c.id)
    return joined.where(port_groups.c.group_id == group).distinct()


def _with_address_group(group: str) -> sa.Select[tuple[str]]:
    return sa.select(rules.c.project_id).where(rules.c.remote_address_group_id == group).distinct()


def _in_scope(scope: str) -> sa.Select[tuple[str]]:
    return sa.select(subnet_pools.c.project_id).where(subnet_pools.c.address_scope_id == scope).distinct()


def _from_pool(pool: str) -> sa.Select[tuple[str]]:
    return sa.select(subnets.c.project_id).where(subnets.c.subnetpool_id == pool).distinct()


def _with_policy(policy: str) -> sa.Select[tuple[str]]:
    having = (
        sa.select(table.c.project_id).where(table.c.qos_policy_id == policy)
        for table in (networks, ports, floating_ips)
    )
    return sa.select(sa.union(*having).subquery().c.project_id)


SHAREABLE: Final[Mapping[str, Shareable]] = {
    "network": Shareable("Network", networks, {rbac.SHARED: _on_network, rbac.EXTERNAL: _through_network}),
    "security_group": Shareable("SecurityGroup", groups, {rbac.SHARED: _in_group}),
    "address_group": Shareable("AddressGroup", address_groups, {rbac.SHARED: _with_address_group}),
    "address_scope": Shareable("AddressScope", address_scopes, {rbac.SHARED: _in_scope}),
    "qos_policy": Shareable("QosPolicy", qos_policies, {rbac.SHARED: _with_policy}),
    "subnetpool": Shareable("SubnetPool", subnet_pools, {rbac.SHARED: _from_pool}),
}
"""By the object_type of their RBAC policies."""
