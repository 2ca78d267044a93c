"""A plan's items on disk, a small file each, so that a change costs what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from netwright.agent.cache import PlanCache
from netwright.model.ids import HostName
from netwright.model.plan import HostPlan, Item, ItemKey, Items, Noun

_PORTS_LAST: Final = (Noun.HOST, Noun.NETWORK, Noun.GROUP, Noun.MEMBER, Noun.PORT, Noun.FLOATING_IP)
"""A port is on disk only while all that it names is."""


class ItemFiles:
    """Callers keep one another out; `stamp` tells them whether another has written since."""

    def __init__(self, directory: Path, host: HostName) -> None:
        self._directory, self._host = directory, host
        self._generation = directory / "generation"

    def stamp(self) -> tuple[int, ...]:
        """Another one after each `save`; empty before the first."""
        try:
            found = self._generation.stat()
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns

    def load(self) -> dict[ItemKey, Item]:
        """All of them; a file that cannot be read counts as none."""
        plans = (PlanCache(path).load(self._host) for path in self._directory.glob("items/*"))
        return {key: item for plan in plans if plan is not None for key, item in plan.items.items()}

    def save(self, before: Items, after: Items) -> None:
        """Writes what differs: what is new before what is gone."""
        fresh = self._generation.with_suffix(".new")
        fresh.touch()
        fresh.replace(self._generation)
        changed = [key for key, item in after.items() if before.get(key) != item]
        for key in sorted(changed, key=_turn):
            PlanCache(self._place(key)).save(HostPlan(self._host, 0, {key: after[key]}))
        for key in sorted(before.keys() - after.keys(), key=_turn, reverse=True):
            place = self._place(key)
            for path in place.glob("*"):
                path.unlink()
            if place.is_dir():
                place.rmdir()

    def _place(self, key: ItemKey) -> Path:
        """Ids of groups may be any text: none of it becomes a path."""
        return self._directory / "items" / f"{key.noun}-{uuid5(NAMESPACE_OID, key.id)}"


def _turn(key: ItemKey) -> int:
    return _PORTS_LAST.index(key.noun)
