"""`netwright-cni`: the CNI plugin that gives containers ports (docs/plugging.md).

One table of operations; a result or an error is one JSON object on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Final

from netwright.cli import cni_commands, cni_request
from netwright.cli.cni_commands import Environ
from netwright.cli.cni_request import NEWEST, VERSIONS, CniError, Code
from netwright.cli.errors import NotUpError, RefusedError, TimedOutError
from netwright.cli.nouns import Item
from netwright.model.errors import (
    InvalidError,
    KernelRefusedError,
    NetwrightError,
    NotFoundError,
    ServerGoneError,
)

_LONGEST: Final = 1 << 20
"""Bytes of a network configuration."""
_USAGE: Final = "netwright-cni is a CNI plugin: a container runtime runs it (docs/plugging.md)"


def _version(given: Item, environ: Environ) -> Item:
    del environ
    return {"cniVersion": given.get("cniVersion", NEWEST), "supportedVersions": VERSIONS}


COMMANDS: Final[Mapping[str, Callable[[Item, Environ], Item | None]]] = {
    "ADD": cni_commands.add,
    "DEL": cni_commands.delete,
    "CHECK": cni_commands.check,
    "GC": cni_commands.collect,
    "STATUS": cni_commands.status,
    "VERSION": _version,
}
_CODES: Final[Mapping[type[NetwrightError], Code]] = {
    InvalidError: Code.CONFIG,
    KernelRefusedError: Code.KERNEL,
    NotFoundError: Code.CONFIG,
    NotUpError: Code.LATER,
    RefusedError: Code.REFUSED,
    ServerGoneError: Code.LATER,
    TimedOutError: Code.LATER,
}


def main() -> int:
    """Runs what CNI_COMMAND says and gives the exit code."""
    # What a runtime ends must still undo what it has begun.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    given: Item = {}
    try:
        command = _command(os.environ)
        given = cni_request.document(_read())
        answer = command(given, os.environ)
    except NetwrightError as error:
        return _complain(_as_cni(error), given)
    except OSError as error:
        return _complain(CniError(Code.IO, "input or output failed", str(error)), given)
    except KeyboardInterrupt:
        return _complain(CniError(Code.LATER, "ended by a signal"), given)
    except Exception as error:  # noqa: BLE001 - a runtime understands nothing but JSON
        traceback.print_exc()
        return _complain(CniError(Code.INTERNAL, "netwright-cni failed", repr(error)), given)
    if answer is not None:
        sys.stdout.write(json.dumps(answer))
    return 0


def _command(environ: Environ) -> Callable[[Item, Environ], Item | None]:
    command = COMMANDS.get(environ.get("CNI_COMMAND", ""))
    if command is None:
        raise CniError(Code.ENVIRONMENT, "missing or invalid variable", f"CNI_COMMAND; {_USAGE}")
    return command


def _read() -> bytes:
    text = sys.stdin.buffer.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise CniError(Code.DECODING, "the network configuration is too long", f"more than {_LONGEST} bytes")
    return text


def _as_cni(error: NetwrightError) -> CniError:
    if isinstance(error, CniError):
        return error
    return CniError(_CODES.get(type(error), Code.INTERNAL), "netwright refused", str(error))


def _complain(error: CniError, given: Item) -> int:
    version = given.get("cniVersion")
    told = {
        "cniVersion": version if version in VERSIONS else NEWEST,
        "code": error.code,
        "msg": error.message,
        "details": error.details,
    }
    sys.stdout.write(json.dumps(told))
    return 1


if __name__ == "__main__":
    sys.exit(main())
