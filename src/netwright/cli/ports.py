"""`netwright port`: where guests meet networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.fields import Field
from netwright.cli.guests import guest
from netwright.cli.nouns import NETWORK, PORT, QOS_POLICY, SECURITY_GROUP, SUBNET, Item
from netwright.cli.plug import plug, unplug
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create a port: a guest's network interface, with its addresses and guards.

\b
Examples:
  netwright port create web1 --network blue
  netwright port create web2 --network blue --fixed-ip subnet=blue,ip-address=10.20.0.9
  netwright port create web3 --network blue --netns web3 --security-group web
"""
_PLUG_HELP: Final = """Give a port its link on a host, and wait until it is up.

The guest's end goes into a network namespace (--netns), or is a tap that a VMM opens (--tap).
Exit code 1 if it is not up in time; the host's reasons are in the message.

\b
Examples:
  netwright port plug web1 --netns web1
  netwright port plug web2 --tap --wait 30
"""
_HOST: Final = click.Option(["--host"], metavar="HOST", help="Host that the link is on.")


def _fixed_ip(call: Call, given: object) -> object:
    if not isinstance(given, Mapping):
        return given
    subnet = {"subnet_id": call.id_of(SUBNET, str(given["subnet"]))} if "subnet" in given else {}
    return {**subnet, **{key: value for key, value in given.items() if key != "subnet"}}


def attachment(call: Call) -> Item:
    """What --netns, --link, --tap and who may open it ask for."""
    namespace, tap = call.text("netns"), call.flag("tap")
    users = {name: one for name in ("owner", "group") if (one := call.number(f"tap_{name}")) is not None}
    if users and not tap:
        raise click.UsageError("--tap-owner and --tap-group go with --tap")
    if (namespace and tap) or (call.text("link") and not namespace):
        raise click.UsageError("--netns (with --link) and --tap exclude one another")
    if namespace:
        link = call.text("link") or "eth0"
        return {"netwright:attachment": {"kind": "namespace", "namespace": namespace, "link": link}}
    return {"netwright:attachment": {"kind": "tap", **users}} if tap else {}


_ATTACHMENT: Final = Field(
    (
        click.Option(
            ["--netns"], metavar="NAME", help="Namespace under /run/netns that the guest's end is in."
        ),
        click.Option(["--link"], metavar="NAME", help="Name of the link in that namespace; eth0 by default."),
        click.Option(["--tap"], is_flag=True, help="A tap that a VMM opens."),
        click.Option(
            ["--tap-owner"],
            type=click.types.FuncParamType(parse.user),
            metavar="USER",
            help="Who alone may open it without privileges: a number, or a user of this machine.",
        ),
        click.Option(
            ["--tap-group"],
            type=click.types.FuncParamType(parse.user_group),
            metavar="GROUP",
            help="Likewise a group.",
        ),
    ),
    attachment,
)


def _dhcp_option(text: str) -> object:
    """NAME=VALUE, of DHCPv6 with 6: before the name; just NAME takes it away."""
    name, equals, value = text.partition("=")
    version = 6 if name.startswith("6:") else 4
    bare = name.removeprefix("6:")
    if not bare:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    return {"opt_name": bare, "opt_value": value if equals else None, "ip_version": version}


def _lists() -> tuple[Field, ...]:
    fixed = fields.many(
        "--fixed-ip",
        "fixed_ips",
        "Address, or subnet to take one from; repeatable.",
        parse.pairs("subnet", "ip-address"),
        metavar="subnet=SUBNET,ip-address=ADDRESS",
        finish=_fixed_ip,
    )
    groups = fields.references(
        "--security-group", "security_groups", SECURITY_GROUP, "Security group; repeatable."
    )
    allowed = fields.many(
        "--allowed-address",
        "allowed_address_pairs",
        "Further address that the guest may send from; repeatable.",
        parse.pairs("ip-address", "mac-address", required=("ip-address",)),
        metavar="ip-address=ADDRESS,mac-address=MAC",
    )
    options = fields.many(
        "--dhcp-option",
        "extra_dhcp_opts",
        "DHCP option for its guest alone; without a value it is taken away; repeatable.",
        _dhcp_option,
        metavar="NAME=VALUE",
    )
    return (
        options,
        fields.clearable(fixed, "--no-fixed-ip", "fixed_ips"),
        fields.clearable(groups, "--no-security-group", "security_groups"),
        fields.clearable(allowed, "--no-allowed-address", "allowed_address_pairs"),
    )


_SHARED: Final[tuple[Field, ...]] = (
    fields.DESCRIPTION,
    fields.switch("--enable/--disable", "admin_state_up", "Whether it carries traffic."),
    fields.switch(
        "--enable-port-security/--disable-port-security",
        "port_security_enabled",
        "Security groups and anti-spoofing.",
    ),
    fields.text("--mac-address", "mac_address", "MAC address.", metavar="MAC"),
    fields.text("--device", "device_id", "The guest's own id: its ports have the same.", metavar="ID"),
    fields.text("--device-owner", "device_owner", "What kind of guest it is.", metavar="OWNER"),
    fields.reference_or_none("--qos-policy", "qos_policy_id", QOS_POLICY, "QoS policy, by name or id."),
    fields.text("--dns-name", "dns_name", "The guest's name in DNS.", metavar="NAME"),
    fields.value("--host", "binding:host_id", "Host that the link is on.", str, metavar="HOST"),
    *_lists(),
)
_VERBS: Final = Verbs(
    noun=PORT,
    create=(
        fields.reference("--network", "network_id", NETWORK, "Network, by name or id.", required=True),
        *_SHARED,
        guest(clear=False),
        _ATTACHMENT,
        fields.PROJECT,
    ),
    change=(fields.NEW_NAME, *_SHARED, guest(clear=True)),
    choose=(
        fields.reference("--network", "network_id", NETWORK, "Only of this network."),
        fields.OF_NAME,
        fields.text("--host", "binding:host_id", "Only on this host.", metavar="HOST"),
        fields.text("--device", "device_id", "Only of this guest.", metavar="ID"),
        fields.text("--device-owner", "device_owner", "Only of this kind of guest.", metavar="OWNER"),
        fields.text("--mac-address", "mac_address", "Only of this MAC.", metavar="MAC"),
        fields.choice("--status", "status", "Only of this status.", ("ACTIVE", "DOWN")),
        fields.value(
            "--fixed-ip",
            "fixed_ips",
            "Only with this address.",
            lambda text: f"ip_address={parse.address(text)}",
            metavar="ADDRESS",
        ),
        fields.text("--project", "project_id", "Only of this project.", metavar="PROJECT"),
    ),
    optional_name=True,
)
_WAIT: Final = (
    click.Option(
        ["--wait"],
        type=click.FloatRange(min=0),
        default=10.0,
        metavar="SECONDS",
        help="How long it may take; 10 by default.",
    ),
    click.Option(["--no-wait"], is_flag=True, help="Do not wait until it is up."),
)


def _plug(call: Call) -> None:
    asked = attachment(call)
    if not asked:
        raise click.UsageError("where to? give --netns NAME or --tap")
    plug(call, asked)


main: Final = group(
    "port",
    "Ports: guests' network interfaces.",
    {
        **_VERBS.commands(),
        "create": _VERBS.create_command(_CREATE_HELP),
        "plug": command(
            "plug", [reference_argument(PORT), *_ATTACHMENT.params, _HOST, *_WAIT], _plug, _PLUG_HELP
        ),
        "unplug": command("unplug", [reference_argument(PORT)], unplug, "Take a port's link away."),
    },
)
