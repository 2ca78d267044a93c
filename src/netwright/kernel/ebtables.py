"""ebtables, whatever its back end: tables read as a whole, parts of them written in one go.

It knows no comments and no numbered rules: what is ours is ours by its chain's name, and compared as printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netwright.kernel.xtables import find_tool, run_tool
from netwright.model.errors import KernelRefusedError

PACKAGE: Final = "iptables"
"""It has ebtables' nft back end; the legacy one is in the package ebtables."""


@dataclass(frozen=True, slots=True)
class Ebtables:
    """The bridge family's tables. Runs in the namespace of the thread that calls."""

    def save(self, table: str | None = None, *, counters: bool = False) -> str:
        """Raises KernelRefusedError."""
        argv = [*(("-t", table) if table else ()), *(("-c",) if counters else ())]
        return run_tool("ebtables-save", argv, package=PACKAGE)

    def chain(self, table: str, name: str) -> str:
        """One chain as `save` prints it; empty where it is not."""
        try:
            listed = run_tool("ebtables", ["-t", table, "-L", name], package=PACKAGE)
        except KernelRefusedError:
            if find_tool("ebtables") is None:
                raise
            return ""
        _, _, rules = listed.partition("Bridge chain: ")
        return "\n".join([f":{name}", *(f"-A {name} {rule}" for rule in rules.splitlines()[1:])])

    def restore(self, text: str) -> None:
        """Writes what the text names; other chains stay. Raises KernelRefusedError.

        Counters of chains that it names start anew.
        """
        lines = text.replace("COMMIT\n", "")
        run_tool("ebtables-restore", ["--noflush"], lines, package=PACKAGE)

    @property
    def singly(self) -> bool:
        """Whether the kernel gives out one chain without the whole table."""
        return True

    @property
    def there(self) -> bool:
        return find_tool("ebtables-restore") is not None
