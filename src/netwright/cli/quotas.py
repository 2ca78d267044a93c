"""`netwright quota`: how much a project may have."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import click

from netwright.cli.command import Call, command, reference_argument
from netwright.cli.errors import RefusedError
from netwright.cli.governance_nouns import LIMIT, PROJECT_LIMITS
from netwright.cli.identity_nouns import PROJECT
from netwright.cli.nouns import Item
from netwright.cli.output import print_document, print_items
from netwright.cli.verbs import group
from netwright.model.errors import InvalidError

_SET_HELP: Final = """Limit what a project may have; -1 stands for any number.

\b
Examples:
  netwright quota set blue port=1000 network=-1
  netwright quota set 8a4c… port=10 --force      although it has more

The project is named by its name or id; by its id alone where the server keeps no projects of its own.
"""
_PATH: Final = "/v2.0/quotas"
_PROJECT: Final = reference_argument(PROJECT, "project")


def _list(call: Call) -> None:
    print_items(call.client.list(PROJECT_LIMITS), PROJECT_LIMITS, call.style)


def _show(call: Call) -> None:
    part = "default" if call.flag("default") else "details"
    _print(call, _quota(call.client.request("GET", f"{_path(call)}/{part}")))


def _set(call: Call) -> None:
    wanted = dict(map(_limit, call.texts("limits")))
    body = {**wanted, "force": True} if call.flag("force") else wanted
    path = _path(call)
    call.client.request("PUT", path, {"quota": body})
    _print(call, _quota(call.client.request("GET", f"{path}/details")))


def _unset(call: Call) -> None:
    call.client.request("DELETE", _path(call))


def _path(call: Call) -> str:
    return f"{_PATH}/{quote(_project(call), safe='')}"


def _project(call: Call) -> str:
    """The id of the project that is named; what is given, where the server keeps no projects."""
    given = call.required("project")
    try:
        return call.id_of(PROJECT, given)
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return given


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.removeprefix("-").isdigit():
        raise InvalidError(f"'{text}' is not NAME=NUMBER", "limits")
    return name, int(number)


def _quota(answer: object) -> Item:
    found = answer.get("quota") if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def _print(call: Call, quota: Item) -> None:
    if not call.style.tabular:
        print_document(quota, call.style)
        return
    rows = [
        {"name": name, **limit} if isinstance(limit, dict) else {"name": name, "limit": limit}
        for name, limit in quota.items()
    ]
    print_items(rows, LIMIT, call.style)


main: Final = group(
    "quota",
    "Quotas: how much a project may have.",
    {
        "list": command("list", [], _list, "List projects that have limits of their own."),
        "show": command(
            "show",
            [_PROJECT, click.Option(["--default"], is_flag=True, help="What holds where nothing is set.")],
            _show,
            "Show a project's limits, and what it has.",
        ),
        "set": command(
            "set",
            [
                _PROJECT,
                click.Argument(["limits"], nargs=-1, required=True, metavar="NAME=NUMBER..."),
                click.Option(["--force"], is_flag=True, help="Also below what the project has."),
            ],
            _set,
            _SET_HELP,
        ),
        "unset": command("unset", [_PROJECT], _unset, "Let the defaults hold again."),
    },
)
