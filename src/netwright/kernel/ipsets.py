"""Sets of addresses, and of addresses on links.

Ours: those whose names are `netwright-` and what netwright's renderers make of ids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from netwright.kernel.tools import find_tool, run_tool
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import XtElement, XtKey, XtKind, XtSet, XtValue

PACKAGE: Final = "ipset"
FAMILY: Final = "set"
_PROGRAM: Final = "ipset"
_OURS: Final = re.compile(r"netwright-([amp][46]-[\w-]+|inside[46]|free[46])")
_SIZES: Final = "hashsize 64 maxelem 1048576"
_FEW: Final = 6
"""Up to so many sets are read one by one: others' sets may be large."""


class Ipsets:
    """Driver of sets and their elements. Runs in the namespace of the thread that calls."""

    def observe(self, keys: Collection[XtKey] | None = None) -> Mapping[XtKey, XtValue]:
        if find_tool(_PROGRAM) is None or (keys is not None and not keys):
            return {}
        names = sorted({key.name for key in keys}) if keys is not None else None
        found = parse_sets(_saved(names))
        return found if keys is None else {key: found[key] for key in keys if key in found}

    def put(self, items: Mapping[XtKey, XtValue]) -> None:
        """All in one go; a set whose kind is another must be free to be made anew."""
        sets = {key: value for key, value in items.items() if isinstance(value, XtSet)}
        lines = [f"create {key.name} {value.spec} {_SIZES}" for key, value in sets.items()]
        lines += [f"add {key.name} {key.item}" for key in items if key.kind is XtKind.ELEMENT]
        try:
            _restore(lines)
        except KernelRefusedError:
            there = self.observe(sets)
            stale = [key for key in sets if key in there and there[key] != sets[key]]
            if not stale:
                raise
            _restore([*(f"destroy {key.name}" for key in stale), *lines])

    def remove(self, keys: Collection[XtKey]) -> None:
        there = set(_names()) if keys else set()
        elements = [key for key in keys if key.kind is XtKind.ELEMENT and key.name in there]
        sets = [key for key in keys if key.kind is XtKind.SET and key.name in there]
        _restore(
            [*(f"del {key.name} {key.item}" for key in elements), *(f"destroy {key.name}" for key in sets)]
        )


def parse_sets(text: str) -> dict[XtKey, XtValue]:
    """What `ipset save` prints, ours of it."""
    found: dict[XtKey, XtValue] = {}
    for line in text.splitlines():
        verb, name, rest = (*line.split(" ", 2), "", "")[:3]
        if not _OURS.fullmatch(name):
            continue
        if verb == "create":
            kind, _, family, *_ = rest.split()
            found[XtKey(XtKind.SET, "", FAMILY, "", name)] = XtSet(f"{kind} family {family}")
        elif verb == "add":
            found[XtKey(XtKind.ELEMENT, "", FAMILY, "", name, rest.split()[0])] = XtElement()
    return found


def _saved(names: Collection[str] | None) -> str:
    if names is None or len(names) > _FEW:
        return run_tool(_PROGRAM, ["save"], package=PACKAGE)
    return "".join(_saved_one(name) for name in names)


def _saved_one(name: str) -> str:
    try:
        return run_tool(_PROGRAM, ["save", name], package=PACKAGE)
    except KernelRefusedError as refused:
        if "does not exist" in refused.said:
            return ""
        raise


def _names() -> list[str]:
    return run_tool(_PROGRAM, ["list", "-name"], package=PACKAGE).split()


def _restore(lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if text:
        run_tool(_PROGRAM, ["-exist", "restore"], text, package=PACKAGE)
