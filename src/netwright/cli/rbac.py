"""`netwright rbac`: what is shared, and with whom."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command
from netwright.cli.governance_nouns import RBAC_POLICY, SHARED
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group

_HELP: Final = """Share a thing with one project, or with all.

\b
Examples:
  netwright rbac create network blue --target green
  netwright rbac create network wan --external --target 8a4c…
  netwright rbac create qos-policy gold --target '*'
"""
_TARGET_HELP: Final = "Project that it is shared with, by name or id; * for all."
_TARGET: Final = fields.project("--target", "target_tenant", _TARGET_HELP, all_of_them="*")
_NEW: Final = (
    fields.project("--target", "target_tenant", _TARGET_HELP, required=True, all_of_them="*"),
    fields.PROJECT,
)
_KINDS: Final = tuple(kind.replace("-", "_") for kind in SHARED)
_VERBS: Final = Verbs(
    noun=RBAC_POLICY,
    create=(),
    change=(_TARGET,),
    choose=(
        fields.choice("--kind", "object_type", "Only of these things.", _KINDS),
        fields.text("--thing", "object_id", "Only of this thing.", metavar="ID"),
        _TARGET,
        fields.OF_PROJECT,
    ),
)


def _create(call: Call) -> None:
    kind = call.required("kind")
    body = {
        "object_type": kind.replace("-", "_"),
        "object_id": call.id_of(SHARED[kind], call.required("thing")),
        "action": "access_as_external" if call.flag("external") else "access_as_shared",
        **fields.body(call, _NEW),
    }
    print_item(call.client.create(RBAC_POLICY, body), RBAC_POLICY, call.style)


_CREATE: Final = command(
    "create",
    [
        click.Argument(["kind"], type=click.Choice(tuple(SHARED))),
        click.Argument(["thing"], metavar="NAME|ID"),
        click.Option(["--external"], is_flag=True, help="Of a network: as external, not as one's own."),
        *fields.params(_NEW),
    ],
    _create,
    _HELP,
)

main: Final = group("rbac", "RBAC: what is shared, and with whom.", {**_VERBS.commands(), "create": _CREATE})
