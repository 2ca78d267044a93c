"""What can go wrong, as exit codes and lines on stderr."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import click

from netwright.cli.text import escaped, json_text
from netwright.model.errors import (
    ConflictError,
    InvalidError,
    NetwrightError,
    NotFoundError,
    ServerGoneError,
)


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """The server or a kernel failed, or it took too long."""
    INVALID = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class RefusedError(NetwrightError):
    """The server answered no: its HTTP status, the error's type and its message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class TimedOutError(NetwrightError):
    """The server took the request and did not answer in time."""


class NotUpError(NetwrightError):
    """A port that did not come up on its host."""


_BY_STATUS: Final[Mapping[int, Exit]] = {
    400: Exit.INVALID,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    413: Exit.INVALID,
}
_BY_TYPE: Final[Mapping[type[Exception], Exit]] = {
    click.ClickException: Exit.INVALID,
    ConflictError: Exit.CONFLICT,
    InvalidError: Exit.INVALID,
    NotFoundError: Exit.NOT_FOUND,
    ServerGoneError: Exit.UNREACHABLE,
}


def exit_code(error: Exception) -> Exit:
    """The code that a script can tell this error by."""
    if isinstance(error, RefusedError):
        return _BY_STATUS.get(error.status, Exit.FAILED)
    return next((code for kind, code in _BY_TYPE.items() if isinstance(error, kind)), Exit.FAILED)


def complain(error: Exception, *, as_json: bool) -> Exit:
    """Writes the error to stderr and gives its exit code."""
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    if as_json:
        kind = error.kind if isinstance(error, RefusedError) else type(error).__name__
        click.echo(json_text({"error": {"type": kind, "message": message}}, indent=None), err=True)
    else:
        click.echo(f"netwright: {escaped(' '.join(message.split()))}{_hint(error)}", err=True)
    return exit_code(error)


def _hint(error: Exception) -> str:
    """Where usage is wrong: the command whose help tells."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" (see: {context.command_path} --help)" if context is not None else ""
