"""`netwright network-agent`: what each host does, and what is on which."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.find import find
from netwright.cli.governance_nouns import AGENT
from netwright.cli.nouns import NETWORK, Noun
from netwright.cli.output import print_items
from netwright.cli.verbs import Verbs, group

_ENABLED: Final = fields.switch("--enable/--disable", "admin_state_up", "Whether new work is given to it.")
_VERBS: Final = Verbs(
    noun=AGENT,
    create=(),
    change=(_ENABLED, fields.DESCRIPTION),
    choose=(
        fields.text("--host", "host", "Only of this host.", metavar="HOST"),
        fields.text("--kind", "agent_type", "Only of this kind, such as 'DHCP agent'."),
        fields.switch("--alive/--silent", "alive", "Only those that speak, or do not."),
    ),
)
_AGENT: Final = reference_argument(AGENT, "agent")


def _thing(noun: Noun) -> click.Argument:
    return reference_argument(noun, "thing")


def _path(call: Call) -> str:
    return f"{AGENT.path}/{find(call.client, AGENT, call.required('agent'))['id']}/dhcp-networks"


def _networks(call: Call) -> None:
    found = call.client.request("GET", _path(call))
    listed = found.get("networks") if isinstance(found, dict) else None
    print_items(listed if isinstance(listed, list) else [], NETWORK, call.style)


def _put(call: Call) -> None:
    call.client.request("POST", _path(call), {"network_id": call.id_of(NETWORK, call.required("thing"))})


def _take(call: Call) -> None:
    call.client.request("DELETE", f"{_path(call)}/{call.id_of(NETWORK, call.required('thing'))}")


main: Final = group(
    "network-agent",
    "Agents: what each host does, and what is on which.",
    {
        **{name: one for name, one in _VERBS.commands().items() if name != "create"},
        "networks": command("networks", [_AGENT], _networks, "List the networks on a DHCP agent."),
        "add-network": command(
            "add-network", [_AGENT, _thing(NETWORK)], _put, "Put a network on a DHCP agent."
        ),
        "remove-network": command(
            "remove-network", [_AGENT, _thing(NETWORK)], _take, "Take a network from a DHCP agent."
        ),
    },
)
