"""`netwright floating-ip`: addresses of an external network that stand for guests."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.fields import Field
from netwright.cli.find import find
from netwright.cli.forwards import forward
from netwright.cli.nouns import FLOATING_IP, NETWORK, PORT, QOS_POLICY, Item
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create a floating IP from an external network, and give it to a port if one is named.

\b
Examples:
  netwright floating-ip create wan
  netwright floating-ip create wan --port web1 --floating-ip-address 192.0.2.60
"""
_PORT: Final = fields.reference("--port", "port_id", PORT, "Port that it stands for, by name or id.")
_POLICY: Final = fields.reference_or_none(
    "--qos-policy", "qos_policy_id", QOS_POLICY, "QoS policy, by name or id."
)
_FIXED: Final = fields.value(
    "--fixed-ip-address",
    "fixed_ip_address",
    "Which of the port's addresses.",
    parse.address,
    metavar="ADDRESS",
)
_VERBS: Final = Verbs(
    noun=FLOATING_IP,
    create=(
        Field(
            (reference_argument(NETWORK, "network"),),
            lambda call: {"floating_network_id": call.id_of(NETWORK, call.required("network"))},
        ),
        _PORT,
        _FIXED,
        fields.value(
            "--floating-ip-address",
            "floating_ip_address",
            "The address itself; any free one by default.",
            parse.address,
            metavar="ADDRESS",
        ),
        _POLICY,
        fields.DESCRIPTION,
        fields.PROJECT,
    ),
    change=(
        fields.constant("--no-port", {"port_id": None}, "Take it from its port."),
        _PORT,
        _FIXED,
        _POLICY,
        fields.DESCRIPTION,
    ),
    choose=(
        fields.reference("--network", "floating_network_id", NETWORK, "Only from this network."),
        fields.reference("--port", "port_id", PORT, "Only of this port."),
        fields.value(
            "--floating-ip-address",
            "floating_ip_address",
            "Only this address.",
            parse.address,
            metavar="ADDRESS",
        ),
        fields.choice("--status", "status", "Only of this status.", ("ACTIVE", "DOWN")),
        fields.OF_PROJECT,
    ),
    named=False,
)


def _associate(call: Call) -> None:
    port = {"port_id": call.id_of(PORT, call.required("port"))}
    _update(call, {**port, **fields.body(call, [_FIXED])})


def _disassociate(call: Call) -> None:
    _update(call, {"port_id": None})


def _update(call: Call, changes: Item) -> None:
    floating = find(call.client, FLOATING_IP, call.required("reference"))
    print_item(call.client.update(FLOATING_IP, str(floating["id"]), changes), FLOATING_IP, call.style)


_ARGUMENT: Final[click.Argument] = reference_argument(FLOATING_IP)

main: Final = group(
    "floating-ip",
    "Floating IPs: addresses from outside for guests.",
    {
        **_VERBS.commands(),
        "create": _VERBS.create_command(_CREATE_HELP),
        "associate": command(
            "associate",
            [_ARGUMENT, reference_argument(PORT, "port"), *_FIXED.params],
            _associate,
            "Give a floating IP to a port.",
        ),
        "disassociate": command(
            "disassociate", [_ARGUMENT], _disassociate, "Take a floating IP from its port."
        ),
        "forward": forward,
    },
)
