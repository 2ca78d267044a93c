"""The API's description of itself."""

from __future__ import annotations

import re

from served import Client

from netwright.api.app import OPERATORS, ROUTES
from netwright.api.nouns import NOUNS


def test_the_description_has_every_path_and_attribute(client: Client) -> None:
    """/openapi.json is OpenAPI 3.1 and describes each resource's paths and attributes."""
    described = client.get("/openapi.json")
    assert described["openapi"].startswith("3.1")
    for noun in NOUNS.values():
        resource = noun.resource
        assert {resource.collection, f"{resource.collection}/{{id}}"} & described["paths"].keys()
        shown = described["components"]["schemas"][resource.schema_name]["properties"]
        assert set(shown) <= set(resource.by_name)
        for action in resource.actions:
            assert "put" in described["paths"][f"{resource.collection}/{{id}}/{action.path}"]
        assert "id" in shown or resource.key != "id"


def test_the_description_has_every_request(client: Client) -> None:
    """Each method of each path that users ask is described, but for paths that are others spelt with hyphens."""
    paths = client.get("/openapi.json")["paths"]
    own = {*OPERATORS, "/healthz", "/reference", "/openapi.json"}
    missing = [
        (method, path)
        for path, handlers in ROUTES.items()
        for method in handlers
        if path not in own and "/alias-" not in path and method.lower() not in paths.get(path, {})
    ]
    assert missing == []


def test_the_operations_have_ids_of_their_own(client: Client) -> None:
    """No two operations have one operationId, and every reference leads somewhere."""
    described = client.get("/openapi.json")
    ids = [
        operation["operationId"]
        for path in described["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
    text = client.send("GET", "/openapi.json").raw.decode()
    for kind, name in set(re.findall(r'"#/components/(\w+)/([^"]+)"', text)):
        assert name in described["components"][kind]


def test_the_page_needs_nothing_from_elsewhere(client: Client) -> None:
    """The HTML page names every resource and loads nothing from any other place."""
    page = client.send("GET", "/reference").raw.decode()
    assert all(f'id="{noun.resource.plural}"' in page for noun in NOUNS.values())
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
