"""ebtables, whatever its back end: tables read as a whole, parts of them written in one go.

It knows no comments and no numbered rules: what is ours is ours by its chain's name, and compared as printed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from netwright.kernel.libnftables import Nftables
from netwright.kernel.tools import Running, find_tool, run_tool, start_tool
from netwright.kernel.xt_presence import present_chains
from netwright.kernel.xtables import listing

PACKAGE: Final = "iptables"
"""It has ebtables' nft back end; the legacy one is in the package ebtables."""


@dataclass(frozen=True, slots=True)
class Ebtables:
    """The bridge family's tables. Runs in the namespace of the thread that calls."""

    def save(self, table: str | None = None, *, counters: bool = False) -> str:
        """Raises KernelRefusedError."""
        return self.start_save(table, counters=counters).finish()

    def start_save(self, table: str | None = None, *, counters: bool = False) -> Running:
        argv = [*(("-t", table) if table else ()), *(("-c",) if counters else ())]
        return start_tool("ebtables-save", argv, package=PACKAGE)

    def present(self, chains: Mapping[str, Collection[str]]) -> set[tuple[str, str]] | None:
        """Which of these there are, by table; None in the legacy back end, which lists only whole tables."""
        return present_chains("bridge", chains) if _is_nft() else None

    def start_listing(self, chains: Collection[tuple[str, str]]) -> Running:
        """Chains that there are, as `ebtables -L` prints each."""
        return start_tool("ebtables-restore", ["--noflush"], listing("-L", chains, ""), package=PACKAGE)

    def restore(self, text: str) -> None:
        """Writes what the text names; other chains stay. Raises KernelRefusedError.

        Counters of chains that it names start anew.
        """
        self.start_restore(text).finish()

    def start_restore(self, text: str) -> Running:
        lines = text.replace("COMMIT\n", "")
        return start_tool("ebtables-restore", ["--noflush"], lines, package=PACKAGE)

    @property
    def there(self) -> bool:
        return find_tool("ebtables-restore") is not None


@cache
def _is_nft() -> bool:
    return "nf_tables" in run_tool("ebtables", ["--version"], package=PACKAGE)


_META_PROBE: Final = """
add table bridge netwright_probe
add chain bridge netwright_probe c
add rule bridge netwright_probe c meta ibrname "br0" accept
"""


@cache
def tells_bridges() -> bool:
    """Whether `--logical-in` and `--logical-out` are there: in the nft back end they need NFT_BRIDGE_META."""
    if not _is_nft():
        return True
    nft = Nftables()
    try:
        return nft.accepts(_META_PROBE)
    finally:
        nft.close()
