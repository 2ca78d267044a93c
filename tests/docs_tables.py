"""The tables of the documentation: their rows, and the tests that rows name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
TESTS: Final = ROOT / "tests"
SHORT: Final[Mapping[str, str]] = {
    "rules": "test_iptables_rules",
    "beside": "test_iptables_beside",
    "drivers": "test_firewall_drivers",
    "create": "test_create_networks",
    "fixed": "test_fixed_ips",
    "hosts": "test_manager_hosts",
}
"""What tables call test modules whose names are not test_<that>."""


@dataclass(frozen=True)
class Row:
    """One row of a table, by its columns' headings."""

    page: str
    cells: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.page}: {next(iter(self.cells.values()))}"


def rows(page: Path) -> Iterator[Row]:
    """Of all tables of the page; a first cell that is empty is the one above."""
    heading: list[str] = []
    above = ""
    for line in [*page.read_text().splitlines(), ""]:
        if not line.startswith("|"):
            heading = []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not heading:
            heading = cells
        elif not set(line) <= set("|-: "):
            assert len(cells) == len(heading), f"{page.name}: {line}"
            above = cells[0] or above
            yield Row(page.name, dict(zip(heading, [above, *cells[1:]], strict=True)))


def named_tests(cell: str) -> Iterator[tuple[str, str]]:
    """Of a cell as `iptables::a_first_apply…, an_apply_…; nat, l3::a_fake_…`: pairs of a module and the beginning
    of a test's name. A module alone has what the next one has."""
    module, alone = "", list[str]()
    for piece in re.split(r"[,;]\s+", re.sub(r"\s*\([^)]*\)", "", cell).replace("`", "")):
        before, _, name = piece.rpartition("::")
        if not before and ("/" in piece or not module):
            alone.append(name)
            continue
        if before:
            yield from ((one, name) for one in alone)
            module, alone = before, []
        yield module, name
    yield from ((one, "…") for one in alone)


def are_there(module: str, beginning: str) -> bool:
    """Whether the module has such a test; `…` alone stands for all that it has."""
    for names in modules_called(module):
        if beginning.endswith("…") and any(name.startswith(beginning[:-1]) for name in names):
            return True
        if beginning in names:
            return True
    return False


def modules_called(module: str) -> Iterator[frozenset[str]]:
    wanted = module.removesuffix(".py").split("/")[-1]
    for name in {wanted, f"test_{wanted}", SHORT.get(wanted, wanted)}:
        for path in TESTS.rglob(f"{name}.py"):
            yield names_of_tests(path)


@cache
def names_of_tests(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    found = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset(name.removeprefix("test_") for name in found if name.startswith("test_"))
