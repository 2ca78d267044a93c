"""Which text from users may be kept at all."""

from __future__ import annotations

import unicodedata
from typing import Final

_CONTROL: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_line(text: str) -> bool:
    """One line of any script: no control characters, no line separators, no lone surrogates."""
    if text.isascii():
        return text.isprintable()
    return not any(unicodedata.category(character) in _CONTROL for character in text)


def is_prose(text: str) -> bool:
    """Any text but NUL and lone surrogates; it may have several lines."""
    if text.isascii():
        return "\0" not in text
    return not any(character == "\0" or unicodedata.category(character) == "Cs" for character in text)
