"""ebtables, whatever its back end: tables read as a whole, parts of them written in one go.

It knows no comments and no numbered rules: what is ours is ours by its chain's name, and compared as printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netwright.kernel.xtables import find_tool, run_tool

PACKAGE: Final = "ebtables"


@dataclass(frozen=True, slots=True)
class Ebtables:
    """The bridge family's tables. Runs in the namespace of the thread that calls."""

    def save(self, table: str | None = None, *, counters: bool = False) -> str:
        """Raises KernelRefusedError."""
        argv = [*(("-t", table) if table else ()), *(("-c",) if counters else ())]
        return run_tool("ebtables-save", argv, package=PACKAGE)

    def restore(self, text: str) -> None:
        """Writes what the text names; other chains stay. Raises KernelRefusedError.

        Counters of chains that it names start anew.
        """
        lines = text.replace("COMMIT\n", "")
        run_tool("ebtables-restore", ["--noflush"], lines, package=PACKAGE)

    @property
    def there(self) -> bool:
        return find_tool("ebtables-restore") is not None
