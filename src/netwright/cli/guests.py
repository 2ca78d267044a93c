"""The options that say what a guest learns from the metadata service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from netwright.cli import parse
from netwright.cli.command import Call
from netwright.cli.fields import Field, converted
from netwright.cli.nouns import Item

_KEY: Final = "netwright:guest"
_OPTIONS: Final = (
    click.Option(["--hostname"], metavar="NAME", help="Hostname that the guest learns."),
    click.Option(
        ["--user-data"],
        metavar="FILE",
        type=converted(parse.user_data),
        help="User data for cloud-init; - is standard input.",
    ),
    click.Option(
        ["--public-key"],
        metavar="FILE",
        multiple=True,
        type=converted(parse.public_keys),
        help="OpenSSH public key that the guest learns; repeatable.",
    ),
    click.Option(
        ["--property"],
        metavar="KEY=VALUE",
        multiple=True,
        type=converted(parse.setting),
        help="Entry of the guest's metadata; repeatable.",
    ),
)
_CLEARS: Final[Mapping[str, tuple[str, object]]] = {
    "--no-user-data": ("user_data", ""),
    "--no-public-key": ("public_keys", {}),
    "--no-property": ("meta", {}),
}


def guest(*, clear: bool) -> Field:
    """The options as one field; with `clear` also those that take parts away."""
    flags = [
        click.Option([flag], is_flag=True, help=f"Forget the {flag.removeprefix('--no-').replace('-', ' ')}.")
        for flag in (_CLEARS if clear else ())
    ]
    return Field((*_OPTIONS, *flags), _put)


def _put(call: Call) -> Item:
    """The whole guest: what is there, less what is cleared, with what is given."""
    cleared = {
        key: empty for flag, (key, empty) in _CLEARS.items() if call.flag(flag.lstrip("-").replace("-", "_"))
    }
    there = {**_entries(call.current.get(_KEY)), **cleared}
    texts = {key: call.text(key) for key in ("hostname", "user_data")}
    given: dict[str, object] = {key: text for key, text in texts.items() if text is not None}
    if keys := call.many("public_key"):
        given["public_keys"] = _united(there.get("public_keys"), *keys)
    if properties := call.many("property"):
        given["meta"] = _united(
            there.get("meta"), *(dict([one]) for one in properties if isinstance(one, tuple))
        )
    return {_KEY: {**there, **given}} if given or cleared else {}


def _united(*parts: object) -> dict[str, object]:
    return {key: value for part in parts for key, value in _entries(part).items()}


def _entries(part: object) -> dict[str, object]:
    return dict(part) if isinstance(part, Mapping) else {}
