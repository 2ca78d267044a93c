"""`netwright api`: the server alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from netwright.api.identities import IdentityMode, IdentitySettings, gate_of
from netwright.api.server import Server, Settings, open_server
from netwright.cli import service


def api(**given: object) -> int:
    service.set_up_logs(str(given["log_level"]))
    server = server_of(given)
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
            gate=lambda world: gate_of(world, identity),
        ),
    )


main = click.Command(
    "api",
    callback=api,
    help="Run the server: the Networking API, the database, and the agents' watch.",
    params=[
        service.state_option,
        service.socket_option,
        service.listen_option,
        service.identity_option,
        service.keystone_option,
        service.host_option,
        service.patience_option,
        service.log_option,
    ],
)
