"""Reads chains of several tables and families at once: one program a family, all at the same time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from netwright.kernel.ebtables import Ebtables
from netwright.kernel.tools import Running
from netwright.kernel.xt_presence import Named
from netwright.kernel.xt_reading import Chains, Place, read_listed, read_tables
from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import BRIDGE

_BACKENDS: Final[tuple[Backend, ...]] = ("nft", "legacy")
_FAMILIES: Final[tuple[Family, ...]] = ("ip", "ip6")
Owner = tuple[str, str]
"""A back end and a family."""
TOOLS: Final[Mapping[Owner, Xtables | Ebtables]] = {
    ("", BRIDGE): Ebtables(),
    **{(backend, family): Xtables(family, backend) for backend in _BACKENDS for family in _FAMILIES},
}
_MANY: Final = 100
"""Of more chains than this, their tables are read as a whole."""
Tables = Mapping[str, Chains]
Asked = Mapping[str, Collection[str]]
"""Names of chains, by table."""


def read_places(
    asked: Mapping[Place, Collection[str]], written: Mapping[Place, Collection[str]] | None = None
) -> dict[Place, Chains]:
    """Of each place, those chains that are there. `written`: these surely are, or else it takes longer.

    Raises KernelRefusedError.
    """
    sure = _by_owner(written or {})
    looks = {
        owner: _Look(TOOLS[owner], tables, sure.get(owner, {}))
        for owner, tables in _by_owner(asked).items()
        if TOOLS[owner].there
    }
    found = {owner: look.finish() for owner, look in looks.items()}
    return {place: found.get((place.backend, place.family), {}).get(place.table, {}) for place in asked}


def _by_owner(places: Mapping[Place, Collection[str]]) -> dict[Owner, dict[str, Collection[str]]]:
    owners: dict[Owner, dict[str, Collection[str]]] = {}
    for place, names in places.items():
        owners.setdefault((place.backend, place.family), {})[place.table] = names
    return owners


class _Look:
    """At some chains of one family: begun when it is made."""

    def __init__(self, tool: Xtables | Ebtables, asked: Asked, written: Asked) -> None:
        self._tool, self._asked = tool, asked
        few = sum(map(len, asked.values())) <= _MANY
        self._listed = self._present(written) if few else None
        self._running: Running | None = None
        if self._listed:
            self._running = tool.start_listing(self._listed)
        elif self._listed is None:
            self._running = self._start_save()

    def finish(self) -> Tables:
        if not self._running:
            return {}
        if self._listed is None:
            return _chosen(self._running.finish(), self._asked)
        try:
            return read_listed(self._running.finish(), self._listed)
        except (KernelRefusedError, ValueError):
            # One of them went meanwhile.
            return _chosen(self._start_save().finish(), self._asked)

    def _present(self, written: Asked) -> list[Named] | None:
        """In the order of tables: that of a listing."""
        sure = {
            (table, name)
            for table, names in self._asked.items()
            for name in names
            if name in written.get(table, ())
        }
        unsure = {
            table: left
            for table, names in self._asked.items()
            if (left := [name for name in names if (table, name) not in sure])
        }
        there = self._tool.present(unsure)
        return None if there is None else sorted(sure | there)

    def _start_save(self) -> Running:
        only = next(iter(self._asked)) if len(self._asked) == 1 else None
        return self._tool.start_save(only, counters=True)


def _chosen(text: str, asked: Asked) -> Tables:
    every = {name for names in asked.values() for name in names}
    return {
        table: {name: lines for name, lines in chains.items() if name in asked.get(table, ())}
        for table, chains in read_tables(text, every).items()
    }
