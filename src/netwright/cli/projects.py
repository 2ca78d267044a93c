"""`netwright project`: to whom things belong."""

from __future__ import annotations

from typing import Final

from netwright.cli import fields
from netwright.cli.identity_nouns import PROJECT
from netwright.cli.verbs import Verbs, group

_ENABLED: Final = fields.switch("--enable/--disable", "enabled", "Whether anybody may act in it.")
_VERBS: Final = Verbs(
    noun=PROJECT,
    create=(fields.DESCRIPTION, _ENABLED),
    change=(fields.NEW_NAME, fields.DESCRIPTION, _ENABLED),
    choose=(fields.OF_NAME, _ENABLED),
)
main: Final = group("project", "Projects: to whom networks, ports and groups belong.", _VERBS.commands())
