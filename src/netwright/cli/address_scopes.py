"""`netwright address-scope`: within which prefixes are unique."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields
from netwright.cli.fields import Field
from netwright.cli.nouns import ADDRESS_SCOPE
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create an address scope: no two subnet pools in it have some of the same addresses.

\b
Example:
  netwright address-scope create campus --ip-version 4
"""
_VERSION: Final = click.Option(
    ["--ip-version"], type=click.Choice(("4", "6")), default="4", show_default=True, help="Of its prefixes."
)
_SHARED: Final = fields.constant("--share", {"shared": True}, "Let all projects put their pools into it.")
_VERBS: Final = Verbs(
    noun=ADDRESS_SCOPE,
    create=(
        Field((_VERSION,), lambda call: {"ip_version": int(call.required("ip_version"))}),
        _SHARED,
        fields.PROJECT,
    ),
    change=(fields.NEW_NAME, _SHARED),
    choose=(
        fields.choice("--ip-version", "ip_version", "Only of this IP version.", ("4", "6")),
        fields.OF_NAME,
        fields.OF_PROJECT,
    ),
)

main: Final = group(
    "address-scope",
    "Address scopes: within which prefixes are unique.",
    {**_VERBS.commands(), "create": _VERBS.create_command(_CREATE_HELP)},
)
