"""`netwright vpn`: ways into a project's network from outside, and who may take them."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, name_argument, reference_argument
from netwright.cli.fields import Field
from netwright.cli.nouns import NETWORK, VPN, VPN_PEER
from netwright.cli.output import print_item
from netwright.cli.verbs import Verbs, group

_CREATE_HELP: Final = """Create a VPN: a public UDP port that is a guest's, or WireGuard on the host.

Kind forward hands the port to UDP port 1194 of the guest at --private-address; its security groups must
let that in. Kind wireguard needs --peer-range, where the peers' addresses are from, and --public-address.

\b
Examples:
  netwright vpn create office --network blue --private-address 10.20.0.2 --public-port 1194
  netwright vpn create road --network blue --kind wireguard \\
      --public-address 192.0.2.10 --peer-range 10.99.0.0/24
  netwright vpn peer add road laptop >wg0.conf
"""
_ADD_HELP: Final = """Let a peer in by a WireGuard VPN, and print its configuration for wg-quick.

Without --public-key the pair of keys is made here, and the private one is told this once.
"""
_DOORS: Final = (
    fields.nullable(
        "--public-address",
        "public_address",
        "Address outside; none: any that the host has.",
        metavar="ADDRESS",
    ),
    fields.number(
        "--public-port", "public_port", "UDP port outside; the first free one from 1000 on by default."
    ),
    fields.value(
        "--private-address",
        "private_address",
        "Of the guest that is the server.",
        parse.address,
        metavar="ADDRESS",
    ),
)
_ON_NETWORK: Final = "--network", "network_id", NETWORK
_KIND: Final = fields.choice(
    "--kind", "kind", "Who ends the VPN: a guest, or the host.", ("forward", "wireguard")
)
_VERBS: Final = Verbs(
    noun=VPN,
    create=(
        fields.reference(*_ON_NETWORK, "Into this network, by name or id.", required=True),
        _KIND,
        *_DOORS,
        fields.value(
            "--peer-range", "peer_range", "Range of the peers' addresses.", parse.prefix, metavar="CIDR"
        ),
        fields.DESCRIPTION,
        fields.PROJECT,
    ),
    change=(fields.NEW_NAME, *_DOORS, fields.DESCRIPTION),
    choose=(
        fields.reference(*_ON_NETWORK, "Only into this network."),
        _KIND,
        fields.OF_NAME,
        fields.OF_PROJECT,
    ),
)
_PEERS: Final = Verbs(
    noun=VPN_PEER,
    create=(
        Field(
            (reference_argument(VPN, "vpn"), name_argument()),
            lambda call: {"vpn_id": call.id_of(VPN, call.required("vpn")), "name": call.required("name")},
        ),
        fields.text(
            "--public-key", "public_key", "The peer's own key, as `wg pubkey` prints it.", metavar="KEY"
        ),
        fields.value(
            "--address",
            "address",
            "Which of the range; any free one by default.",
            parse.address,
            metavar="ADDRESS",
        ),
    ),
    change=(),
    choose=(fields.reference("--vpn", "vpn_id", VPN, "Only of this VPN."), fields.OF_NAME),
    named=False,
)


def _add(call: Call) -> None:
    made = call.client.create(VPN_PEER, _PEERS.asked(call))
    if call.style.format is None and not call.style.quiet and not call.style.columns:
        click.echo(str(made.get("config")), nl=False)
    else:
        print_item(made, VPN_PEER, call.style)


_peer: Final = group(
    "peer",
    "Peers: who may come in by a WireGuard VPN.",
    {
        "add": command("add", fields.params(_PEERS.create), _add, _ADD_HELP),
        "list": _PEERS.list_command(),
        "show": _PEERS.show_command(),
        "delete": _PEERS.delete_command(),
    },
)
_commands: Final = {
    "create": _VERBS.create_command(_CREATE_HELP),
    "list": _VERBS.list_command(),
    "show": _VERBS.show_command(),
    "update": _VERBS.set_command(),
    "delete": _VERBS.delete_command(),
}
main: Final = click.Group(
    "vpn", commands={**_commands, "peer": _peer}, help="VPNs: ways into a project's network."
)
