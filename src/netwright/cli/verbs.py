"""The five commands that every noun has, made from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import click

from netwright.cli.command import Call, command, name_argument, reference_argument
from netwright.cli.errors import Exit, complain
from netwright.cli.fields import Field, body, params
from netwright.cli.find import find, joined
from netwright.cli.nouns import Item, Noun
from netwright.cli.output import print_item, print_items, wanted
from netwright.model.errors import InvalidError, NetwrightError, ServerGoneError


@dataclass(frozen=True, slots=True)
class Verbs:
    """One noun's options: for a new object, for changing one, for choosing which to list."""

    noun: Noun
    create: Sequence[Field]
    change: Sequence[Field]
    choose: Sequence[Field]
    named: bool = True
    """Whether a new object takes a name as its argument."""
    optional_name: bool = False

    def commands(self) -> dict[str, click.Command]:
        made = (self.create_command(), self.list_command(), self.show_command(), self.set_command(),
                self.delete_command())  # fmt: skip
        return {one.name or "": one for one in made}

    def create_command(self, text: str = "") -> click.Command:
        name = [name_argument(required=not self.optional_name)] if self.named else []
        return command(
            "create", [*name, *params(self.create)], self._create, text or f"Create a {self.noun.word}."
        )

    def list_command(self) -> click.Command:
        return command("list", params(self.choose), self._list, f"List {self.noun.words}.")

    def show_command(self) -> click.Command:
        argument = reference_argument(self.noun)
        return command("show", [argument], self._show, f"Show a {self.noun.word}, by name or id.")

    def set_command(self) -> click.Command:
        arguments = [reference_argument(self.noun), *params(self.change)]
        return command("set", arguments, self._set, f"Change a {self.noun.word}.")

    def delete_command(self) -> click.Command:
        argument = reference_argument(self.noun, "references", many=True)
        return command(
            "delete",
            [argument],
            self._delete,
            f"Delete {self.noun.words}; one that fails does not stop the rest.",
        )

    def asked(self, call: Call) -> Item:
        """The body of a new object."""
        name = call.text("name") if self.named else None
        return {**({} if name is None else {"name": name}), **body(call, self.create)}

    def _create(self, call: Call) -> None:
        print_item(call.client.create(self.noun, self.asked(call)), self.noun, call.style)

    def _list(self, call: Call) -> None:
        query = [(key, _parameter(value)) for key, value in body(call, self.choose).items()]
        print_list(call, self.noun, call.client.list(self.noun, query))

    def _show(self, call: Call) -> None:
        print_item(find(call.client, self.noun, call.required("reference")), self.noun, call.style)

    def _set(self, call: Call) -> None:
        current = find(call.client, self.noun, call.required("reference"))
        changes = body(replace(call, current=current), self.change)
        if not changes:
            raise InvalidError("nothing to change: give at least one option")
        print_item(call.client.update(self.noun, str(current["id"]), changes), self.noun, call.style)

    def _delete(self, call: Call) -> int:
        worst = Exit.OK
        for reference in call.texts("references"):
            try:
                call.client.delete(self.noun, str(find(call.client, self.noun, reference)["id"]))
            except ServerGoneError:
                raise
            except NetwrightError as error:
                worst = max(worst, complain(error, as_json=call.style.format == "json"))
        return worst


def print_list(call: Call, noun: Noun, items: list[Item]) -> None:
    """A list, with the columns that other nouns add where a table is wanted."""
    if call.style.tabular:
        keys = tuple(column.key for column in wanted(noun, call.style))
        items = joined(call.client, noun, items, keys)
    print_items(items, noun, call.style)


def group(name: str, text: str, commands: Mapping[str, click.Command]) -> click.Group:
    """The commands of one noun."""
    return click.Group(name, commands=dict(commands), help=text)


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
