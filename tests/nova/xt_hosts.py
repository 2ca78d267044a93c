"""A namespace with iptables in one back end, and what it holds."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field

from netwright.kernel.xtables import Backend, Family, Xtables
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import NamespaceName
from netwright.nova.linux_net import IptablesManager, IptablesOptions
from netwright.testing.namespaces import run

STAMP = re.compile(r"^#.*\n", re.MULTILINE)
COUNT = re.compile(r"\[\d+:\d+\]")


@dataclass
class Host:
    """A namespace with one back end of iptables, which this thread is in."""

    name: NamespaceName
    backend: Backend
    runs: list[tuple[str, ...]] = field(default_factory=list)

    def manager(self, binary: str = "netwright", top: str = "", bottom: str = "") -> IptablesManager:
        options = IptablesOptions(binary, self.backend, top_regex=top, bottom_regex=bottom)
        return IptablesManager(self.execute, options)

    def execute(
        self, *argv: str, process_input: str = "", run_as_root: bool = True, attempts: int = 1
    ) -> tuple[str, str]:
        """As nova's own: notes what is run, and runs it."""
        assert run_as_root
        assert attempts
        self.runs.append(argv)
        done = subprocess.run(argv, input=process_input, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KernelRefusedError(argv[0], done.stderr)
        return done.stdout, done.stderr

    def dump(self, table: str = "filter", family: Family = "ip") -> str:
        """The table as saved, without dates and with counters."""
        return STAMP.sub("", Xtables(family, self.backend).save(table, counters=True))

    def plain(self, table: str = "filter", family: Family = "ip") -> str:
        return COUNT.sub("[]", self.dump(table, family))

    def chain(self, name: str, table: str = "filter", family: Family = "ip") -> list[str]:
        """What the chain's rules jump to, in order."""
        lines = self.dump(table, family).splitlines()
        return [line.rsplit(" -j ", 1)[-1] for line in lines if f" -A {name} " in line and " -j " in line]

    def do(self, words: str, family: Family = "ip") -> None:
        """iptables by hand, as any other writer uses it."""
        run(self.name, [f"{family}tables-{self.backend}", "-w", *words.split()])
