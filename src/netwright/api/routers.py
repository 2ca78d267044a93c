"""What else can be done with routers over HTTP: interfaces, further routes, further gateways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import asker, object_of
from netwright.api.nouns import NOUNS
from netwright.api.views import owned
from netwright.control import bodies, references, router_gateways, router_routes
from netwright.control import routers as control
from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import missing
from netwright.control.router_gateways import GatewayRequest
from netwright.control.router_interfaces import Interface
from netwright.control.router_routes import Route
from netwright.control.world import Work
from netwright.model.ids import PortId, RouterId, SubnetId
from netwright.model.resource import Resource, Verb
from netwright.model.resources.routers import EXTRA_ROUTES, GATEWAYS, INTERFACE, RESOURCE

_ROUTER: Final = NOUNS[RESOURCE.plural]


def _add_interface(call: Call) -> Response:
    """Connects a subnet or a port."""
    values = bodies.read(INTERFACE, Verb.UPDATE, call.json())

    def act(work: Work, router: View) -> Interface:
        references.refuse_unknown(work.connection, NOUNS, INTERFACE, values, call.caller)
        return control.add_interface(work, router, *_ends(values), call.caller)

    return _changed_interface(call, act)


def _remove_interface(call: Call) -> Response:
    """Disconnects a subnet or a port."""
    values = bodies.read(INTERFACE, Verb.UPDATE, call.json())
    return _changed_interface(
        call, lambda work, router: control.remove_interface(work, router, *_ends(values))
    )


def _changed_interface(call: Call, act: Callable[[Work, View], Interface]) -> Response:
    router = call.path["id"]
    found = call.requests.change(_ROUTER, asker(call), router, act)
    body = {
        "id": router,
        **owned(found.port.project_id),
        "port_id": found.port.id,
        "network_id": found.port.network_id,
        "subnet_id": found.subnets[-1] if found.subnets else None,
        "subnet_ids": found.subnets,
    }
    return json_response(body)


def _ends(values: Values) -> tuple[SubnetId | None, PortId | None]:
    subnet, port = values.get("subnet_id"), values.get("port_id")
    return None if subnet is None else SubnetId(str(subnet)), None if port is None else PortId(str(port))


def _routes(how: Callable[[Sequence[Route], Sequence[Route]], list[Route]]) -> Handler:
    def handler(call: Call) -> Response:
        given = router_routes.read(_inner(call, EXTRA_ROUTES)["routes"])
        return _changed(call, lambda work, router: control.change_routes(work, router, how, given))

    return handler


def _gateways(
    how: Callable[[Work, RouterId, Sequence[GatewayRequest]], None], *, members: bool = False
) -> Handler:
    """`members`: whether what only admins say may be repeated by members."""

    def handler(call: Call) -> Response:
        values = _inner(call, GATEWAYS)
        listed = values["external_gateways"]
        infos = listed if isinstance(listed, list) else []
        if not members:
            router_gateways.refuse_members("update_router:external_gateways", infos, call.caller)
        given = [one for info in infos if (one := router_gateways.read(info)) is not None]

        def act(work: Work, router: View) -> None:
            references.refuse_unknown(work.connection, NOUNS, GATEWAYS, values, call.caller)
            control.change_gateways(work, router, how, given)

        return _changed(call, act)

    return handler


def _inner(call: Call, resource: Resource) -> Values:
    """What the body gives under the resource's name. Raises InvalidError."""
    values = bodies.read(resource, Verb.UPDATE, object_of(call.json(), resource.singular))
    for attribute in resource.attributes:
        if attribute.name not in values:
            raise missing(attribute.name)
    return values


def _changed(call: Call, act: Callable[[Work, View], None]) -> Response:
    router = call.path["id"]
    call.requests.change(_ROUTER, asker(call), router, act)
    return json_response({"router": call.requests.show(_ROUTER, asker(call), router)})


ACTIONS: Final[Mapping[str, Handler]] = {
    "add_router_interface": _add_interface,
    "remove_router_interface": _remove_interface,
    "add_extraroutes": _routes(router_routes.added),
    "remove_extraroutes": _routes(router_routes.without),
    "add_external_gateways": _gateways(control.add_gateways),
    "update_external_gateways": _gateways(router_gateways.settle),
    "remove_external_gateways": _gateways(control.remove_gateways, members=True),
}
"""By the last part of the path; each answers a PUT."""
