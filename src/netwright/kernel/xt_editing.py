"""A chain's rules as they are -> the lines that make them what they should be, in one commit.

Rules that stay are not written: the kernel goes on counting where it was, even while packets meet them.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from netwright.kernel.xt_reading import Line, comment, loose_rules
from netwright.model.xtables import BRIDGE, XtChain


def declared(family: str, name: str) -> str:
    """Makes a chain; empties one that is there (xtables-restore --noflush)."""
    return f":{name} RETURN" if family == BRIDGE else f":{name} - [0:0]"


def written(
    family: str, name: str, value: XtChain, old: Sequence[Line] | None, rules: Sequence[str]
) -> list[str]:
    """`rules`: those that are keys of their own, beside the ones there are, which stay.

    `old`: None for a chain that is not there, which must be declared first, as one of ebtables must.
    """
    loose = dict.fromkeys([*loose_rules(family, old or ()), *rules])
    if family == BRIDGE:
        return [f"-A {name} {text}" for text in [*loose, *value.rules]]
    own = [f"{text} {comment(tag)}" for tag, text in zip(value.tags, value.rules, strict=True)]
    return _edits(name, [line.tag or line.text for line in old or ()], [*loose, *value.tags], [*loose, *own])


def _edits(name: str, old: Sequence[str], marks: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Deleted from the end, by number; then inserted from the beginning, where each belongs."""
    steps = SequenceMatcher(None, old, marks, autojunk=False).get_opcodes()
    gone = [at for what, first, last, *_ in steps if what != "equal" for at in range(first, last)]
    new = [at for what, *_, first, last in steps if what != "equal" for at in range(first, last)]
    return [
        *(f"-D {name} {at + 1}" for at in reversed(gone)),
        *(f"-I {name} {at + 1} {texts[at]}" for at in new),
    ]
