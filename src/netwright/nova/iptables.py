"""IptablesManager by its old name and ways: chains and rules kept in memory, written when told to apply.

What it writes is known by its marks (iptables_marks.py), so that a later life finds it again; what bears
none is a stranger's, and stays where it is.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import structlog

from netwright.kernel.tools import run_tool
from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.iptables_marks import BINARY, BINARY_LENGTH, read_table
from netwright.nova.iptables_rules import IptablesRule, IptablesTable
from netwright.nova.iptables_text import Bounds, Change, aim, change, inherited

__all__ = ["Execute", "IptablesManager", "IptablesOptions", "IptablesRule", "IptablesTable"]

_ATTEMPTS: Final = 10
_BUILT_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "filter": ("INPUT", "OUTPUT", "FORWARD"),
    "nat": ("PREROUTING", "OUTPUT", "POSTROUTING"),
    "mangle": ("POSTROUTING",),
}
_FAMILIES: Final[Mapping[int, Family]] = {4: "ip", 6: "ip6"}
_MISSING: Final = re.compile("able does not exist|can't initialize|CHAIN_ADD failed")
_LOG: Final = structlog.get_logger("netwright.nova")


class Execute(Protocol):
    """Runs a program as root and gives back what it printed, and what it complained of.

    A KernelRefusedError is taken for another writer's doing and tried again; anything else ends the apply.
    """

    def __call__(
        self, *argv: str, process_input: str = "", run_as_root: bool = True, attempts: int = 1
    ) -> tuple[str, str]: ...


@dataclass(frozen=True, slots=True)
class IptablesOptions:
    """`binary`: the prefix of wrapped chains; `shared`: that of the two chains that several binaries share,
    who all have to say the same. `backend`: `auto` is whatever the host's `iptables` is.

    `top_regex` and `bottom_regex`: iptables_top_regex and iptables_bottom_regex, which strangers' rules
    (as `-m … -j …`, without the chain) ours stay below and above.
    """

    binary: str = BINARY
    backend: Literal["auto", "legacy", "nft"] = "auto"
    use_ipv6: bool = True
    top_regex: str = ""
    bottom_regex: str = ""
    shared: str = BINARY


class IptablesManager:
    """`ipv4` and `ipv6`: the tables by name.

    With `execute`, programs are run by it; else in the namespace of the calling thread. Raises InvalidError
    for options whose regex is none.
    """

    def __init__(self, execute: Execute | None = None, options: IptablesOptions | None = None) -> None:
        self.options = options or IptablesOptions()
        self.iptables_apply_deferred = False
        self.ipv4 = {name: _fresh(name, self.options) for name in _BUILT_IN}
        self.ipv6 = {name: _fresh(name, self.options) for name in _BUILT_IN}
        self._bounds = Bounds(
            _pattern(self.options.top_regex, "iptables_top_regex"),
            _pattern(self.options.bottom_regex, "iptables_bottom_regex"),
        )
        self._execute = execute
        self._backend: Backend | None = None if self.options.backend == "auto" else self.options.backend
        self._complete = False
        self._lock = threading.RLock()

    def defer_apply_on(self) -> None:
        self.iptables_apply_deferred = True

    def defer_apply_off(self) -> None:
        """What was put off is applied now."""
        self.iptables_apply_deferred = False
        self.apply()

    def dirty(self) -> bool:
        """Whether there is anything that an apply would look at."""
        return any(table.dirty for _, _, table in self._tables())

    def apply(self) -> None:
        """Brings the dirty tables into the kernel; runs nothing if none is, or if told to wait.

        Each table is clean once its own restore has succeeded; what failed is tried again by the next
        apply. Raises KernelRefusedError with what was said of the first that failed.
        """
        if self.iptables_apply_deferred:
            return
        with self._lock:
            refused = [error for one in self._tables() if one[2].dirty and (error := self._try(*one))]
        if refused:
            raise refused[0]

    def sweep(self) -> None:
        """Says that all is here that shall be: what this binary's earlier lives left goes, now and later."""
        with self._lock:
            self._complete = True
            for _, _, table in self._tables():
                table.dirty = True
        self.apply()

    def _tables(self) -> Iterator[tuple[Family, str, IptablesTable]]:
        for version, tables in ((4, self.ipv4), (6, self.ipv6)):
            if version == 4 or self.options.use_ipv6:
                yield from ((_FAMILIES[version], name, table) for name, table in tables.items())

    def _try(self, family: Family, name: str, table: IptablesTable) -> KernelRefusedError | None:
        changes, removed = table.changes, list(table.remove_rules)
        try:
            written = self._apply(family, name, table)
        except KernelRefusedError as refused:
            if not (_MISSING.search(refused.said) and _is_bare(table, name, self.options)):
                return refused
            # A kernel without this table (IPv6's nat, say) lacks nothing as long as nothing was asked of it.
            _LOG.warning("iptables_table_missing", table=name, family=family, said=refused.said)
            written = 0
        if written:
            _LOG.info("iptables_applied", table=name, family=family, lines=written)
        if table.changes == changes:
            table.applied()
        else:
            del table.remove_rules[: len(removed)]
        return None

    def _apply(self, family: Family, name: str, table: IptablesTable) -> int:
        """Looks, writes what differs, and looks again where rules were put among others'."""
        written, before = 0, ""
        for attempt in range(_ATTEMPTS):
            found = self._change(family, name, table)
            if not found.lines:
                break
            text = "\n".join(found.lines) + "\n"
            try:
                self._restore(family, text)
            except KernelRefusedError:
                # Another writer may have come between; the same text refused twice is a fault of its own.
                if text == before or attempt == _ATTEMPTS - 1:
                    raise
                before = text
                continue
            written += len(found.lines)
            if not found.between:
                break
        return written

    def _change(self, family: Family, name: str, table: IptablesTable) -> Change:
        saved = read_table(self._save(family, name), name)
        table.remove_marked |= inherited(table, saved)
        return change(name, saved, aim(table, self._bounds, complete=self._complete), complete=self._complete)

    def _save(self, family: Family, name: str) -> str:
        if self._execute is None:
            return self._xtables(family).save(name, counters=True)
        argv = (self._program(family, "save"), "-t", name, "-c")
        return self._execute(*argv, run_as_root=True, attempts=_ATTEMPTS)[0]

    def _restore(self, family: Family, text: str) -> None:
        if self._execute is None:
            self._xtables(family).restore(text, counters=True)
            return
        argv = (self._program(family, "restore"), "-w", "--noflush", "-c")
        self._execute(*argv, process_input=text, run_as_root=True, attempts=_ATTEMPTS)

    def _program(self, family: Family, verb: str) -> str:
        backend = f"-{self._backend}" if self._backend else ""
        return f"{family}tables{backend}-{verb}"

    def _xtables(self, family: Family) -> Xtables:
        if self._backend is None:
            self._backend = "nft" if "nf_tables" in run_tool("iptables", ["-V"]) else "legacy"
        return Xtables(family, self._backend)


def get_binary_name(program: str = BINARY) -> str:
    """A program's path as the prefix of its chains: its last part, at most 16 characters.

    Given by the caller, not looked up in the call stack.
    """
    return program.rsplit("/", 1)[-1][:BINARY_LENGTH]


def _fresh(name: str, options: IptablesOptions) -> IptablesTable:
    """The table with its built-in chains wrapped, and the chains that all binaries share."""
    table = IptablesTable(options.binary)
    top, bottom = f"{options.shared}-filter-top", f"{options.shared}-postrouting-bottom"
    if name == "filter":
        table.add_chain(top, wrap=False)
        for chain in ("FORWARD", "OUTPUT"):
            table.add_rule(chain, f"-j {top}", wrap=False, top=True)
        table.add_chain("local")
        table.add_rule(top, "-j $local", wrap=False)
    for chain in _BUILT_IN[name]:
        table.add_chain(chain)
        table.add_rule(chain, f"-j ${chain}", wrap=False)
    if name == "nat":
        table.add_chain(bottom, wrap=False)
        table.add_rule("POSTROUTING", f"-j {bottom}", wrap=False)
        for chain in ("snat", "float-snat"):
            table.add_chain(chain)
        table.add_rule(bottom, "-j $snat", wrap=False)
        table.add_rule("snat", "-j $float-snat")
    table.shared = set(table.chains)
    return table


def _is_bare(table: IptablesTable, name: str, options: IptablesOptions) -> bool:
    """Whether nobody asked for more than every table has."""
    fresh = _fresh(name, options)
    return table.rules == fresh.rules and table.chains == fresh.chains


def _pattern(text: str, where: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise InvalidError(f"{text!r} is no pattern: {error}", where) from error
