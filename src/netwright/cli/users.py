"""`netwright user`: who may ask."""

from __future__ import annotations

import sys
from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.fields import Field
from netwright.cli.find import find_id
from netwright.cli.identity_nouns import PROJECT, USER
from netwright.cli.nouns import Item
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group
from netwright.model.errors import InvalidError

_CREATE_HELP: Final = """Create a user. Without a password it gets in by application tokens only.

\b
Examples:
  netwright user create ann --project blue --role member --password-prompt
  netwright user create ci --project blue --role member
  netwright user create bob --password-stdin < bobs-password
"""
_CHANGE_HELP: Final = "Change one's own password: the old one and the new one are asked for."
ROLES: Final = ("admin", "member", "reader")


def _password(call: Call) -> Item:
    """From the one place that was named."""
    if sum(map(bool, (call.flag("password_prompt"), call.flag("password_stdin"), call.text("password")))) > 1:
        raise InvalidError("give the password in one way only")
    if call.flag("password_prompt"):
        return {"password": asked("Password", confirm=True)}
    if call.flag("password_stdin"):
        return {"password": sys.stdin.readline().rstrip("\r\n")}
    given = call.text("password")
    return {} if given is None else {"password": given}


def asked(what: str, *, confirm: bool = False) -> str:
    """A secret from the terminal, which does not show it."""
    return str(click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))


_PASSWORD: Final = Field(
    (
        click.Option(["--password-prompt"], is_flag=True, help="Ask for the password."),
        click.Option(["--password-stdin"], is_flag=True, help="Read the password from standard input."),
        click.Option(["--password"], metavar="TEXT", help="The password; who lists processes can see it."),
    ),
    _password,
)
_PROJECT: Final = fields.reference(
    "--project", "default_project_id", PROJECT, "Project it acts in at first, by name or id."
)
_ENABLED: Final = fields.switch("--enable/--disable", "enabled", "Whether it may ask at all.")
_EMAIL: Final = fields.text("--email", "email", "Where it reads mail.")
_VERBS: Final = Verbs(
    noun=USER,
    create=(_PASSWORD, _PROJECT, _EMAIL, fields.DESCRIPTION, _ENABLED),
    change=(fields.NEW_NAME, _PASSWORD, _PROJECT, _EMAIL, fields.DESCRIPTION, _ENABLED),
    choose=(fields.OF_NAME, _ENABLED),
)


def _create(call: Call) -> None:
    role, body = call.text("role"), _VERBS.asked(call)
    project = body.get("default_project_id")
    if role is not None and project is None:
        raise InvalidError("--role needs --project", "--role")
    made = call.client.create(USER, body)
    if role is not None:
        call.client.request("PUT", f"/v3/projects/{project}/users/{made['id']}/roles/{role}")
    print_item(made, USER, call.style)


def _change_password(call: Call) -> None:
    user = find_id(call.client, USER, call.required("reference"))
    old, new = asked("Old password"), asked("New password", confirm=True)
    body = {"user": {"original_password": old, "password": new}}
    call.client.request("POST", f"/v3/users/{user}/password", body)


_ROLE: Final = click.Option(
    ["--role"], type=click.Choice(ROLES), help="Its role in --project: each may what those after it may."
)
main: Final = group(
    "user",
    "Users: who may ask.",
    {
        **_VERBS.commands(),
        "create": command(
            "create", [click.Argument(["name"]), *fields.params(_VERBS.create), _ROLE], _create, _CREATE_HELP
        ),
        "password": command("password", [reference_argument(USER)], _change_password, _CHANGE_HELP),
    },
)
