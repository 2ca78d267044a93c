"""What a command is given, and how a function of it becomes a click command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import click
from click.shell_completion import CompletionItem

from netwright.cli.client import DEFAULT_SERVER, Client
from netwright.cli.credentials import headers_of
from netwright.cli.find import find_id, find_project_id
from netwright.cli.nouns import Item, Noun
from netwright.cli.output import Style, options, style_of
from netwright.model.errors import NetwrightError

_COMPLETION_WITHIN: Final = 2.0
"""Seconds."""
_INERT: Final = re.compile(r"[\w.@%+=:,-]+")
"""Names that a shell takes as they are: others are offered by id, never pasted into a command line."""


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a command. `current` is the object that `set` is about, as it was."""

    client: Client
    style: Style
    given: Mapping[str, object]
    current: Item = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        value = self.given.get(name)
        return value if isinstance(value, str) else None

    def required(self, name: str) -> str:
        """The text of a parameter that click insists on."""
        return self.text(name) or ""

    def flag(self, name: str) -> bool | None:
        value = self.given.get(name)
        return value if isinstance(value, bool) else None

    def number(self, name: str) -> float | None:
        value = self.given.get(name)
        return value if isinstance(value, int | float) else None

    def many(self, name: str) -> Sequence[object]:
        value = self.given.get(name)
        return value if isinstance(value, tuple) else ()

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self.many(name)]

    def id_of(self, noun: Noun, reference: str) -> str:
        return find_id(self.client, noun, reference)

    def project_id_of(self, reference: str) -> str:
        return find_project_id(self.client, reference)


Run = Callable[[Call], int | None]


def command(name: str, params: Iterable[click.Parameter], run: Run, text: str) -> click.Command:
    """A click command; what `run` returns is the exit code, None for 0."""

    @click.pass_context
    def callback(context: click.Context, /, **given: object) -> int | None:
        with closing(client_of(context)) as client:
            return run(Call(client, style_of(given), given))

    return click.Command(name, params=[*params, *options()], callback=callback, help=text)


def client_of(context: click.Context, timeout: float | None = None) -> Client:
    """A client of the server that the command line or the environment names."""
    given = context.find_root().params
    place = _text(given, "server") or DEFAULT_SERVER
    shown = _headers(given) if place.startswith("http") else {}
    return Client(place, headers=shown) if timeout is None else Client(place, timeout, shown)


def _headers(given: Mapping[str, object]) -> Mapping[str, str]:
    """What proves who asks. A Unix socket needs none: its mode says who may."""
    return headers_of(_text(given, "token"), _text(given, "cloud"), os.environ)


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) else None


def name_argument(*, required: bool = True) -> click.Argument:
    """The name of a new object."""
    return click.Argument(["name"], required=required)


def reference_argument(noun: Noun, name: str = "reference", *, many: bool = False) -> click.Argument:
    """An existing object, by name or id, completed from the server."""
    return click.Argument(
        [name], metavar=noun.word.upper().replace(" ", "_"), nargs=-1 if many else 1, required=True,
        shell_complete=completer(noun),
    )  # fmt: skip


def completer(noun: Noun) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Offers names and ids of the noun's objects that begin with what is typed."""

    def complete(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
        try:
            with closing(client_of(context, _COMPLETION_WITHIN)) as client:
                found = client.list(noun)
        except NetwrightError:
            return []
        offers = {offer for item in found for offer in _offers(item, noun, typed)}
        return [CompletionItem(offer) for offer in sorted(offers) if offer.startswith(typed)]

    return complete


def _offers(item: Item, noun: Noun, typed: str) -> Iterable[str]:
    name, identifier = str(item.get(noun.name) or ""), str(item.get("id"))
    usable = [text for text in (name, identifier) if _INERT.fullmatch(text)]
    return usable if typed else usable[:1]
