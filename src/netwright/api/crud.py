"""The five requests that every resource of the Networking API answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from netwright.api import listing
from netwright.api.call import Call, Handler, json_response
from netwright.api.fields import Fields
from netwright.api.problems import HttpProblemError
from netwright.api.resource import Resource


def routes(resource: Resource) -> Mapping[str, Mapping[str, Handler]]:
    """Path templates, and the handler of each method."""
    crud = _Crud(resource)
    collection = f"{resource.root}/{resource.path}"
    return {
        collection: {"GET": crud.find, "POST": crud.create},
        collection + "/{id}": {"GET": crud.get, "PUT": crud.update, "DELETE": crud.delete},
    }


class _Crud:
    def __init__(self, resource: Resource) -> None:
        self._resource, self._actions = resource, resource.actions

    def find(self, call: Call) -> Response:
        where = listing.where(self._resource, call)
        views = self._actions.find(call.world, where, call.project)
        return json_response(listing.listing(self._resource, call, views))

    def get(self, call: Call) -> Response:
        view = self._actions.get(call.world, call.path["id"])
        return json_response({self._resource.singular: listing.chosen(call, view)})

    def create(self, call: Call) -> Response:
        """One, or several at once under the plural: all of them or none."""
        body = call.json()
        if self._resource.plural in body:
            views = self._actions.create(call.world, self._several(body), call.project)
            return json_response({self._resource.plural: views}, 201)
        (view,) = self._actions.create(call.world, [self._one(body)], call.project)
        return json_response({self._resource.singular: view}, 201)

    def update(self, call: Call) -> Response:
        view = self._actions.update(call.world, call.path["id"], self._one(call.json()))
        return json_response({self._resource.singular: view})

    def delete(self, call: Call) -> Response:
        self._actions.delete(call.world, call.path["id"])
        return Response(status_code=204)

    def _one(self, body: Mapping[str, object]) -> Fields:
        self._refuse_others(body, self._resource.singular)
        return Fields(_object(body.get(self._resource.singular), self._resource.singular))

    def _several(self, body: Mapping[str, object]) -> Sequence[Fields]:
        plural = self._resource.plural
        self._refuse_others(body, plural)
        listed = body[plural]
        if not isinstance(listed, list) or not listed:
            raise HttpProblemError(400, "HTTPBadRequest", f"{plural} must be a list with something in it.")
        return [Fields(_object(one, plural)) for one in listed]

    @staticmethod
    def _refuse_others(body: Mapping[str, object], only: str) -> None:
        if set(body) - {only} or only not in body:
            raise HttpProblemError(400, "HTTPBadRequest", f"The body must hold {only!r} and nothing else.")


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise HttpProblemError(400, "HTTPBadRequest", f"{name} must be an object.")
    return value
