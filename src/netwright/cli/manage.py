"""The `netwright-manage` command: what nova-manage did to networks, on netwright's store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from netwright.cli import import_nova, manage_addresses, manage_networks, manage_projects
from netwright.cli.manage_command import MANAGERS
from netwright.cli.run import run, version_option
from netwright.cli.service import STATE_DIRECTORY

NAME: Final = "netwright-manage"
_HELP: Final = """Manage networks and addresses by nova-manage's commands, whether or not a server runs.

Options are written with underscores or dashes.

\b
Examples:
  netwright-manage network create --label private --fixed_range_v4 10.0.0.0/8 --num_networks 3 \\
    --network_size 16
  netwright-manage floating create --ip_range 203.0.113.0/26 --pool public --interface eth0
  netwright-manage network list --format json
  netwright-manage import-nova --connection mysql+pymysql://nova:secret@db/nova

\b
Exit codes: 0 done, 1 failed, 2 bad input, 3 not found, 4 in use or taken.
"""

root: Final = click.Group(
    NAME,
    help=_HELP,
    commands={
        "network": manage_networks.main,
        "fixed": manage_addresses.fixed,
        "floating": manage_addresses.floating,
        "vpn": manage_projects.vpn,
        "project": manage_projects.project,
        "import-nova": import_nova.main,
    },
    params=[
        click.Option(
            ["--connection", "connection"],
            metavar="URL",
            envvar="NETWRIGHT_CONNECTION",
            show_envvar=True,
            help="SQLAlchemy URL of netwright's database, in the place of --state-dir.",
        ),
        click.Option(
            ["--state-dir"],
            type=click.Path(path_type=Path, file_okay=False),
            default=STATE_DIRECTORY,
            show_default=True,
            help="Where the server keeps its database.",
        ),
        click.Option(
            ["--config-file"],
            multiple=True,
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A nova.conf with defaults and network_manager; repeatable.",
        ),
        click.Option(
            ["--manager"],
            type=click.Choice(tuple(MANAGERS)),
            help="What kind of networks to create; by default flatdhcp, or what --config-file says.",
        ),
        version_option(),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    return run(root, sys.argv[1:] if arguments is None else arguments)
