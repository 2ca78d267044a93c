"""What every change to projects, users, roles and credentials shares: what was known before is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from netwright.control.refusals import invalid
from netwright.control.world import Work, World
from netwright.store import tokens

_MOST_EXTRA: Final = 16384
"""Bytes of JSON."""


@contextmanager
def change(world: World) -> Iterator[Work]:
    """A transaction after which no process goes on with what it remembers of proofs: this one at once,
    others within a second."""
    with world.work() as work:
        yield work
        tokens.revise(work.connection)
    world.identities.changed()


def kept(given: Mapping[str, object], before: Mapping[str, object]) -> Mapping[str, object]:
    """Attributes that mean nothing here, old and new. Raises InvalidError where they are too much."""
    both = {**before, **given}
    if given and len(msgspec.json.encode(both)) > _MOST_EXTRA:
        raise invalid("body", f"further attributes take more than {_MOST_EXTRA} bytes.")
    return both
