"""`netwright tag`: short texts on things, to find them by."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import click

from netwright.cli.command import Call, command
from netwright.cli.nouns import FLOATING_IP, NETWORK, PORT, QOS_POLICY, SECURITY_GROUP, SUBNET
from netwright.cli.output import print_document, print_lines
from netwright.cli.verbs import group

_TAGGED: Final = {
    noun.singular.replace("_", "-"): noun
    for noun in (NETWORK, SUBNET, PORT, SECURITY_GROUP, FLOATING_IP, QOS_POLICY)
}
_THING: Final = (
    click.Argument(["kind"], type=click.Choice(tuple(_TAGGED))),
    click.Argument(["thing"], metavar="NAME|ID"),
)
_TAGS: Final = click.Argument(["tags"], nargs=-1, required=True, metavar="TAG...")


def _path(call: Call) -> str:
    noun = _TAGGED[call.required("kind")]
    return f"{noun.path}/{call.id_of(noun, call.required('thing'))}/tags"


def _list(call: Call) -> None:
    answer = call.client.request("GET", _path(call))
    tags = answer.get("tags") if isinstance(answer, dict) else None
    texts = [str(tag) for tag in tags] if isinstance(tags, list) else []
    if call.style.tabular:
        print_lines(*texts)
    else:
        print_document(texts, call.style)


def _add(call: Call) -> None:
    call.client.request("POST", _path(call), {"tags": sorted(set(call.texts("tags")))})


def _remove(call: Call) -> None:
    path = _path(call)
    for tag in dict.fromkeys(call.texts("tags")):
        call.client.request("DELETE", f"{path}/{quote(tag, safe='')}")


def _clear(call: Call) -> None:
    call.client.request("DELETE", _path(call))


main: Final = group(
    "tag",
    "Tags: short texts on things, to find them by.",
    {
        "list": command("list", _THING, _list, "List a thing's tags."),
        "add": command("add", [*_THING, _TAGS], _add, "Put tags on a thing."),
        "remove": command("remove", [*_THING, _TAGS], _remove, "Take tags from a thing."),
        "clear": command("clear", _THING, _clear, "Take all tags from a thing."),
    },
)
