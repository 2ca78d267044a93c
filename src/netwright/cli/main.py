"""The `netwright` command: one table of commands, each imported when it is first needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import click
from click.shell_completion import shell_complete

from netwright.cli.client import DEFAULT_SERVER
from netwright.cli.completion import VARIABLE
from netwright.cli.run import run, version_option

NAME: Final = "netwright"
_HELP: Final = """Cloud networking for virtual machines, containers and microVMs on your own Linux hosts.

\b
Examples:
  netwright network create blue --cidr 10.20.0.0/24
  netwright port create web1 --network blue
  netwright port plug web1 --netns web1

\b
Exit codes: 0 done, 1 failed or took too long, 2 bad input, 3 not found, 4 in use or taken,
5 server not reachable.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """Where a command lives: its module has it under the name `main`, a click.Command."""

    module: str
    help: str


COMMANDS: Final[Mapping[str, Row]] = {
    "network": Row("netwright.cli.networks", "Networks: where guests meet."),
    "subnet": Row("netwright.cli.subnets", "Subnets: address ranges of networks."),
    "subnet-pool": Row("netwright.cli.subnet_pools", "Subnet pools: prefixes that subnets are taken from."),
    "address-scope": Row("netwright.cli.address_scopes", "Address scopes: within which prefixes are unique."),
    "port": Row("netwright.cli.ports", "Ports: guests' network interfaces."),
    "security-group": Row("netwright.cli.security_groups", "Security groups: who may speak to guests."),
    "address-group": Row("netwright.cli.address_groups", "Address groups: prefixes that rules name."),
    "log": Row("netwright.cli.logs", "Logs: packets that security groups let through or drop."),
    "floating-ip": Row("netwright.cli.floating_ips", "Floating IPs: addresses from outside for guests."),
    "router": Row("netwright.cli.routers", "Routers: what joins networks, and leads out of them."),
    "qos": Row("netwright.cli.qos", "QoS: how much guests may send and get, and how it is marked."),
    "vpn": Row("netwright.cli.vpns", "VPNs: ways into a project's network from outside."),
    "tag": Row("netwright.cli.tags", "Tags: short texts on things, to find them by."),
    "rbac": Row("netwright.cli.rbac", "RBAC: what is shared, and with whom."),
    "quota": Row("netwright.cli.quotas", "Quotas: how much a project may have."),
    "network-agent": Row("netwright.cli.network_agents", "Agents: what each host does."),
    "project": Row("netwright.cli.projects", "Projects: to whom things belong."),
    "user": Row("netwright.cli.users", "Users: who may ask."),
    "role": Row("netwright.cli.roles", "Roles: who may do what in which project."),
    "token": Row("netwright.cli.tokens", "Application tokens: long-lived secrets for programs."),
    "identity": Row("netwright.cli.identity", "Make the first admin."),
    "status": Row("netwright.cli.status", "Show every host and what is pending there."),
    "inspect": Row("netwright.cli.inspect", "Show the path that a guest's packets take."),
    "doctor": Row("netwright.cli.doctor", "Find whose rules stop netwright's traffic."),
    "up": Row("netwright.cli.up", "Run server and agent in one process."),
    "api": Row("netwright.cli.api", "Run the server."),
    "agent": Row("netwright.cli.agent", "Run this host's agent."),
    "lab": Row("netwright.cli.lab", "Run everything inside namespaces of its own."),
    "completion": Row("netwright.cli.completion", "Print the completion script of a shell."),
}


class Table(click.Group):
    """The commands of COMMANDS; help and completion of their names import none of them."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        row = COMMANDS.get(name)
        if row is None:
            return None
        found: object = import_module(row.module).main
        return found if isinstance(found, click.Command) else None

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


root: Final = Table(
    NAME,
    help=_HELP,
    no_args_is_help=False,
    invoke_without_command=False,
    params=[
        click.Option(
            ["--server"],
            metavar="PATH|URL",
            default=DEFAULT_SERVER,
            envvar="NETWRIGHT_SERVER",
            show_default=True,
            show_envvar=True,
            help="Unix socket or http URL of the server.",
        ),
        click.Option(
            ["--token"],
            envvar="NETWRIGHT_TOKEN",
            show_envvar=True,
            help="Shown to a server on the network; else OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME are.",
        ),
        click.Option(
            ["--cloud"],
            envvar="OS_CLOUD",
            show_envvar=True,
            metavar="NAME",
            help="Entry of clouds.yaml whose credentials are shown.",
        ),
        version_option(),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    if instruction := os.environ.get(VARIABLE):
        return shell_complete(root, {}, NAME, VARIABLE, instruction)
    return run(root, sys.argv[1:] if arguments is None else arguments)
