"""What a user can do with routers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.control import router_gateways, router_interfaces, router_ports, router_routes, zones
from netwright.control.bodies import Values
from netwright.control.documents import Documents
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.router_gateways import FIELD, GatewayRequest
from netwright.control.router_interfaces import Interface
from netwright.control.router_routes import Route
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError
from netwright.model.ids import PortId, RouterId, SubnetId
from netwright.model.resources.routers import RESOURCE
from netwright.store import documents, router_tables, routers, rows
from netwright.store.routers import RouterPort, RouterPortKind
from netwright.store.rows import Where

_FLAGS: Final = ("distributed", "ha", "enable_default_route_bfd", "enable_default_route_ecmp")
_NEEDS_DOWN: Final = ("distributed", "ha")
"""What a router that is up cannot change."""


class Routers:
    """Acts on routers."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        router_gateways.refuse_members(f"create_router:{FIELD}", [values.get(FIELD)], caller)
        _refuse_flags_with_flavor(values)
        zones.known(_hints(values))
        gateway = router_gateways.read(values.get(FIELD))
        snat = gateway is None or gateway.enable_snat
        made = _ROWS.create(work, {**_settled(values), "routes": [], "enable_snat": snat}, caller)
        if gateway is None:
            return made
        router_gateways.add(work, RouterId(str(made["id"])), gateway)
        return self.find(work.connection, {"id": (made["id"],)})[0]

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        values = _settled(values)
        _refuse_while_up(old, values)
        router = RouterId(str(old["id"]))
        if FIELD in values:
            router_gateways.refuse_members(f"update_router:{FIELD}", [values[FIELD]], caller)
            gateway = router_gateways.read(values[FIELD])
            router_gateways.settle_first(work, router, gateway)
            values = {**values, "enable_snat": gateway is None or gateway.enable_snat}
        if "routes" in values:
            router_routes.check(work, router, router_routes.read(values["routes"]))
        return _ROWS.update(work, old, values, caller)

    def delete(self, work: Work, old: View) -> None:
        theirs = routers.find(work.connection, {"router_id": (str(old["id"]),)})
        if any(one.kind is RouterPortKind.INTERFACE for one in theirs):
            raise NamedConflictError("RouterInUse", f"Router {old['id']} still has ports.")
        for one in theirs:
            router_ports.let_go(work, one.port)
        _ROWS.delete(work, old)

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return _ROWS.find(connection, where)

    def view(self, thing: View) -> View:
        return thing


def add_interface(
    work: Work, router: View, subnet: SubnetId | None, port: PortId | None, caller: Caller
) -> Interface:
    """Raises RequestError."""
    found = router_interfaces.add(work, router, subnet, port, caller)
    _revise(work, router, {})
    return found


def remove_interface(work: Work, router: View, subnet: SubnetId | None, port: PortId | None) -> Interface:
    """Raises RequestError."""
    found = router_interfaces.remove(work, router, subnet, port)
    _revise(work, router, {})
    return found


def change_routes(
    work: Work,
    router: View,
    how: Callable[[Sequence[Route], Sequence[Route]], list[Route]],
    given: Sequence[Route],
) -> None:
    """Gives the router `how` of the routes that it has and those given. Raises InvalidError."""
    routes = how(router_routes.read(router["routes"]), given)
    router_routes.check(work, RouterId(str(router["id"])), routes)
    _revise(work, router, {"routes": routes})


def change_gateways(
    work: Work,
    router: View,
    how: Callable[[Work, RouterId, Sequence[GatewayRequest]], None],
    given: Sequence[GatewayRequest],
) -> None:
    """Has `how` do to the router what the gateways say. Raises RequestError."""
    how(work, RouterId(str(router["id"])), given)
    snat: Values = {"enable_snat": given[0].enable_snat} if given else {}
    _revise(work, router, snat)


def add_gateways(work: Work, router: RouterId, given: Sequence[GatewayRequest]) -> None:
    """Raises RequestError."""
    for gateway in given:
        router_gateways.add(work, router, gateway)


def remove_gateways(work: Work, router: RouterId, given: Sequence[GatewayRequest]) -> None:
    """All of them where none is given. Raises RequestError."""
    if not given:
        router_gateways.settle_first(work, router, None)
    for gateway in given:
        router_gateways.remove_asked(work, router, gateway)


def _settled(values: Values) -> Values:
    """A flag that is null is off."""
    return {name: bool(value) if name in _FLAGS else value for name, value in values.items()}


def _hints(values: Values) -> list[object]:
    hints = values["availability_zone_hints"]
    return hints if isinstance(hints, list) else []


def _refuse_flags_with_flavor(values: Values) -> None:
    if values["flavor_id"] is not None and any(values.get(name) for name in _NEEDS_DOWN):
        raise invalid("flavor_id", "the flags ha and distributed cannot be given with a flavor.")


def _refuse_while_up(old: View, values: Values) -> None:
    up = old["admin_state_up"] and values.get("admin_state_up", True)
    for name in _NEEDS_DOWN:
        if up and name in values and values[name] != old[name]:
            message = (
                f"Cannot change the {name!r} attribute of active routers. Please set router admin_state_up to"
                " False prior to upgrade."
            )
            raise InvalidError(message, name)


def _revise(work: Work, router: View, values: Values) -> None:
    """What it is connected to counts as a change of the router."""
    documents.save(work.connection, router_tables.routers, str(router["id"]), values, work.now)


def _shown(connection: sa.Connection, views: list[View]) -> None:
    ids = [str(view["id"]) for view in views]
    gateways: dict[str, list[RouterPort]] = {}
    wanted = {**rows.few("router_id", ids), "kind": (RouterPortKind.GATEWAY.value,)}
    for one in routers.find(connection, wanted) if ids else ():
        gateways.setdefault(one.router, []).append(one)
    for view in views:
        theirs = [_gateway(one, view["enable_snat"]) for one in gateways.get(str(view["id"]), ())]
        view["status"] = "ACTIVE"
        view[FIELD] = theirs[0] if theirs else None
        view["external_gateways"] = theirs
        view["availability_zones"] = []


def _gateway(port: RouterPort, snat: object) -> View:
    fixed = [{"subnet_id": one.subnet_id, "ip_address": str(one.address)} for one in port.fixed_ips]
    return {
        "network_id": port.network,
        "enable_snat": snat,
        "external_fixed_ips": fixed,
        "qos_policy_id": port.qos_policy_id,
    }


_ROWS: Final = Documents(RESOURCE, router_tables.routers, shown=_shown)
