"""The `openstack` command's own program, run in this process: its start takes seconds, its commands do not."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from netwright.api.server import Server


def openstack(environment: Mapping[str, str], *words: str) -> Any:  # JSON, or the text that it printed
    """What the command answers, with these OS_ variables and no others; it must succeed."""
    said, complained = StringIO(), StringIO()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(said))
        stack.enter_context(redirect_stderr(complained))
        stack.enter_context(_environment(environment))
        stack.enter_context(_loggers_kept())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        from openstackclient.shell import main  # noqa: PLC0415  # what it imports warns

        _forget_clients()
        code = main(list(words))
    text = said.getvalue()
    assert code == 0, (words, text, complained.getvalue())
    return json.loads(text) if text.startswith(("{", "[")) else text


def unauthenticated(server: Server) -> Mapping[str, str]:
    """The variables that lead to a server which asks nobody who they are."""
    assert server.address is not None
    host, port = server.address
    return {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": f"http://{host}:{port}"}


def _forget_clients() -> None:
    """The program keeps the clients that it made in their classes, for the one run that it is used to."""
    from osc_lib.clientmanager import ClientCache, ClientManager  # noqa: PLC0415

    for cache in vars(ClientManager).values():
        if isinstance(cache, ClientCache):
            cache._handle = None


@contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("OS_")]:
        del os.environ[name]
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _loggers_kept() -> Iterator[None]:
    """The program arranges the root logger as it likes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
