"""Documents that say which versions and extensions of the Networking API are spoken here."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.api.extensions import NAMES
from netwright.api.nouns import NOUNS
from netwright.control.nouns import View
from netwright.model.errors import NotFoundError

_ROOT: Final = "/v2.0"
_SINCE: Final = "2026-01-01T00:00:00-00:00"


def versions(call: Call) -> Response:
    return json_response({"versions": [version(call.base_url)]})


def version(base_url: str) -> View:
    """The Networking API's, among versions."""
    links = [{"rel": "self", "href": f"{base_url}/v2.0/"}]
    return {"id": "v2.0", "status": "CURRENT", "links": links}


def resources(call: Call) -> Response:
    shown = [row.resource for row in NOUNS.values() if row.resource.root == _ROOT and not row.resource.parent]
    listed = [
        {
            "name": one.singular,
            "collection": one.plural,
            "links": [{"rel": "self", "href": f"{call.base_url}{one.collection}"}],
        }
        for one in shown
    ]
    return json_response({"resources": listed})


def extensions(call: Call) -> Response:
    del call
    return json_response({"extensions": [_extension(alias) for alias in NAMES]})


def extension(call: Call) -> Response:
    alias = call.path["alias"]
    if alias not in NAMES:
        raise NotFoundError("Extension", alias)
    return json_response({"extension": _extension(alias)})


def _extension(alias: str) -> View:
    return {
        "alias": alias,
        "name": NAMES[alias],
        "description": NAMES[alias],
        "updated": _SINCE,
        "links": [],
    }
