"""`netwright log`: what security groups let through and drop, written down packet by packet."""

from __future__ import annotations

from typing import Final

from netwright.cli import fields
from netwright.cli.nouns import LOG, PORT, SECURITY_GROUP
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Log what a security group lets through, drops, or both.

Each host writes its packets to packets.log in its state directory, a line of JSON each: of connections
that a rule lets begin, the first packet; and what no rule of the port's groups lets through. Without
--security-group and --port it is about all of the project's ports.

\b
Examples:
  netwright log create refused --security-group web --event drop
  netwright log create all-of-web1 --port web1
"""
_ENABLED: Final = fields.switch("--enable/--disable", "enabled", "Whether it logs.")
_EVENTS: Final = ("ALL", "ACCEPT", "DROP")
_ABOUT: Final = (
    fields.reference("--security-group", "resource_id", SECURITY_GROUP, "Of this security group."),
    fields.reference("--port", "target_id", PORT, "Of this port."),
    fields.choice("--event", "event", "Which packets: all, let through, dropped.", _EVENTS),
)
_KIND: Final = fields.Field((), lambda _: {"resource_type": "security_group"})
_VERBS: Final = Verbs(
    noun=LOG,
    create=(_KIND, *_ABOUT, fields.DESCRIPTION, _ENABLED, fields.PROJECT),
    change=(fields.NEW_NAME, fields.DESCRIPTION, _ENABLED),
    choose=(fields.OF_NAME, *_ABOUT, fields.OF_PROJECT),
)

main: Final = group(
    "log",
    "Logs: packets that security groups let through or drop.",
    {**_VERBS.commands(), "create": _VERBS.create_command(_CREATE_HELP)},
)
