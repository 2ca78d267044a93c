"""`netwright subnet-pool`: prefixes that subnets are taken from."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.nouns import ADDRESS_SCOPE, NETWORK, SUBNET_POOL
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create a subnet pool; prefixes are added and removed later, too.

\b
Examples:
  netwright subnet-pool create campus --prefix 10.64.0.0/12 --default-length 26
  netwright subnet-pool add campus 10.80.0.0/12
  netwright subnet create green-v4 --network green --subnet-pool campus
"""
_LENGTHS: Final = (
    fields.number("--default-length", "default_prefixlen", "Prefix length of subnets that name none."),
    fields.number("--min-length", "min_prefixlen", "Shortest prefix, which is the largest subnet."),
    fields.number("--max-length", "max_prefixlen", "Longest prefix."),
    fields.number("--quota", "default_quota", "Addresses (IPv6: /64s) that each project may have of it."),
)
_DEFAULT: Final = fields.switch(
    "--default/--no-default", "is_default", "Whether it is the default pool of its IP version."
)
_VERBS: Final = Verbs(
    noun=SUBNET_POOL,
    create=(
        fields.many("--prefix", "prefixes", "Prefix; repeatable.", parse.prefix, metavar="CIDR"),
        *_LENGTHS,
        fields.reference("--address-scope", "address_scope_id", ADDRESS_SCOPE, "Its address scope."),
        _DEFAULT,
        fields.constant("--share", {"shared": True}, "Let all projects take from it."),
        fields.DESCRIPTION,
        fields.PROJECT,
    ),
    change=(
        fields.NEW_NAME,
        *_LENGTHS,
        fields.reference_or_none("--address-scope", "address_scope_id", ADDRESS_SCOPE, "Its address scope."),
        _DEFAULT,
        fields.DESCRIPTION,
    ),
    choose=(
        fields.reference("--address-scope", "address_scope_id", ADDRESS_SCOPE, "Only in this address scope."),
        fields.OF_NAME,
        fields.OF_PROJECT,
    ),
)


def _changing(verb: str, text: str) -> click.Command:
    """`add` or `remove`."""

    def change(call: Call) -> None:
        found = call.id_of(SUBNET_POOL, call.required("reference"))
        path = f"{SUBNET_POOL.path}/{found}/{verb}_prefixes"
        call.client.request("PUT", path, {"prefixes": call.texts("prefixes")})
        print_item(call.client.show(SUBNET_POOL, found), SUBNET_POOL, call.style)

    prefixes = click.Argument(
        ["prefixes"], metavar="CIDR...", nargs=-1, required=True, type=fields.converted(parse.prefix)
    )
    return command(verb, [reference_argument(SUBNET_POOL), prefixes], change, text)


def _onboard(call: Call) -> None:
    found = call.id_of(SUBNET_POOL, call.required("reference"))
    network = call.id_of(NETWORK, call.required("network"))
    path = f"{SUBNET_POOL.path}/{found}/onboard_network_subnets"
    call.client.request("PUT", path, {"subnetpool": {"network_id": network}})
    print_item(call.client.show(SUBNET_POOL, found), SUBNET_POOL, call.style)


main: Final = group(
    "subnet-pool",
    "Subnet pools: prefixes that subnets are taken from.",
    {
        **_VERBS.commands(),
        "create": _VERBS.create_command(_CREATE_HELP),
        "add": _changing("add", "Add prefixes to a pool."),
        "remove": _changing("remove", "Remove prefixes from a pool."),
        "onboard": command(
            "onboard",
            [reference_argument(SUBNET_POOL), click.Argument(["network"], metavar="NETWORK")],
            _onboard,
            "Make a network's subnets the pool's.",
        ),
    },
)
