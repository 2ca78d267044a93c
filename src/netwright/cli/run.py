"""What every program of ours does around its command: exit codes, streams, errors in the format asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from netwright import __version__
from netwright.cli.errors import Exit, complain
from netwright.model.errors import InvalidError, NetwrightError


def run(program: click.Command, given: Sequence[str]) -> int:
    """Runs a command and gives its exit code; whatever is wrong has been said."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _invoke(program, list(given))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at its end, and would complain of the pipe then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except (click.ClickException, NetwrightError) as error:
        return complain(error, as_json=wants_json(given))
    return code


def _invoke(program: click.Command, given: list[str]) -> int:
    for one in given:
        if not one.isascii() and any("\ud800" <= char <= "\udfff" for char in one):
            raise InvalidError(f"{one!r} is not UTF-8")
    try:
        with program.make_context(program.name, given) as context:
            result: object = program.invoke(context)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.INVALID
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.Abort:
        return Exit.INTERRUPTED
    return result if isinstance(result, int) else Exit.OK


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether --format json was asked for, even where the rest of the command line is wrong."""
    before = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    joined = any(one in {"--format=json", "-fjson"} for one in before)
    return joined or any(pair in {("-f", "json"), ("--format", "json")} for pair in pairwise(before))


def version_option() -> click.Option:
    """--version, for a program's own options."""
    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Print the version.",
    )


def _print_version(context: click.Context, _: click.Parameter, asked: object) -> None:
    if asked:
        click.echo(f"{context.info_name} {__version__}")
        context.exit()
