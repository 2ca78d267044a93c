"""Which things a caller who is no admin sees, as a condition that the database can ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from netwright.model.caller import Caller
from netwright.model.resource import Reach, Resource
from netwright.store import rbac
from netwright.store.rows import Either, Where
from netwright.store.tables import groups, networks, vpns

_SEEN: Final = "seen"


def seen(resource: Resource, caller: Caller) -> Where:
    """What the caller sees of these; nothing to ask where that is all of them."""
    if caller.is_admin or resource.reach is not Reach.PROJECT:
        return {}
    return _seen(resource, Caller(caller.project, caller.role))


def ways(resource: Resource, caller: Caller) -> Sequence[Where]:
    """What one thing that the caller sees meets one of: first what is mostly so, and costs less to ask."""
    everything = seen(resource, caller)
    if not everything or "project_id" not in resource.by_name:
        return (everything,)
    return ({"project_id": (caller.project,)}, everything)


@lru_cache(maxsize=1024)
def _seen(resource: Resource, caller: Caller) -> Where:
    """The condition is made once: to make it takes as long as to ask."""
    ways: list[Where] = [{"project_id": (caller.project,)}] if "project_id" in resource.by_name else []
    if resource.rbac is not None:
        ways.append({"id": rbac.ids_shared(resource.rbac, caller.project)})
    ways.extend(_MORE.get(resource.plural, _nothing)(caller))
    return {_SEEN: Either(ways)}  # beside filters of the same columns, not in their place


def _nothing(caller: Caller) -> Sequence[Where]:
    del caller
    return ()


def _networks(caller: Caller) -> Sequence[Where]:
    return ({"id": rbac.ids_shared("network", caller.project, (rbac.EXTERNAL,))},)


def _subnets(caller: Caller) -> Sequence[Where]:
    shared = rbac.ids_shared("network", caller.project, (rbac.SHARED, rbac.EXTERNAL))
    return ({"network_id": shared}, {"network_id": _own(networks, caller)})


def _pools(caller: Caller) -> Sequence[Where]:
    """Of every external network that the caller sees."""
    return ({"network_id": rbac.ids_shared("network", caller.project, (rbac.EXTERNAL, rbac.SHARED))},)


def _ports(caller: Caller) -> Sequence[Where]:
    return ({"network_id": _own(networks, caller)},)


def _rules(caller: Caller) -> Sequence[Where]:
    shared = rbac.ids_shared("security_group", caller.project)
    return ({"group_id": shared}, {"group_id": _own(groups, caller)})


def _vpn_peers(caller: Caller) -> Sequence[Where]:
    return ({"vpn_id": _own(vpns, caller)},)


def _own(table: sa.Table, caller: Caller) -> sa.Select[tuple[str]]:
    return sa.select(table.c.id).where(table.c.project_id == caller.project)


_MORE: Final[Mapping[str, Callable[[Caller], Sequence[Where]]]] = {
    "networks": _networks,
    "subnets": _subnets,
    "floatingip_pools": _pools,
    "ports": _ports,
    "security_group_rules": _rules,
    "vpn_peers": _vpn_peers,
}
