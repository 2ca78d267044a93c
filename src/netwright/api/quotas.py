"""Quotas over HTTP: of the caller's own project for all, of any for admins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import object_of
from netwright.api.views import owned
from netwright.control import limits, policy, text
from netwright.control.refusals import missing
from netwright.model.kinds import Flag, Number

_LIMIT: Final = Number(-1)
_HOW: Final = frozenset({"force", "check_limit", "project_id", "tenant_id"})
"""What a body says beside limits; what is in use is checked unless `force` is true."""


def every(call: Call) -> Response:
    """Those of the projects that have limits of their own."""
    policy.refuse_members(call.caller, "get_quota")
    nouns, world = call.requests.nouns, call.world
    with world.look() as connection:
        projects = limits.projects_with_own(connection, nouns)
        listed = [
            {**owned(project), **limits.limits_of(world, connection, nouns, project)} for project in projects
        ]
    return json_response({"quotas": listed})


def show(call: Call) -> Response:
    with call.world.look() as connection:
        return _shown(limits.limits_of(call.world, connection, call.requests.nouns, _readable(call)))


def default(call: Call) -> Response:
    _readable(call)
    return _shown(limits.defaults(call.world, call.requests.nouns))


def details(call: Call) -> Response:
    project = _readable(call)
    with call.world.look() as connection:
        found = limits.usage_of(call.world, connection, call.requests.nouns, project)
    return _shown(
        {name: {"limit": one.limit, "used": one.used, "reserved": 0} for name, one in found.items()}
    )


def update(call: Call) -> Response:
    policy.refuse_members(call.caller, "update_quota")
    project, nouns, body = (
        text.project(call.path["project"]),
        call.requests.nouns,
        object_of(call.json(), "quota"),
    )
    wanted = {name: _LIMIT.read(value, name) for name, value in body.items() if name not in _HOW}
    force = Flag().read(body.get("force") or False, "force")
    with call.world.work() as work:
        limits.set_limits(work, nouns, project, wanted, below_use=force)
        return _shown(limits.limits_of(call.world, work.connection, nouns, project))


def reset(call: Call) -> Response:
    policy.refuse_members(call.caller, "delete_quota")
    with call.world.work() as work:
        limits.reset(work, call.requests.nouns, call.path["project"])
    return Response(status_code=204)


def _own(word: str) -> Callable[[Call], Response]:
    """The project that the caller is in, under one of its names."""

    def answer(call: Call) -> Response:
        if call.caller.project is None:
            raise missing("project_id")
        return json_response({word: {f"{word}_id": call.caller.project}})

    return answer


def _readable(call: Call) -> str:
    """The project of the path. Raises ForbiddenError where it is not the caller's to see."""
    project = text.project(call.path["project"])
    if project != call.caller.project:
        policy.refuse_members(call.caller, "get_quota")
    return project


def _shown(quota: Mapping[str, object]) -> Response:
    return json_response({"quota": quota})


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v2.0/quotas": {"GET": every},
    "/v2.0/quotas/tenant": {"GET": _own("tenant")},
    "/v2.0/quotas/project": {"GET": _own("project")},
    "/v2.0/quotas/{project}": {"GET": show, "PUT": update, "DELETE": reset},
    "/v2.0/quotas/{project}/default": {"GET": default},
    "/v2.0/quotas/{project}/details": {"GET": details},
    "/v2.0/quotas/{project}/details.json": {"GET": details},
}
