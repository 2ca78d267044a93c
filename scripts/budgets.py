"""Fails when a file is longer than 500 lines or a function longer than 50 (ARCHITECTURE.md, budgets)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

FILE_LIMIT: Final = 500
FUNCTION_LIMIT: Final = 50
ROOTS: Final = ("src", "tests", "bench", "scripts")


def excesses(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    if (lines := len(text.splitlines())) > FILE_LIMIT and "migrations" not in path.parts:
        found.append(f"{path}: {lines} lines, at most {FILE_LIMIT}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT and "migrations" not in path.parts:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LIMIT}"
                )
    return found


def main() -> int:
    found = [line for root in ROOTS for path in sorted(Path(root).rglob("*.py")) for line in excesses(path)]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
