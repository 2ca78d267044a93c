"""How often rules of the iptables engine were met."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from netwright.kernel.nft_counters import RuleCount
from netwright.kernel.rule_counters import Met
from netwright.kernel.xt_chains import by_place
from netwright.kernel.xt_looking import read_places
from netwright.kernel.xt_reading import Line, read_tables
from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.xtables import PREFIX, XtKey, XtKind

_TABLES: Final = ("mangle", "filter")
_FAMILIES: Final[tuple[Family, ...]] = ("ip", "ip6")


def read_xt_counters(chains: Collection[XtKey]) -> dict[XtKey, tuple[RuleCount, ...]]:
    """The rules of those chains that there are, in order, in the calling thread's namespace."""
    found: dict[XtKey, tuple[RuleCount, ...]] = {}
    for place, read in read_places(by_place(chains)).items():
        for name, lines in read.items():
            counts = (RuleCount(line.tag, line.packets, line.octets) for line in lines)
            found[place.key(XtKind.CHAIN, name)] = tuple(counts)
    return found


def read_rule_counters() -> Mapping[tuple[str, str, str], Met]:
    """By family, chain and tag, all of ours that bear a tag. Raises KernelRefusedError."""
    found: dict[tuple[str, str, str], Met] = {}
    for family in _FAMILIES:
        for table in _TABLES:
            for chain, lines in _chains(family, table).items():
                for line in lines:
                    if line.tag and chain.startswith(PREFIX):
                        found[family, chain, line.tag] = Met(line.packets, line.octets)
    return found


def _chains(family: Family, table: str) -> Mapping[str, list[Line]]:
    """In the back end that has them: asking the other one for a table would make it there."""
    names = Path(f"/proc/thread-self/net/{family}_tables_names")
    legacy = names.exists() and table in names.read_text().split()
    backends: tuple[Backend, ...] = ("legacy", "nft") if legacy else ("nft",)
    for backend in backends:
        chains = read_tables(Xtables(family, backend).save(table, counters=True)).get(table, {})
        if any(chain.startswith(PREFIX) for chain in chains):
            return chains
    return {}
