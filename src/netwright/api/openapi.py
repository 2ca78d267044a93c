"""The API's description (OpenAPI 3.1), made from the same descriptors as the API itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from netwright import __version__
from netwright.api import openapi_paths
from netwright.api.call import Call, Handler
from netwright.api.nouns import NOUNS
from netwright.api.openapi_paths import About
from netwright.model.caller import Role
from netwright.model.kinds import Schema, or_null
from netwright.model.resource import REQUIRED, Action, Attribute, Resource, Verb

Node = dict[str, object]
Routes = Mapping[str, Mapping[str, Handler]]
_ERRORS: Final[Mapping[int, str]] = {
    400: "What was asked makes no sense; the message names the attribute.",
    401: "Nobody knows who asks.",
    403: "The caller may see it, and may not do this.",
    404: "There is no such thing, or not for this caller.",
    409: "In use, taken, exhausted, or over quota.",
    412: "It is not at the revision that If-Match names.",
    413: "The body is larger than 1 MiB.",
    429: "Too much at once: try again.",
    503: "The database does not answer: try again.",
}
_ALWAYS: Final = (400, 401, 403, 404, 503)
_WRITES: Final = (*_ALWAYS, 409, 412, 413)
_TEXT: Final = {"type": "string"}


def document_of(routes: Routes) -> Handler:
    """What answers with the whole description."""

    @lru_cache(maxsize=1)
    def encoded() -> bytes:
        return msgspec.json.encode(described(routes))

    def document(call: Call) -> Response:
        del call
        return Response(encoded(), media_type="application/json")

    return document


def described(routes: Routes) -> Node:
    """The description as JSON values."""
    resources = [noun.resource for noun in NOUNS.values()]
    paths: dict[str, Node] = {}
    for resource in resources:
        paths.update(_paths(resource))
    for template, handlers in routes.items():
        for method in handlers:
            node = paths.get(template, {})
            if method.lower() not in node and (more := openapi_paths.about(method, template)) is not None:
                paths[template] = {**node, method.lower(): _other(more, template)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "netwright",
            "version": __version__,
            "description": "The OpenStack Networking API v2.0, and what netwright adds to it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": one.plural, "description": one.doc} for one in resources],
        "paths": paths,
        "components": {
            "schemas": {**_schemas(resources), "Error": _error()},
            "responses": {str(status): _refusal(text) for status, text in _ERRORS.items()},
            "parameters": _common(),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"bearer": []}, {"basic": []}],
    }


def _other(about: About, template: str) -> Node:
    given: Node = {} if about.body is None else {"requestBody": _json(about.body, required=True)}
    status = (
        about.status if about.answer is not None or about.status != HTTPStatus.OK else HTTPStatus.NO_CONTENT
    )
    done: Node = {"description": "Done.", **({} if about.answer is None else _json(about.answer))}
    return {
        "operationId": openapi_paths.operation_id(about.method, template),
        "tags": [next((word for word in template.split("/")[2:] if word), "versions").replace("-", "_")],
        "summary": about.summary,
        "parameters": list(openapi_paths.parameters(template)),
        **given,
        "responses": {str(int(status)): done, **_refusals(_ALWAYS if about.method == "GET" else _WRITES)},
    }


def _paths(resource: Resource) -> dict[str, Node]:
    within = [_parameter("parent_id", "path", _TEXT)] if resource.parent else []
    many: Node = {"parameters": within} if within else {}
    one: Node = {"parameters": [*within, _parameter("id", "path", _TEXT)]}
    operations = {
        Verb.LIST: (many, "get", _list),
        Verb.CREATE: (many, "post", _create),
        Verb.SHOW: (one, "get", _show),
        Verb.UPDATE: (one, "put", _update),
        Verb.DELETE: (one, "delete", _delete),
    }
    for verb, (node, method, made) in operations.items():
        if verb in resource.verbs:
            node[method] = {
                "operationId": f"{verb}_{resource.plural if verb is Verb.LIST else resource.singular}",
                "tags": [resource.plural],
                "x-least-role": resource.roles[verb].name.lower(),
                **made(resource),
            }
    found: dict[str, Node] = {resource.collection: many, resource.collection + "/{id}": one}
    for action in resource.actions:
        parameters = one["parameters"]
        path = f"{resource.collection}/{{id}}/{action.path}"
        found[path] = {"parameters": parameters, "put": _act(resource, action)}
    return {path: node for path, node in found.items() if set(node) - {"parameters"}}


def _list(resource: Resource) -> Node:
    filters = [
        _parameter(one.name, "query", {"type": "array", "items": _TEXT})
        for one in resource.attributes
        if one.filters and one.see is not Role.NOBODY
    ]
    paging = [
        {"$ref": f"#/components/parameters/{name}"} for name, one in _common().items() if one["in"] == "query"
    ]
    links: Node = {"type": "array", "items": {"type": "object"}}
    body: Node = {
        "type": "object",
        "properties": {
            resource.plural: {"type": "array", "items": _ref(resource, "")},
            f"{resource.plural}_links": links,
        },
        "required": [resource.plural],
        "additionalProperties": False,
    }
    return {
        "summary": f"List {_spoken(resource.plural)}",
        "parameters": [*filters, *paging],
        "responses": _answers(200, body, _ALWAYS),
    }


def _create(resource: Resource) -> Node:
    single = _wrapped(resource.singular, _ref(resource, "Create"))
    several = _wrapped(resource.plural, {"type": "array", "minItems": 1, "items": _ref(resource, "Create")})
    made: Node = {
        "oneOf": [
            _wrapped(resource.singular, _ref(resource, "")),
            _wrapped(resource.plural, {"type": "array", "items": _ref(resource, "")}),
        ]
    }
    return {
        "summary": f"Create a {_spoken(resource.singular)}, or several at once: all or none",
        "parameters": [{"$ref": "#/components/parameters/Idempotency-Key"}],
        "requestBody": _json({"oneOf": [single, several]}, required=True),
        "responses": _answers(201, made, _WRITES),
    }


def _show(resource: Resource) -> Node:
    fields = {"$ref": "#/components/parameters/fields"}
    return {
        "summary": f"Show a {_spoken(resource.singular)}",
        "parameters": [fields],
        "responses": _answers(200, _wrapped(resource.singular, _ref(resource, "")), _ALWAYS),
    }


def _update(resource: Resource) -> Node:
    body = _wrapped(resource.singular, _ref(resource, "Update"))
    return {
        "summary": f"Change a {_spoken(resource.singular)}",
        "parameters": [{"$ref": "#/components/parameters/If-Match"}],
        "requestBody": _json(body, required=True),
        "responses": _answers(200, _wrapped(resource.singular, _ref(resource, "")), _WRITES),
    }


def _act(resource: Resource, action: Action) -> Node:
    """The body and the answer are the thing in part and whole, unless the action has an answer of its own."""
    given = _given(action.given, Verb.UPDATE)
    if action.answer is None:
        body, answer = _wrapped(resource.singular, given), _wrapped(resource.singular, _ref(resource, ""))
    else:
        properties = {one.name: _shown(one) for one in action.answer.attributes}
        body, answer = given, {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "operationId": f"{action.path}_of_{resource.singular}",
        "tags": [resource.plural],
        "summary": action.doc,
        "x-least-role": resource.roles[Verb.UPDATE].name.lower(),
        "parameters": [{"$ref": "#/components/parameters/If-Match"}],
        "requestBody": _json(body, required=True),
        "responses": _answers(200, answer, _WRITES),
    }


def _delete(resource: Resource) -> Node:
    return {
        "summary": f"Delete a {_spoken(resource.singular)}",
        "parameters": [{"$ref": "#/components/parameters/If-Match"}],
        "responses": {"204": {"description": "It is gone."}, **_refusals(_WRITES)},
    }


def _schemas(resources: Iterable[Resource]) -> Node:
    found: Node = {}
    for resource in resources:
        seen = [one for one in resource.attributes if one.see is not Role.NOBODY]
        found[resource.schema_name] = {
            "type": "object",
            "description": resource.doc,
            "properties": {one.name: _shown(one) for one in seen},
            "additionalProperties": False,
        }
        for verb, suffix in ((Verb.CREATE, "Create"), (Verb.UPDATE, "Update")):
            if verb in resource.verbs:
                found[resource.schema_name + suffix] = _given(resource, verb)
    return found


def _given(resource: Resource, verb: Verb) -> Node:
    made = verb is Verb.CREATE
    settable = [one for one in resource.attributes if (one.post if made else one.put) is not Role.NOBODY]
    required = [one.name for one in settable if made and one.default is REQUIRED]
    node: Node = {
        "type": "object",
        "properties": {one.name: _taken(one, made=made) for one in settable},
        "additionalProperties": False,
    }
    return {**node, "required": required} if required else node


def _shown(attribute: Attribute) -> Schema:
    read_only = attribute.post is Role.NOBODY and attribute.put is Role.NOBODY
    schema = or_null(attribute.kind.schema(), nullable=attribute.nullable or read_only)
    return {**schema, "description": attribute.doc}


def _taken(attribute: Attribute, *, made: bool) -> Schema:
    schema = or_null(attribute.kind.accepts(), nullable=attribute.nullable)
    role = attribute.post if made else attribute.put
    said: Node = {"description": attribute.doc, "x-least-role": role.name.lower()}
    if made and isinstance(attribute.default, str | int | bool | None):
        said["default"] = attribute.default
    return {**schema, **said}


def _common() -> dict[str, Node]:
    """Parameters that many operations have."""
    texts: Node = {"type": "array", "items": _TEXT}
    return {
        "fields": _parameter("fields", "query", texts, "Only these attributes."),
        "limit": _parameter("limit", "query", {"type": "integer", "minimum": 0}, "At most so many."),
        "marker": _parameter("marker", "query", _TEXT, "Those after the one with this id."),
        "page_reverse": _parameter("page_reverse", "query", {"type": "boolean"}, "Those before it."),
        "sort_key": _parameter("sort_key", "query", texts, "Attributes to sort by."),
        "sort_dir": _parameter(
            "sort_dir", "query", {"type": "array", "items": {"enum": ["asc", "desc"]}}, "A way for each."
        ),
        "If-Match": _parameter(
            "If-Match",
            "header",
            {"type": "string", "pattern": '^"?revision_number=[0-9]{1,9}"?$'},
            "revision_number=N: only if it is at that revision.",
        ),
        "Idempotency-Key": _parameter(
            "Idempotency-Key",
            "header",
            {"type": "string", "maxLength": 255},
            "Sent again with the same key within a day, the request is answered as before and done once.",
        ),
    }


def _parameter(name: str, where: str, schema: Schema, doc: str = "") -> Node:
    node: Node = {"name": name, "in": where, "schema": schema, "required": where == "path"}
    return {**node, "description": doc} if doc else node


def _answers(status: int, body: Schema, refusals: Iterable[int]) -> Node:
    return {str(status): {"description": "Done.", **_json(body)}, **_refusals(refusals)}


def _refusals(statuses: Iterable[int]) -> Node:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _refusal(text: str) -> Node:
    return {"description": text, **_json({"$ref": "#/components/schemas/Error"})}


def _error() -> Node:
    said: Node = {
        "type": "object",
        "properties": {"type": _TEXT, "message": _TEXT, "detail": _TEXT},
        "required": ["type", "message", "detail"],
    }
    return _wrapped("NeutronError", said)


def _wrapped(name: str, schema: Schema) -> Node:
    return {
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": False,
    }


def _json(schema: Schema, *, required: bool = False) -> Node:
    node: Node = {"content": {"application/json": {"schema": schema}}}
    return {**node, "required": True} if required else node


def _ref(resource: Resource, suffix: str) -> Node:
    return {"$ref": f"#/components/schemas/{resource.schema_name}{suffix}"}


def _spoken(name: str) -> str:
    return name.replace("_", " ")
