"""What flavors have beside the usual requests: their profiles, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import asker, object_of
from netwright.control import flavors as control
from netwright.control.nouns import View
from netwright.control.refusals import missing
from netwright.control.world import Work
from netwright.model.kinds import Uuid


def bind(call: Call) -> Response:
    body = object_of(call.json(), "service_profile")
    if "id" not in body:
        raise missing("id")
    profile = Uuid().read(body["id"], "id")

    def act(work: Work, flavor: View) -> None:
        control.bind(work, flavor, profile)

    call.requests.change(call.requests.nouns["flavors"], asker(call), call.path["id"], act)
    shown = call.requests.show(call.requests.nouns["service_profiles"], asker(call), profile)
    return json_response({"service_profile": shown}, 201)


def unbind(call: Call) -> Response:
    def act(work: Work, flavor: View) -> None:
        control.unbind(work, flavor, call.path["profile"])

    call.requests.change(call.requests.nouns["flavors"], asker(call), call.path["id"], act)
    return Response(status_code=204)


def next_providers(call: Call) -> Response:
    flavor = call.requests.show(call.requests.nouns["flavors"], asker(call), call.path["id"])
    with call.world.look() as connection:
        return json_response({"next_providers": control.providers(connection, flavor)})


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v2.0/flavors/{id}/service_profiles": {"POST": bind},
    "/v2.0/flavors/{id}/service_profiles/{profile}": {"DELETE": unbind},
    "/v2.0/flavors/{id}/next_providers": {"GET": next_providers},
}
