"""A project's network, subnets and router in one request, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from netwright.api import listing
from netwright.api.call import Call, Handler, json_response
from netwright.api.views import owned
from netwright.control import auto_allocation as control
from netwright.control import policy, text
from netwright.control.world import DEFAULT_PROJECT
from netwright.model.caller import Role
from netwright.store import auto_allocation as store

_NOBODY: Final = "None"
"""What some clients call the caller's own project."""
_DRY_RUN: Final = "dry-run"


def _get(call: Call) -> Response:
    """Makes what is not there yet; `fields=dry-run` only tells whether that could be done."""
    project = _project(call, "get")
    if ("fields", _DRY_RUN) in call.query:
        with call.world.look() as connection:
            control.ground(connection)
        return json_response({"auto_allocated_topology": {"id": f"{_DRY_RUN}=pass", **owned(project)}})
    with call.world.look() as connection:
        found = store.find(connection, project)
    network = _allocated(call, project) if found is None else found.network
    return json_response({"auto_allocated_topology": listing.chosen(call, {"id": network, **owned(project)})})


def _allocated(call: Call, project: str) -> str:
    _refuse_readers(call, "get")
    with call.world.work(call.caller) as work:
        return control.allocate(work, project, call.caller)


def _delete(call: Call) -> Response:
    project = _project(call, "delete")
    _refuse_readers(call, "delete")
    with call.world.work(call.caller) as work:
        control.release(work, project)
    return Response(status_code=204)


def _project(call: Call, verb: str) -> str:
    """The project of the path. Raises ForbiddenError where it is not the caller's."""
    own, named = call.caller.project or DEFAULT_PROJECT, call.path["project"]
    project = own if named == _NOBODY else text.project(named)
    if project != own and not call.caller.is_admin:
        raise policy.disallowed(f"{verb}_auto_allocated_topology")
    return project


def _refuse_readers(call: Call, verb: str) -> None:
    if call.caller.role < Role.MEMBER:
        raise policy.disallowed(f"{verb}_auto_allocated_topology")


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v2.0/auto-allocated-topology/{project}": {"GET": _get, "DELETE": _delete}
}
