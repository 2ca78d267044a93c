"""iptables and ip6tables in either back end: whole tables read, parts of tables written in one go.

Decides nothing and knows no names. Programs run in the namespace of the thread that calls, and through
one pipe: nothing is left on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from netwright.kernel.tools import Running, find_tool, start_tool
from netwright.kernel.xt_presence import present_chains, present_legacy_chains

Family = Literal["ip", "ip6"]
Backend = Literal["legacy", "nft"]

BACKENDS: Final = ("auto", "legacy", "nft")
"""What a user may ask for; `auto` is what `iptables` is on the host."""
_WAIT: Final = "--wait=30"
"""Seconds that others may hold the lock of the legacy back end (xtables.lock, iptables 1.6.2)."""


@dataclass(frozen=True, slots=True)
class Xtables:
    """One family's tables in one back end."""

    family: Family
    backend: Backend

    @property
    def there(self) -> bool:
        return find_tool(self.program("save")) is not None

    def save(self, table: str | None = None, *, counters: bool = False) -> str:
        """One table, or all that there are, as `iptables-save` prints them.

        Raises KernelRefusedError.
        """
        return self.start_save(table, counters=counters).finish()

    def start_save(self, table: str | None = None, *, counters: bool = False) -> Running:
        return start_tool(self.program("save"), save_options(table, counters=counters))

    def present(self, chains: Mapping[str, Collection[str]]) -> set[tuple[str, str]] | None:
        """Which of these there are, by table; None where that cannot be told. No table is made by asking."""
        if self.backend == "nft":
            return present_chains(self.family, chains)
        return present_legacy_chains(self.family, chains)

    def start_listing(self, chains: Collection[tuple[str, str]]) -> Running:
        """Chains that there are, as `iptables -S -v` prints each, of as many tables as it takes."""
        return start_tool(self.program("restore"), [_WAIT, "--noflush"], listing("-v -S", chains, "COMMIT\n"))

    def restore(self, text: str, *, counters: bool = False) -> None:
        """Writes the chains that the text names, each table at once; other chains stay (`--noflush`).

        With `counters`, those in the text are taken over. Raises KernelRefusedError with what was said
        and the line that it was said of; the tables after that line are as they were.
        """
        self.start_restore(text, counters=counters).finish()

    def start_restore(self, text: str, *, counters: bool = False) -> Running:
        argv = [_WAIT, "--noflush", *(("--counters",) if counters else ())]
        return start_tool(self.program("restore"), argv, text)

    def program(self, verb: str) -> str:
        """`iptables-nft-save` and the like."""
        return f"{self.family}tables-{self.backend}" + (f"-{verb}" if verb else "")


def save_options(table: str | None, *, counters: bool) -> list[str]:
    """What every `-save` program is told: one table or all, with or without counters."""
    return [*(("-t", table) if table else ()), *(("-c",) if counters else ())]


def listing(command: str, chains: Collection[tuple[str, str]], end: str) -> str:
    """What a restore is told for it to print those chains, in this order, and to write nothing."""
    lines: list[str] = []
    for table in dict.fromkeys(table for table, _ in chains):
        names = [name for one, name in chains if one == table]
        lines += [f"*{table}\n", *(f"{command} {name}\n" for name in names), end]
    return "".join(lines)
