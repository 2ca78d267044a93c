"""The five requests that every resource answers, and what a path says of who asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from netwright.api import listing
from netwright.api.call import Call, Handler, json_response
from netwright.api.problems import HttpProblemError
from netwright.control.nouns import Noun
from netwright.control.requests import Asker
from netwright.model.errors import PreconditionError
from netwright.model.resource import Verb

MOST_AT_ONCE: Final = 1000
"""Things made by one request."""
_REVISION: Final = re.compile(r'"?revision_number=([0-9]{1,9})"?')


def routes(noun: Noun) -> Mapping[str, Mapping[str, Handler]]:
    """Path templates, and the handler of each method that the resource has."""
    crud = _Crud(noun)
    collection = noun.resource.collection
    table = {
        collection: {"GET": (Verb.LIST, crud.find), "POST": (Verb.CREATE, crud.create)},
        collection + "/{id}": {
            "GET": (Verb.SHOW, crud.get),
            "PUT": (Verb.UPDATE, crud.update),
            "DELETE": (Verb.DELETE, crud.delete),
        },
    }
    found = {
        path: {method: handler for method, (verb, handler) in methods.items() if verb in noun.resource.verbs}
        for path, methods in table.items()
    }
    return {path: handlers for path, handlers in found.items() if handlers}


def asker(call: Call) -> Asker:
    """Who asks, beneath which parent, for which revision. Raises PreconditionError for another If-Match."""
    revision = None
    if call.if_match is not None:
        found = _REVISION.fullmatch(call.if_match.strip())
        if found is None:
            raise PreconditionError("If-Match must be revision_number=N.", "If-Match")
        revision = int(found[1])
    return Asker(call.caller, call.path.get("parent_id"), revision, call.idempotency_key)


def object_of(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The one object that the body must hold, under that name. Raises HttpProblemError."""
    return _object(value_of(body, name), name)


def value_of(body: Mapping[str, object], name: str) -> object:
    """The one value that the body must hold, under that name. Raises HttpProblemError."""
    if set(body) != {name}:
        raise HttpProblemError(400, "HTTPBadRequest", f"The body must hold {name!r} and nothing else.")
    return body[name]


class _Crud:
    def __init__(self, noun: Noun) -> None:
        self._noun, self._resource = noun, noun.resource

    def find(self, call: Call) -> Response:
        query = listing.query(call)
        views = call.requests.find(self._noun, asker(call), query)
        return json_response(listing.body(self._resource, call, query, views))

    def get(self, call: Call) -> Response:
        view = call.requests.show(self._noun, asker(call), call.path["id"])
        return json_response({self._resource.singular: listing.chosen(call, view)})

    def create(self, call: Call) -> Response:
        """One, or several at once under the plural: all of them or none."""
        body, singular, plural = call.json(), self._resource.singular, self._resource.plural
        if plural in body:
            views = call.requests.create(self._noun, asker(call), _several(body, singular, plural))
            return json_response({plural: views}, 201)
        (view,) = call.requests.create(self._noun, asker(call), [object_of(body, singular)])
        return json_response({singular: view}, 201)

    def update(self, call: Call) -> Response:
        given = object_of(call.json(), self._resource.singular)
        view = call.requests.update(self._noun, asker(call), call.path["id"], given)
        return json_response({self._resource.singular: view})

    def delete(self, call: Call) -> Response:
        call.requests.delete(self._noun, asker(call), call.path["id"])
        return Response(status_code=204)


def _several(body: Mapping[str, object], singular: str, plural: str) -> Sequence[Mapping[str, object]]:
    if set(body) - {plural}:
        raise HttpProblemError(400, "HTTPBadRequest", f"The body must hold {plural!r} and nothing else.")
    listed = body[plural]
    if not isinstance(listed, list) or not listed:
        raise HttpProblemError(400, "HTTPBadRequest", f"{plural} must be a list with something in it.")
    if len(listed) > MOST_AT_ONCE:
        message = f"{plural}: at most {MOST_AT_ONCE} at once, for nobody else can write meanwhile."
        raise HttpProblemError(413, "HTTPRequestEntityTooLarge", message)
    return [_unwrapped(_object(one, plural), singular) for one in listed]


def _unwrapped(one: Mapping[str, object], singular: str) -> Mapping[str, object]:
    """Some clients put each one of several under its own name again."""
    inner = one.get(singular)
    return inner if isinstance(inner, dict) and len(one) == 1 else one


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise HttpProblemError(400, "HTTPBadRequest", f"{name} must be an object.")
    return value
