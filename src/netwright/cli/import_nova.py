"""`netwright-manage import-nova`: a nova-network deployment's rows into netwright's store."""

from __future__ import annotations

from collections import Counter
from typing import Final

import click

from netwright.cli.errors import Exit
from netwright.cli.manage_command import Asked, command, option, switch
from netwright.cli.nouns import Column, Noun
from netwright.cli.output import print_items
from netwright.cli.text import escaped
from netwright.nova.import_nova import State, Step, bring
from netwright.nova.import_read import old_database

STEP: Final = Noun(
    "step",
    "step",
    (
        Column("TABLE", "table"),
        Column("ID", "id"),
        Column("WHAT", "what"),
        Column("STATE", "state"),
        Column("WHY", "why"),
    ),
)
_WORDS: Final = {
    False: {State.MADE: "would be made", State.THERE: "there already", State.REFUSED: "cannot be"},
    True: {State.MADE: "made", State.THERE: "there already", State.REFUSED: "not made"},
}


def import_nova(asked: Asked) -> int:
    """Exit code 4 where a row cannot be brought."""
    apply = asked.flag("apply")
    with old_database(asked.required("connection")) as old:
        steps = bring(asked.world, old, asked.options, apply=apply)
    items = [
        {"table": one.table, "id": one.id, "what": one.what, "state": one.state.value, "why": one.why or None}
        for one in steps
    ]
    print_items(items, STEP, asked.style)
    click.echo(escaped(_summary(steps, apply=apply)), err=True)
    return Exit.CONFLICT if any(one.state is State.REFUSED for one in steps) else Exit.OK


def _summary(steps: list[Step], *, apply: bool) -> str:
    count = Counter(one.state for one in steps)
    words = ", ".join(f"{count[state]} {word}" for state, word in _WORDS[apply].items())
    return f"{words}." if apply else f"{words}. Nothing was written: give --apply to do it."


main: Final = command(
    "import-nova",
    [
        option("connection", "SQLAlchemy URL of nova's database, which is only read.", metavar="URL"),
        switch("apply", "Do it. Without this, what would be done is listed."),
    ],
    import_nova,
    """Bring networks, fixed and floating IPs, interfaces and security groups of nova-network.

Deleted rows are passed over; rows that cannot be brought are listed with the reason, and do not stop the
others. What is in the store already stays as it is, so that a second run changes nothing.

\b
Examples:
  netwright-manage import-nova --connection mysql+pymysql://nova:secret@db/nova
  netwright-manage --config-file /etc/nova/nova.conf import-nova --connection sqlite:////tmp/nova.db --apply
""",
)
