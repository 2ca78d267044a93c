"""`netwright completion`: the script that teaches a shell our commands, names and ids."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

VARIABLE: Final = "_NETWRIGHT_COMPLETE"
"""Set by the script when the shell asks for completions."""
_SHELLS: Final = ("bash", "zsh", "fish")
_HELP: Final = """Print the completion script of a shell.

\b
Examples:
  netwright completion bash > /etc/bash_completion.d/netwright
  netwright completion zsh > /usr/local/share/zsh/site-functions/_netwright
  netwright completion fish > ~/.config/fish/completions/netwright.fish
"""


def _print(shell: str) -> None:
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(main, {}, "netwright", VARIABLE).source())


main: Final = click.Command(
    "completion", params=[click.Argument(["shell"], type=click.Choice(_SHELLS))], callback=_print, help=_HELP
)
