"""`netwright subnet`: address ranges of networks."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call
from netwright.cli.fields import Field
from netwright.cli.nouns import NETWORK, SUBNET, SUBNET_POOL, Item
from netwright.cli.verbs import Verbs, group
from netwright.model.intent import Ipv6Mode

IPV6_MODES: Final = tuple(mode.value for mode in Ipv6Mode)
_CREATE_HELP: Final = """Create a subnet of a network.

\b
Examples:
  netwright subnet create blue-v4 --network blue --subnet-range 10.20.0.0/24
  netwright subnet create green-v4 --network green --subnet-pool campus --prefix-length 26
  netwright subnet create blue-v6 --network blue --subnet-range fd00:20::/64 \\
      --ipv6-ra-mode slaac --ipv6-address-mode slaac
"""


def _range(call: Call) -> Item:
    """The prefix, or where it is to be taken from; the server says what does not fit together."""
    cidr, version = call.text("subnet_range"), call.given.get("ip_version")
    if cidr is not None:
        return {"cidr": cidr, "ip_version": ip_network(cidr, strict=False).version}
    return {"ip_version": int(str(version or 4))}


def _gateway(call: Call) -> Item:
    """`auto` is the API's own choice, so nothing is sent for it."""
    given = call.text("gateway")
    if given in {None, "auto"}:
        return {}
    return {"gateway_ip": None if given == "none" else given}


def _gateway_text(text: str) -> str:
    return text if text == "auto" else parse.gateway(text)


def _lists(*, clear: bool) -> tuple[Field, ...]:
    made = (
        (
            fields.many(
                "--allocation-pool",
                "allocation_pools",
                "Give out addresses from here only; repeatable.",
                parse.pairs("start", "end", required=("start", "end")),
                metavar="start=ADDRESS,end=ADDRESS",
            ),
            "--no-allocation-pool",
            "allocation_pools",
        ),
        (
            fields.many(
                "--dns-nameserver",
                "dns_nameservers",
                "DNS server that guests are told of; repeatable.",
                parse.address,
                metavar="ADDRESS",
            ),
            "--no-dns-nameservers",
            "dns_nameservers",
        ),
        (
            fields.many(
                "--host-route",
                "host_routes",
                "Route that guests are told of; repeatable.",
                parse.route,
                metavar="destination=CIDR,gateway=ADDRESS",
            ),
            "--no-host-route",
            "host_routes",
        ),
    )
    return tuple(fields.clearable(field, flag, key) if clear else field for field, flag, key in made)


_SHARED: Final[tuple[Field, ...]] = (
    fields.DESCRIPTION,
    fields.switch("--dhcp/--no-dhcp", "enable_dhcp", "Whether guests get their addresses by DHCP."),
    Field(
        (
            click.Option(
                ["--gateway"],
                metavar="ADDRESS|none|auto",
                type=fields.converted(_gateway_text),
                help="Gateway's address; auto, the first of the range, by default.",
            ),
        ),
        _gateway,
    ),
)
_NETWORK: Final = "Network, by name or id."
_VERBS: Final = Verbs(
    noun=SUBNET,
    create=(
        fields.reference("--network", "network_id", NETWORK, _NETWORK, required=True),
        Field(
            (
                click.Option(
                    ["--subnet-range", "--cidr"],
                    metavar="CIDR",
                    type=fields.converted(parse.prefix),
                    help="Addresses, as in 10.20.0.0/24; or take them from a pool.",
                ),
                click.Option(
                    ["--ip-version"],
                    type=click.Choice(("4", "6")),
                    help="Of the pool that they are taken from; 4 by default.",
                ),
            ),
            _range,
        ),
        fields.reference("--subnet-pool", "subnetpool_id", SUBNET_POOL, "Take the addresses from this pool."),
        fields.constant(
            "--default-subnet-pool",
            {"use_default_subnetpool": True},
            "Take them from the default pool of the IP version.",
        ),
        fields.number("--prefix-length", "prefixlen", "How long a prefix to take from the pool."),
        *_SHARED,
        *_lists(clear=False),
        fields.choice("--ipv6-ra-mode", "ipv6_ra_mode", "What router advertisements say.", IPV6_MODES),
        fields.choice("--ipv6-address-mode", "ipv6_address_mode", "How guests get addresses.", IPV6_MODES),
        fields.PROJECT,
    ),
    change=(fields.NEW_NAME, *_SHARED, *_lists(clear=True)),
    choose=(
        fields.reference("--network", "network_id", NETWORK, _NETWORK),
        fields.choice("--ip-version", "ip_version", "Only of this IP version.", ("4", "6")),
        fields.OF_NAME,
        fields.text("--subnet-range", "cidr", "Only of this CIDR.", metavar="CIDR"),
        fields.OF_PROJECT,
    ),
)

main: Final = group(
    "subnet",
    "Subnets: address ranges of networks.",
    {**_VERBS.commands(), "create": _VERBS.create_command(_CREATE_HELP)},
)
