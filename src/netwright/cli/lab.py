"""`netwright lab`: everything in namespaces of its own, for as long as the command runs."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Final, NoReturn

import click

from netwright.cli.errors import Exit
from netwright.model.errors import NetwrightError
from netwright.testing import lab as labs
from netwright.testing.lab import Lab, LabError

_HELP: Final = """Run netwright inside namespaces of its own: a host and an internet to play with.

Nothing on this machine is touched: the lab's host is a network namespace, the internet another. Everything
goes when the command ends (Ctrl-C). Needs root.

\b
Examples:
  netwright lab
  netwright lab --name two --keep
  netwright lab --clean two
"""


def _run(name: str, clean: str | None, keep: bool) -> int:  # noqa: FBT001 - click calls it by keyword
    if os.geteuid() != 0:
        raise NetwrightError("a lab makes network namespaces: run it as root")
    if clean is not None:
        lab = Lab(clean)
        with labs.claimed(lab):
            labs.sweep(lab)
        return Exit.OK
    labs.interrupt_on_signals()
    lab = Lab(name)
    click.echo(f"Starting lab {lab.name} …", err=True)
    try:
        with labs.running(lab, keep=keep) as service:
            click.echo(welcome(lab))
            return _watch(lab, service)
    except KeyboardInterrupt:
        click.echo(
            f"\nLab {lab.name} " + (f"stays: netwright lab --clean {lab.name}" if keep else "is gone.")
        )
        return Exit.OK


def _watch(lab: Lab, service: subprocess.Popen[bytes]) -> NoReturn:
    """Until Ctrl-C. Raises LabError if netwright ends by itself."""
    code = service.wait()
    raise LabError(f"netwright ended with exit code {code}", labs.tail(lab.log))


def welcome(lab: Lab) -> str:
    """Where things are, and what to type next."""
    guest = lab.guest("web1")
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in lab.environment.items())
    return f"""
Lab {lab.name} is ready.

  host        namespace {lab.host}, uplink {labs.UPLINK} {labs.UPLINK_ADDRESS}
  internet    namespace {lab.internet}, {labs.INTERNET} and {labs.INTERNET_OUTSIDE}; HTTP on port 80
  network     public {labs.PUBLIC}: floating IPs come from here
  log         {lab.log}

In another terminal, as root:

  export {exports}
  netwright network create blue --cidr 10.20.0.0/24
  ip netns add {guest}
  netwright port create web1 --network blue
  netwright port plug web1 --netns {guest}
  {lab.directory}/dhcp {guest}
  ip netns exec {guest} ping -c 3 {labs.INTERNET}
  nsenter --net=/run/netns/{lab.host} netwright inspect web1

Ctrl-C ends the lab and removes all of this, with every namespace called {lab.guest("…")}.
"""


main: Final = click.Command(
    "lab",
    params=[
        click.Option(["--name"], default="lab", metavar="NAME", show_default=True, help="Name of the lab."),
        click.Option(["--keep"], is_flag=True, help="Leave everything running when the command ends."),
        click.Option(["--clean"], metavar="NAME", help="Only remove what a lab of that name left."),
    ],
    callback=_run,
    help=_HELP,
)
