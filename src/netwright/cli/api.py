"""`netwright api`: the server alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from netwright.api.identities import IdentityMode, IdentitySettings, gate_of
from netwright.api.nouns import NOUNS
from netwright.api.server import Server, Settings, open_server
from netwright.cli import service
from netwright.control import limits

QUOTAS: Final = tuple(sorted(limits.counted(NOUNS)))
"""What can be limited."""


def _quota(text: str) -> tuple[str, int]:
    """Name and number. Raises click.BadParameter."""
    name, _, number = text.partition("=")
    if name not in QUOTAS or not re.fullmatch(r"-1|[0-9]{1,9}", number):
        raise click.BadParameter(f"'{text}' is not NAME=NUMBER with one of {', '.join(QUOTAS)}.")
    return name, int(number)


quota_option: Final = click.Option(
    ["--quota"],
    multiple=True,
    type=click.types.FuncParamType(_quota),
    metavar="NAME=NUMBER",
    help="What a project may have that has no limit of its own, like port=1000; -1: any number. Where"
    " projects are told apart (--identity), networks, ports and others have usual limits.",
)


def api(**given: object) -> int:
    service.set_up_logs(str(given["log_level"]))
    server = server_of(given)
    service.settle_memory()
    with service.until_told() as told:
        server.start()
        service.notify("READY=1")
        service.wait(told)
        service.notify("STOPPING=1")
        server.stop()
    return 0


def server_of(given: dict[str, object]) -> Server:
    """The server that a command's options describe; its database is made where there is none."""
    state = Path(str(given["state_dir"])).absolute()
    config = given["keystone_config"]
    identity = IdentitySettings(IdentityMode(str(given["identity"])), Path(str(config)) if config else None)
    state.mkdir(parents=True, exist_ok=True)
    return open_server(
        f"sqlite:///{state / 'netwright.db'}",
        service.host_name(str(given["host"])),
        Path(str(given["socket"])).absolute(),
        service.listen_address(str(given["listen"]), proven=identity.mode is not IdentityMode.NONE),
        Settings(
            patience=timedelta(seconds=float(str(given["gateway_patience"]))),
            quotas=quotas_of(given["quota"], known=identity.mode is not IdentityMode.NONE),
            gate=lambda world: gate_of(world, identity),
            trusted_proxies=proxies_of(given["trusted_proxy"]),
        ),
    )


def proxies_of(given: object) -> tuple[str, ...]:
    """The addresses and prefixes of `--trusted-proxy`."""
    return tuple(map(str, given)) if isinstance(given, Iterable) else ()


def quotas_of(given: object, *, known: bool) -> Mapping[str, int]:
    """What projects may have; `known`: whether projects are told apart, so that there are usual limits."""
    asked = dict(given) if isinstance(given, Iterable) else {}
    return {**(limits.USUAL if known else {}), **asked}


main = click.Command(
    "api",
    callback=api,
    help="Run the server: the Networking API, the database, and the agents' watch.",
    params=[
        service.state_option,
        service.socket_option,
        service.listen_option,
        service.proxy_option,
        service.identity_option,
        service.keystone_option,
        quota_option,
        service.host_option,
        service.patience_option,
        service.log_option,
    ],
)
