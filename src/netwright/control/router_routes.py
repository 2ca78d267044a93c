"""A router's further routes: each next hop is on one of its subnets, and is not the router itself."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.errors import InvalidError
from netwright.model.ids import RouterId
from netwright.model.intent import Subnet
from netwright.model.resources.routers import MOST_ROUTES
from netwright.store import documents, routers, subnets
from netwright.store.router_tables import routers as table

Route = dict[str, str]
"""Its destination and nexthop."""


def read(listed: object) -> list[Route]:
    """Routes as a body or a row has them."""
    return [dict(one) for one in listed] if isinstance(listed, list) else []


def added(old: Sequence[Route], more: Sequence[Route]) -> list[Route]:
    return [*old, *(route for route in more if route not in old)]


def without(old: Sequence[Route], less: Sequence[Route]) -> list[Route]:
    return [route for route in old if route not in less]


def check(work: Work, router: RouterId, routes: Sequence[Route]) -> None:
    """Raises InvalidError."""
    if len(routes) > MOST_ROUTES:
        why = (
            f"Unable to complete operation for {router}. The number of routes exceeds the maximum"
            f" {MOST_ROUTES}."
        )
        raise InvalidError(why, "routes")
    theirs = routers.find(work.connection, {"router_id": (router,)}) if routes else []
    own = {str(fixed.address) for port in theirs for fixed in port.fixed_ips}
    on = {fixed.subnet_id for port in theirs for fixed in port.fixed_ips}
    connected = [one.value.cidr for one in subnets.find(work.connection, {"id": sorted(on)})] if on else []
    for route in routes:
        hop = ip_address(route["nexthop"])
        if not any(hop in cidr for cidr in connected):
            raise _wrong(route, "the nexthop is not connected with router")
        if route["nexthop"] in own:
            raise _wrong(route, "the nexthop is used by router")


def refuse_used(work: Work, router: RouterId, subnet: Subnet) -> None:
    """Raises ConflictError where a next hop is on the subnet."""
    for row in documents.find(work.connection, table, {"id": (router,)}):
        if any(ip_address(route["nexthop"]) in subnet.cidr for route in read(row["routes"])):
            message = (
                f"Router interface for subnet {subnet.id} on router {router} cannot be deleted, as it is"
                " required by one or more routes."
            )
            raise NamedConflictError("RouterInterfaceInUseByRoute", message)


def _wrong(route: Route, why: str) -> InvalidError:
    return invalid("routes", f"Invalid format for routes: {route}, {why}.")
