"""nova.conf -> NetworkOptions: what its [DEFAULT] section says of the options that there are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from netwright.model.errors import InvalidError
from netwright.nova.options import NetworkOptions

_SECTION: Final = re.compile(r"\[([^\]]+)\]")
_SETTING: Final = re.compile(r"([A-Za-z0-9_-]+)\s*[=:]\s*(.*)")
_YES: Final = frozenset({"1", "true", "on", "yes"})
_NO: Final = frozenset({"0", "false", "off", "no"})


def read_options(paths: Iterable[Path]) -> NetworkOptions:
    """Later files win, as does the last of several lines. Options that are not the network's are passed over.

    Raises InvalidError for a file that cannot be read, and for a value that an option cannot have.
    """
    settings: dict[str, list[str]] = {}
    for path in paths:
        try:
            settings.update(_parsed(path.read_text()))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidError(f"{path}: {error}", "config_file") from error
    given: dict[str, Any] = {  # Any: each value is made for its field's type
        one.name: _value(one.name, str(one.type), settings[one.name])
        for one in fields(NetworkOptions)
        if one.name in settings
    }
    return NetworkOptions(**given)


def _parsed(text: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    section, last = "", ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if header := _SECTION.fullmatch(line.strip()):
            section, last = header.group(1), ""
        elif section != "DEFAULT":
            continue
        elif line[0].isspace() and last:
            found[last][-1] += f" {line.strip()}"
        elif setting := _SETTING.fullmatch(line.strip()):
            last = setting.group(1).replace("-", "_")
            found.setdefault(last, []).append(_unquoted(setting.group(2).strip()))
    return found


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _value(name: str, kind: str, given: list[str]) -> object:
    if kind.startswith("tuple"):
        return tuple(part for one in given for part in map(str.strip, one.split(",")) if part)
    text = given[-1]
    if "$" in text:
        raise InvalidError(f"{name}: {text!r} refers to another option: write its value", name)
    if text in {"", "None"} and kind.endswith("None"):
        return None if text == "None" else text
    if kind.startswith("Literal") and repr(text) not in kind.replace('"', "'"):
        raise InvalidError(f"{name}: {text!r} is none of {kind.removeprefix('Literal')}", name)
    try:
        return _MAKERS.get(kind.removesuffix(" | None"), str)(text)
    except ValueError as error:
        raise InvalidError(f"{name}: {text!r} is not of type {kind}", name) from error


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(text)
    return word in _YES


_MAKERS: Final[Mapping[str, Callable[[str], object]]] = {
    "bool": _flag,
    "int": int,
    "float": float,
    "Path": Path,
}
