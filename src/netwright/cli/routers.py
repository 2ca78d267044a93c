"""`netwright router`: what joins router networks, and leads out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, completer, reference_argument
from netwright.cli.fields import Field
from netwright.cli.find import find
from netwright.cli.nouns import NETWORK, PORT, ROUTER, SUBNET, Item, Noun
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group
from netwright.model.errors import InvalidError

_CREATE_HELP: Final = """Create a router, and lead it out to an external network if one is named.

\b
Examples:
  netwright router create r1
  netwright router create r1 --gateway wan
  netwright router add-subnet r1 blue-subnet
"""
_OPTIONS: Final[Sequence[click.Parameter]] = (
    click.Option(
        ["--gateway"], help="External network that it leads out to.", metavar="NETWORK",
        shell_complete=completer(NETWORK),
    ),
    click.Option(
        ["--gateway-address"], help="Its address there; any free one by default.", metavar="ADDRESS",
        multiple=True, type=fields.converted(parse.address),
    ),
    click.Option(
        ["--snat/--no-snat"], default=None,
        help="Whether what leaves by the gateway gets its address (with --gateway, or a gateway there).",
    ),
)  # fmt: skip


def _gateway(call: Call) -> Item:
    """What the options say of the gateway; what they leave out stays as it is."""
    network, snat, addresses = call.text("gateway"), call.flag("snat"), call.texts("gateway_address")
    if network is None and snat is None and not addresses:
        return {}
    given = call.current.get("external_gateway_info")
    there: Item = given if isinstance(given, dict) else {}
    known = there.get("network_id")
    wanted = known if network is None else call.id_of(NETWORK, network)
    if wanted is None:
        raise InvalidError("--snat and --gateway-address are about a gateway: give --gateway, too", "gateway")
    info: dict[str, object] = {"network_id": wanted}
    if snat is None and wanted == known and there.get("enable_snat") is False:
        snat = False  # the API would turn it on again
    if snat is not None:
        info["enable_snat"] = snat
    if addresses:
        info["external_fixed_ips"] = [{"ip_address": address} for address in addresses]
    return {"external_gateway_info": info}


_GATEWAY: Final = Field(tuple(_OPTIONS), _gateway)
_ENABLED: Final = fields.switch("--enable/--disable", "admin_state_up", "Whether it routes.")
_ROUTES: Final = fields.clearable(
    fields.many(
        "--route",
        "routes",
        "A further route.",
        parse.route,
        metavar="destination=CIDR,gateway=ADDRESS",
    ),
    "--no-route",
    "routes",
)
_VERBS: Final = Verbs(
    noun=ROUTER,
    create=(_GATEWAY, _ENABLED, fields.DESCRIPTION, fields.PROJECT),
    change=(
        fields.NEW_NAME,
        fields.constant("--no-gateway", {"external_gateway_info": None}, "Lead nowhere out."),
        _GATEWAY,
        _ENABLED,
        _ROUTES,
        fields.DESCRIPTION,
    ),
    choose=(fields.OF_NAME, fields.OF_PROJECT),
)


def _interface(act: str, noun: Noun, key: str) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        router = str(find(call.client, ROUTER, call.required("reference"))["id"])
        end = call.id_of(noun, call.required("end"))
        print_item(call.client.act(ROUTER, router, act, {key: end}), PORT, call.style)

    return run


def _interfaces() -> dict[str, click.Command]:
    ends = ((SUBNET, "subnet_id"), (PORT, "port_id"))
    acts = (
        ("add", "add_router_interface", "Connect a router to a {}."),
        ("remove", "remove_router_interface", "Disconnect a router from a {}."),
    )
    return {
        f"{verb}-{noun.word}": command(
            f"{verb}-{noun.word}",
            [reference_argument(ROUTER), reference_argument(noun, "end")],
            _interface(act, noun, key),
            text.format(noun.word),
        )
        for noun, key in ends
        for verb, act, text in acts
    }


def _routes(act: str) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        router = str(find(call.client, ROUTER, call.required("reference"))["id"])
        body = {ROUTER.singular: {"routes": call.many("routes")}}
        call.client.act(ROUTER, router, act, body)
        print_item(call.client.show(ROUTER, router), ROUTER, call.style)

    return run


def _route_commands() -> dict[str, click.Command]:
    routes = click.Argument(
        ["routes"],
        metavar="destination=CIDR,gateway=ADDRESS...",
        nargs=-1,
        required=True,
        type=fields.converted(parse.route),
    )
    acts = (
        ("add-route", "add_extraroutes", "Give a router further routes; those that it has stay."),
        ("remove-route", "remove_extraroutes", "Take routes from a router."),
    )
    return {
        name: command(name, [reference_argument(ROUTER), routes], _routes(act), text)
        for name, act, text in acts
    }


main: Final = group(
    "router",
    "Routers: what joins networks, and leads out of them.",
    {
        **_VERBS.commands(),
        "create": _VERBS.create_command(_CREATE_HELP),
        **_interfaces(),
        **_route_commands(),
    },
)
