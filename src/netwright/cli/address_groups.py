"""`netwright address-group`: prefixes under one name, which rules of security groups may name."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.nouns import ADDRESS_GROUP
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create an address group; its addresses are added and removed later, too.

\b
Examples:
  netwright address-group create offices --address 192.0.2.0/24 --address 2001:db8::/32
  netwright address-group add offices 198.51.100.7/32
  netwright security-group rule create web --protocol tcp --dst-port 443 --remote-address-group offices
"""


def cidr(text: str) -> str:
    """A CIDR, or an address that stands for itself, which to the API is a prefix, too."""
    if "/" in text:
        return parse.prefix(text)
    address = parse.address(text)
    return f"{address}/{128 if ':' in address else 32}"


_VERBS: Final = Verbs(
    noun=ADDRESS_GROUP,
    create=(
        fields.many("--address", "addresses", "Address or prefix; repeatable.", cidr, metavar="CIDR"),
        fields.DESCRIPTION,
        fields.PROJECT,
    ),
    change=(fields.NEW_NAME, fields.DESCRIPTION),
    choose=(fields.OF_NAME, fields.PROJECT),
)


def _changing(verb: str, text: str) -> click.Command:
    """`add` or `remove`."""

    def change(call: Call) -> None:
        found = call.id_of(ADDRESS_GROUP, call.required("reference"))
        asked = {"addresses": call.texts("addresses")}
        call.client.request("PUT", f"{ADDRESS_GROUP.path}/{found}/{verb}_addresses", asked)
        print_item(call.client.show(ADDRESS_GROUP, found), ADDRESS_GROUP, call.style)

    addresses = click.Argument(
        ["addresses"], metavar="CIDR...", nargs=-1, required=True, type=fields.converted(cidr)
    )
    return command(verb, [reference_argument(ADDRESS_GROUP), addresses], change, text)


main: Final = group(
    "address-group",
    "Address groups: prefixes that rules name.",
    {
        **_VERBS.commands(),
        "create": _VERBS.create_command(_CREATE_HELP),
        "add": _changing("add", "Add addresses to a group."),
        "remove": _changing("remove", "Remove addresses from a group."),
    },
)
