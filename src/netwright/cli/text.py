"""User text, made safe to show: what could move a cursor or hide is written as an escape."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping


def escaped(text: str) -> str:
    """One line: control characters, line ends, bidirectional marks become \\x1b, \\n, \\u202e."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def cell(value: object) -> str:
    """One value of an API object as a table shows it; a list of objects takes a line for each."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return escaped(value)
        case list() | tuple():
            separator = "\n" if any(isinstance(one, Mapping) for one in value) else ", "
            return separator.join(cell(one) for one in value)
        case Mapping():
            return ", ".join(f"{escaped(str(key))}={_inner(one)}" for key, one in value.items())
        case _:
            return escaped(str(value))


def _inner(value: object) -> str:
    """A value within an object stays on one line."""
    if isinstance(value, Mapping | list):
        return json_text(value, indent=None)
    return cell(value)


def json_text(value: object, indent: int | None = 2) -> str:
    """JSON that reads back as the same value, without a character that a terminal would obey."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def width(text: str) -> int:
    """Columns that a terminal needs for it."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
