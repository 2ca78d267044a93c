"""`netwright identity`: the first admin of a server with users of its own."""

from __future__ import annotations

import os
import secrets
import shlex
from typing import Final

import click

from netwright.cli.command import Call, command
from netwright.cli.find import find
from netwright.cli.identity_nouns import PROJECT, USER
from netwright.cli.nouns import Item
from netwright.cli.output import print_document
from netwright.cli.verbs import group
from netwright.model.errors import NotFoundError

_HELP: Final = """Make the user admin, an admin, with a fresh password; print what OpenStack's clients need.

Run it where the server's Unix socket is: who may open that is admin already. Once more, it changes the
password. The user, its role in project admin and its password are all that it touches.

\b
Examples:
  netwright identity bootstrap > admin-openrc && . ./admin-openrc && openstack network list
  netwright identity bootstrap --auth-url https://net.example.org/v3 --format json
"""
_PROJECT: Final = "default"
"""The id of the project that is there from the beginning."""
_VARIABLE: Final = "NETWRIGHT_ADMIN_PASSWORD"


def _bootstrap(call: Call) -> None:
    password = call.text("password") or os.environ.get(_VARIABLE) or secrets.token_urlsafe(24)
    name, project = call.required("user"), find(call.client, PROJECT, _PROJECT)
    user = _user(call, name, password)
    call.client.request("PUT", f"/v3/projects/{project['id']}/users/{user['id']}/roles/admin")
    told = {
        "OS_AUTH_URL": call.required("auth_url"),
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": name,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": str(project["name"]),
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "RegionOne",
    }
    if call.style.format in {"json", "yaml"}:
        print_document(told, call.style)
    else:
        click.echo("".join(f"export {key}={shlex.quote(value)}\n" for key, value in told.items()), nl=False)


def _user(call: Call, name: str, password: str) -> Item:
    body = {"password": password, "enabled": True, "default_project_id": _PROJECT}
    try:
        there = find(call.client, USER, name)
    except NotFoundError:
        return call.client.create(USER, {"name": name, **body})
    return call.client.update(USER, str(there["id"]), body)


main: Final = group(
    "identity",
    "The first admin of a server with users of its own.",
    {
        "bootstrap": command(
            "bootstrap",
            [
                click.Option(["--user"], default="admin", show_default=True, help="Its name."),
                click.Option(["--password"], help=f"Its password; else ${_VARIABLE}, else a random one."),
                click.Option(
                    ["--auth-url"],
                    default="http://127.0.0.1:9696/v3",
                    show_default=True,
                    metavar="URL",
                    help="Where clients find the server, as they are told.",
                ),
            ],
            _bootstrap,
            _HELP,
        ),
    },
)
