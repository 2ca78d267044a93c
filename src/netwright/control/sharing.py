"""What is shared, and with whom: RBAC policies, the flags that stand for them, and who relies on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control.refusals import NamedConflictError
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
    bound: bool = True
    """Whether the owner's own use holds a policy for all, and so does a use by its new target."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One way of sharing one thing, as an RBAC policy says it."""

    kind: str
    thing: str
    action: str = rbac.SHARED
    target: str = rbac.EVERYBODY


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


def refuse_used(work: Work, shared: Shared, beside: Collection[str] = ()) -> None:
    """Raises RbacPolicyInUse where projects use the thing that way, and could not by the other policies.

    `beside`: with whom it is shared instead.
    """
    left = rbac.targets(work.connection, shared.thing, shared.action, but=shared.target)
    instead = () if SHAREABLE[shared.kind].bound and rbac.EVERYBODY not in beside else beside
    if stranded := _stranded(work.connection, shared, {*left, *instead}):
        message = (
            f"RBAC policy on object {shared.thing} cannot be removed because other objects depend on it."
            f" Details: it is used by project {', '.join(stranded)}."
        )
        raise NamedConflictError("RbacPolicyInUse", message)


def _stranded(connection: sa.Connection, shared: Shared, left: Collection[str]) -> list[str]:
    """The projects that use the thing, and could not any more if it were shared with those `left` alone."""
    shareable = SHAREABLE[shared.kind]
    users = shareable.users.get(shared.action)
    if users is None or rbac.EVERYBODY in left:
        return []
    table = shareable.table
    owner = connection.execute(sa.select(table.c.project_id).where(table.c.id == shared.thing)).scalar()
    using = {str(one) for one in connection.execute(users(shared.thing)).scalars()} - set(left)
    if shared.target != rbac.EVERYBODY:
        using &= {shared.target}
    return sorted(using if shareable.bound else using - {owner})


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
    "network": Shareable(
        "Network", networks, {rbac.SHARED: _on_network, rbac.EXTERNAL: _through_network}, bound=False
    ),
    "security_group": Shareable("SecurityGroup", groups, {rbac.SHARED: _in_group}),
    "address_group": Shareable("AddressGroup", address_groups, {rbac.SHARED: _with_address_group}),
    "address_scope": Shareable("AddressScope", address_scopes, {rbac.SHARED: _in_scope}),
    "qos_policy": Shareable("QosPolicy", qos_policies, {rbac.SHARED: _with_policy}),
    "subnetpool": Shareable("SubnetPool", subnet_pools, {rbac.SHARED: _from_pool}),
}
"""By the object_type of their RBAC policies."""
