"""`netwright token`: long-lived secrets for programs."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command, completer, name_argument
from netwright.cli.errors import Exit
from netwright.cli.find import find
from netwright.cli.identity_nouns import PROJECT, USER, tokens_of
from netwright.cli.nouns import Item, Noun
from netwright.cli.output import print_item, print_items
from netwright.cli.users import ROLES
from netwright.cli.verbs import group

_CREATE_HELP: Final = """Create an application token: a program that has it acts for a user in one project.

The secret is printed this once, for `Authorization: Bearer`, for `--token`, and as an application
credential's for OpenStack's clients. It lives until it is deleted, or until --expires.

\b
Examples:
  netwright token create ci --user ann --project blue --role reader
  NETWRIGHT_TOKEN=$(netwright token create ci --user ann -c secret -f value) netwright network list
"""
_USER: Final = click.Option(
    ["--user"],
    metavar="USER",
    envvar="OS_USERNAME",
    show_envvar=True,
    required=True,
    help="Whose it is.",
    shell_complete=completer(USER),
)
_CREATE: Final = (
    fields.reference(
        "--project", "project_id", PROJECT, "Project to act in, by name or id; the user's default one."
    ),
    fields.value(
        "--role",
        "roles",
        f"{', '.join(ROLES)}; at most, and by default, the user's.",
        lambda given: [{"id": given}],
        metavar="ROLE",
    ),
    fields.text("--expires", "expires_at", "When it ends, as 2030-01-31T00:00:00Z."),
    fields.DESCRIPTION,
)


def _noun(call: Call) -> tuple[Noun, Item]:
    owner = find(call.client, USER, call.required("user"))
    return tokens_of(str(owner["id"])), owner


def _create(call: Call) -> None:
    noun, owner = _noun(call)
    default = owner.get("default_project_id")
    project = {} if default is None else {"project_id": default}
    body = {"name": call.required("name"), **project, **fields.body(call, _CREATE)}
    print_item(call.client.create(noun, body), noun, call.style)


def _list(call: Call) -> None:
    noun, _ = _noun(call)
    print_items(call.client.list(noun), noun, call.style)


def _delete(call: Call) -> int:
    noun, _ = _noun(call)
    call.client.delete(noun, str(find(call.client, noun, call.required("reference"))["id"]))
    return Exit.OK


main: Final = group(
    "token",
    "Application tokens: long-lived secrets for programs.",
    {
        "create": command("create", [name_argument(), _USER, *fields.params(_CREATE)], _create, _CREATE_HELP),
        "list": command("list", [_USER], _list, "List a user's application tokens."),
        "delete": command(
            "delete",
            [click.Argument(["reference"], metavar="TOKEN"), _USER],
            _delete,
            "Delete an application token, by name or id: nobody gets in with it any more.",
        ),
    },
)
