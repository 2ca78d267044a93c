"""The API against its own description, as schemathesis asks it: anything that the description allows, and more."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from identity_fixtures import PASSWORD, town
from minimal_bodies import Site
from suites import SUITES

from netwright.api.nouns import NOUNS
from netwright.model.caller import Role
from netwright.model.resource import Verb

SCHEMATHESIS = SUITES / "bin" / "schemathesis"
SECONDS = int(os.environ.get("NETWRIGHT_SCHEMATHESIS_SECONDS", "150"))
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("narrowed", [False, True], ids=["all", "what a member may set"])
def test_a_member_gets_what_the_description_says(tmp_path: Path, narrowed: bool) -> None:
    """Asked anything for minutes, no answer is a 500, nor of another form or status than described."""
    assert SCHEMATHESIS.exists(), "schemathesis is missing: make suites"
    with town(tmp_path) as here:
        project = here.project()
        user = here.user(project)
        config, schema = tmp_path / "schemathesis.toml", tmp_path / "openapi.json"
        config.write_text("\n".join(operations(Site(here.admin, project["id"]))))
        described = json.loads(here.guest.send("GET", "/openapi.json").raw)
        schema.write_text(json.dumps(narrow(described) if narrowed else described))
        host, port = here.server.address or ("", 0)
        done = subprocess.run(
            [
                *(str(SCHEMATHESIS), "--config-file", str(config)),
                *("run", str(schema), "--url", f"http://{host}:{port}"),
                *("--auth", f"{user['name']}:{PASSWORD}", "--checks", ",".join(CHECKS)),
                *("--max-time", str(SECONDS), "--seed", "1"),
                *("--continue-on-failure", "--no-color"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def narrow(described: dict) -> dict:
    """Without what of almost any value is only refused: admins' attributes, projects, revisions."""
    for schema in described["components"]["schemas"].values():
        for name, one in list(schema.get("properties", {}).items()):
            given = "x-least-role" in one
            if given and (one["x-least-role"] == "admin" or name in {"project_id", "tenant_id"}):
                del schema["properties"][name]
    for path in described["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "parameters" in operation:
                kept = [one for one in operation["parameters"] if "If-Match" not in one.get("$ref", "")]
                operation["parameters"] = kept
    return described


def operations(site: Site) -> Iterator[str]:
    """Settings that name a thing that is there for each path with an id, but for those that delete it."""
    for noun in NOUNS.values():
        resource = noun.resource
        named = {"parent_id": site.one(resource.parent.plural)} if resource.parent else {}
        if named:
            yield from setting(resource.collection, ["GET", "POST"], named)
        if resource.verbs.issuperset({Verb.CREATE, Verb.SHOW}) and resource.roles[Verb.SHOW] <= Role.MEMBER:
            yield from setting(
                resource.collection + "/{id}", ["GET", "PUT"], {**named, "id": site.one(resource.plural)}
            )


def setting(path: str, methods: list[str], named: dict[str, str]) -> list[str]:
    values = ", ".join(f'"path.{name}" = {json.dumps(value)}' for name, value in named.items())
    return [
        "[[operations]]",
        f"include-path = {json.dumps(path)}",
        f"include-method = {json.dumps(methods)}",
        f"parameters = {{ {values} }}",
        "",
    ]
