"""`netwright role`: who may do what in which project."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command
from netwright.cli.identity_nouns import PROJECT, ROLE_ASSIGNMENT, USER
from netwright.cli.output import print_items
from netwright.cli.users import ROLES
from netwright.cli.verbs import group

_HELP: Final = """Roles: who may do what in which project.

An admin may do everything, in all projects. A member makes and changes what belongs to its project; a
reader sees it.
"""
_ROLE: Final = click.Argument(["role"], type=click.Choice(ROLES))


def _about(*, required: bool) -> list[click.Parameter]:
    return fields.params(
        (
            fields.reference("--user", "user.id", USER, "The user.", required=required),
            fields.reference(
                "--project", "scope.project.id", PROJECT, "The project, by name or id.", required=required
            ),
        )
    )


def _path(call: Call) -> str:
    user, project = (call.id_of(USER, call.required("user")), call.id_of(PROJECT, call.required("project")))
    return f"/v3/projects/{project}/users/{user}/roles/{call.required('role')}"


def _add(call: Call) -> None:
    call.client.request("PUT", _path(call))


def _remove(call: Call) -> None:
    call.client.request("DELETE", _path(call))


def _list(call: Call) -> None:
    query = [("include_names", "true")]
    if user := call.text("user"):
        query.append(("user.id", call.id_of(USER, user)))
    if project := call.text("project"):
        query.append(("scope.project.id", call.id_of(PROJECT, project)))
    print_items(call.client.list(ROLE_ASSIGNMENT, query), ROLE_ASSIGNMENT, call.style)


main: Final = group(
    "role",
    _HELP,
    {
        "add": command("add", [_ROLE, *_about(required=True)], _add, "Give a user a role in a project."),
        "remove": command(
            "remove", [_ROLE, *_about(required=True)], _remove, "Take a user's role in a project away."
        ),
        "list": command("list", _about(required=False), _list, "List who may do what where."),
    },
)
