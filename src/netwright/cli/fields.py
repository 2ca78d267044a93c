"""Options of a command and the attributes of the request's body that each stands for, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import click

from netwright.cli.command import Call, completer
from netwright.cli.identity_nouns import PROJECT as PROJECTS
from netwright.cli.nouns import Item, Noun

Convert = Callable[[str], object]
"""Text of the command line to a value of the API; raises click.BadParameter."""


@dataclass(frozen=True, slots=True)
class Field:
    """`put` gives the attributes that these options ask for; nothing where they were not given."""

    params: tuple[click.Parameter, ...]
    put: Callable[[Call], Item]


def body(call: Call, fields: Iterable[Field]) -> Item:
    """All that the options ask for."""
    return {key: value for field in fields for key, value in field.put(call).items()}


def params(fields: Iterable[Field]) -> list[click.Parameter]:
    return [param for field in fields for param in field.params]


def text(flag: str, key: str, help_text: str, *, metavar: str = "TEXT", required: bool = False) -> Field:
    """An option whose text is the attribute's value."""
    return value(flag, key, help_text, str, metavar=metavar, required=required)


def value(  # all but three have a name at every call
    flag: str, key: str, help_text: str, convert: Convert, *, metavar: str = "TEXT", required: bool = False
) -> Field:
    """An option whose converted text is the attribute's value."""
    option = click.Option([flag], help=help_text, metavar=metavar, required=required, type=converted(convert))
    return Field((option,), lambda call: _if_given(call.given.get(_name(option)), key))


def nullable(flag: str, key: str, help_text: str, *, metavar: str = "TEXT") -> Field:
    """An option whose text is the attribute's value; `none` is null."""
    option = click.Option([flag], help=help_text, metavar=f"{metavar}|none")

    def put(call: Call) -> Item:
        given = call.text(_name(option))
        return {} if given is None else {key: None if given == "none" else given}

    return Field((option,), put)


def number(flag: str, key: str, help_text: str) -> Field:
    option = click.Option([flag], help=help_text, type=int)
    return Field((option,), lambda call: _if_given(call.given.get(_name(option)), key))


def choice(flag: str, key: str, help_text: str, values: Iterable[str]) -> Field:
    option = click.Option([flag], help=help_text, type=click.Choice(tuple(values), case_sensitive=False))
    return Field((option,), lambda call: _if_given(call.given.get(_name(option)), key))


def switch(flags: str, key: str, help_text: str) -> Field:
    """A pair of flags (`--on/--off`) for true and false."""
    option = click.Option([flags], help=help_text, default=None)
    return Field((option,), lambda call: _if_given(call.given.get(_name(option)), key))


def constant(flag: str, attributes: Mapping[str, object], help_text: str) -> Field:
    """A flag that stands for fixed attributes."""
    option = click.Option([flag], help=help_text, is_flag=True)
    return Field((option,), lambda call: attributes if call.flag(_name(option)) else {})


def reference(flag: str, key: str, noun: Noun, help_text: str, *, required: bool = False) -> Field:
    """An option that names an object; the attribute is its id."""
    option = click.Option(
        [flag],
        help=help_text,
        metavar=noun.singular.upper(),
        required=required,
        shell_complete=completer(noun),
    )

    def put(call: Call) -> Item:
        given = call.text(_name(option))
        return {} if given is None else {key: call.id_of(noun, given)}

    return Field((option,), put)


def reference_or_none(flag: str, key: str, noun: Noun, help_text: str) -> Field:
    """An option that names an object; `none` is null."""
    plain = reference(flag, key, noun, f"{help_text} `none`: no longer.")
    (option,) = plain.params

    def put(call: Call) -> Item:
        return {key: None} if call.text(option.name or "") == "none" else plain.put(call)

    return Field((option,), put)


def project(
    flag: str, key: str, help_text: str, *, required: bool = False, all_of_them: str | None = None
) -> Field:
    """An option that names a project; the attribute is its id. `all_of_them` stands for itself."""
    option = click.Option(
        [flag], help=help_text, metavar="PROJECT", required=required, shell_complete=completer(PROJECTS)
    )

    def put(call: Call) -> Item:
        given = call.text(_name(option))
        if given is None:
            return {}
        return {key: given if given == all_of_them else call.project_id_of(given)}

    return Field((option,), put)


Finish = Callable[[Call, object], object]
"""A converted value to what the body has, where names must be looked up."""


def many(  # all but three have a name at every call
    flag: str,
    key: str,
    help_text: str,
    convert: Convert,
    *,
    metavar: str = "TEXT",
    finish: Finish = lambda _, given: given,
) -> Field:
    """A repeatable option: the attribute is the list of its values; `set` adds to what is there."""
    option = click.Option([flag], help=help_text, metavar=metavar, multiple=True, type=converted(convert))
    return _list(option, key, finish)


def references(flag: str, key: str, noun: Noun, help_text: str) -> Field:
    """A repeatable option that names objects; the attribute is the list of their ids."""
    metavar = noun.singular.upper()
    option = click.Option(
        [flag], help=help_text, metavar=metavar, multiple=True, shell_complete=completer(noun)
    )
    return _list(option, key, lambda call, given: call.id_of(noun, str(given)))


def _list(option: click.Option, key: str, finish: Finish) -> Field:
    def put(call: Call) -> Item:
        given = [finish(call, one) for one in call.many(_name(option))]
        there = call.current.get(key)
        kept = [one for one in there if one not in given] if isinstance(there, list) else []
        return {key: [*kept, *given]} if given else {}

    return Field((option,), put)


def clearable(field: Field, flag: str, key: str) -> Field:
    """The list field with a flag that empties it first: with both, what is given replaces what is there."""
    what = flag.removeprefix("--no-").replace("-", " ")
    option = click.Option([flag], help=f"Keep no {what} but those given here.", is_flag=True)

    def put(call: Call) -> Item:
        if not call.flag(_name(option)):
            return field.put(call)
        return {key: [], **field.put(replace(call, current={}))}

    return Field((*field.params, option), put)


def _if_given(given: object, key: str) -> Item:
    return {} if given is None else {key: given}


def _name(option: click.Option) -> str:
    return option.name or ""


def converted(convert: Convert) -> click.ParamType[object] | None:
    return None if convert is str else click.types.FuncParamType(convert)


DESCRIPTION: Final = text("--description", "description", "What it is for.")
PROJECT: Final = project("--project", "project_id", "Project that it belongs to, by name or id.")
OF_PROJECT: Final = project("--project", "project_id", "Only of this project, by name or id.")
NEW_NAME: Final = text("--name", "name", "New name.")
OF_NAME: Final = text("--name", "name", "Only of this name.")
