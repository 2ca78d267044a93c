"""API objects as tables, JSON, YAML or bare values on stdout."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import click

from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.text import cell, escaped, json_text, width
from netwright.model.errors import InvalidError

FORMATS: Final = ("table", "json", "yaml", "value")
_UNBREAKABLE: Final = re.compile(r"[0-9A-Za-z:./-]*[0-9][0-9A-Za-z:./-]*")
"""Ids, addresses, MACs: what nobody can copy once it is cut in two."""
_LONGEST_COPIED: Final = 43
"""An IPv6 address with its prefix length."""
_READABLE: Final = 10
"""Columns that a column of words keeps on however narrow a terminal."""
_GAP: Final = "  "
_UNLIMITED: Final = 10_000
"""Columns of a table that no terminal shows."""


@dataclass(frozen=True, slots=True)
class Style:
    """What was asked with --format, --column and --quiet; no format means a table for the reader at hand."""

    format: str | None = None
    columns: tuple[str, ...] = ()
    quiet: bool = False

    @property
    def tabular(self) -> bool:
        """Whether computed columns are wanted: the other formats print the API's objects as they are."""
        return not self.quiet and self.format in {None, "table", "value"}


def options() -> tuple[click.Option, ...]:
    """The options that every command with output has."""
    return (
        click.Option(
            ["-f", "--format"], type=click.Choice(FORMATS), help="Output format; a table by default."
        ),
        click.Option(
            ["-c", "--column"],
            multiple=True,
            metavar="NAME",
            help="Only this column or attribute; repeatable.",
        ),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print ids only."),
    )


def style_of(given: Mapping[str, object]) -> Style:
    """The style in a command's parameters."""
    form, columns = given.get("format"), given.get("column")
    return Style(
        format=form if isinstance(form, str) else None,
        columns=tuple(columns) if isinstance(columns, tuple) else (),
        quiet=bool(given.get("quiet")),
    )


def wanted(noun: Noun, style: Style) -> tuple[Column, ...]:
    """The columns that a list's table shows."""
    return tuple(_column(noun, name) for name in style.columns) or noun.columns


def print_items(items: Sequence[Item], noun: Noun, style: Style) -> None:
    """A list."""
    columns = wanted(noun, style)
    if style.quiet:
        _write("".join(f"{escaped(str(item.get('id')))}\n" for item in items))
    elif style.format in {"json", "yaml"}:
        print_document([_picked(item, noun, style) for item in items], style)
    else:
        if style.columns and items:
            _check(columns, items)
        _print_rows(
            [escaped(column.heading) for column in columns],
            [[cell(column.of(item)) for column in columns] for item in items],
            style,
        )


def print_item(item: Item, noun: Noun, style: Style) -> None:
    """One object, an attribute a line."""
    picked = _picked(item, noun, style)
    if style.quiet:
        _write(f"{escaped(str(item.get('id')))}\n")
    elif style.format in {"json", "yaml"}:
        print_document(picked, style)
    else:
        rows = [[escaped(key), _value(noun, key, value)] for key, value in picked.items()]
        if style.format == "value":
            rows = [row[1:] for row in rows]
        _print_rows(["ATTRIBUTE", "VALUE"], rows, style)


def print_document(document: object, style: Style) -> None:
    """JSON, or YAML if that was asked for."""
    _write(_yaml(document) if style.format == "yaml" else f"{json_text(document)}\n")


def print_lines(*lines: str) -> None:
    """Text that is not a table's."""
    _write("".join(f"{escaped(line)}\n" for line in lines))


def _value(noun: Noun, key: str, value: object) -> str:
    line = noun.shown.get(key)
    if line is None or not isinstance(value, list):
        return cell(value)
    return "\n".join(line(one) for one in value if isinstance(one, Mapping))


def _column(noun: Noun, name: str) -> Column:
    """By heading or attribute; what is neither is an attribute that the table does not usually show."""
    known = (one for one in noun.columns if _plain(name) in {_plain(one.heading), _plain(one.key)})
    return next(known, Column(name.upper(), name))


def _picked(item: Item, noun: Noun, style: Style) -> Item:
    """The attributes that were asked for, in that order."""
    if not style.columns:
        return item
    columns = [_column(noun, name) for name in style.columns]
    _check([Column(one.heading, one.key) for one in columns], [item])
    return {column.key: item[column.key] for column in columns}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _check(columns: Sequence[Column], items: Sequence[Item]) -> None:
    for column in columns:
        if column.take is None and not any(column.key in item for item in items):
            there = ", ".join(items[0])
            raise InvalidError(f"there is no column {column.key!r}; there are: {there}", "column")


def _yaml(document: object) -> str:
    import yaml  # noqa: PLC0415  # 15 ms that tables need not spend

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    if all(char.isprintable() or char == "\n" for char in text):
        return text
    return str(yaml.safe_dump(document, sort_keys=False))


def _print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> None:
    if style.format == "value":
        _write("".join(f"{' '.join(row)}\n" for row in rows))
    elif style.format == "table" or sys.stdout.isatty():
        _print_boxes(headings, rows)
    else:
        _write(plain_table([headings, *rows]))


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, cut to no width; a cell's further lines stand below its first."""
    widths = [
        max(width(line) for text in column for line in text.split("\n")) for column in zip(*rows, strict=True)
    ]
    lines = []
    for row in rows:
        for parts in zip_longest(*(text.split("\n") for text in row), fillvalue=""):
            padded = (part + " " * (room - width(part)) for part, room in zip(parts, widths, strict=True))
            lines.append(f"{_GAP.join(padded).rstrip()}\n")
    return "".join(lines)


def _print_boxes(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box  # noqa: PLC0415  # 80 ms that only a terminal needs
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
    for heading, column in zip(headings, zip(headings, *rows, strict=True), strict=True):
        table.add_column(Text(heading), min_width=_uncut(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console() if sys.stdout.isatty() else Console(width=_UNLIMITED)
    console.print(table, crop=False, soft_wrap=False)


def _uncut(texts: Iterable[str]) -> int:
    """The width below which an id or an address would be broken, or words into letters."""
    lines = [line for text in texts for line in text.split("\n")]
    words = [len(word) for line in lines for word in _UNBREAKABLE.findall(line)]
    copied = [length for length in words if length <= _LONGEST_COPIED]
    return max(min(_READABLE, max(map(width, lines), default=1)), *copied, 1)


def _write(text: str) -> None:
    click.echo(text, nl=False)
