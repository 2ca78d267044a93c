"""`netwright up`: server and agent in one process, with nothing to configure."""

from __future__ import annotations

from pathlib import Path

import click

from netwright.cli import service
from netwright.cli.agent import run_agent, settings_of
from netwright.cli.api import quota_option, server_of

_HELP = """Run server and agent in one process: all that one host needs.

The database is SQLite under --state-dir. Guests' connections go on while netwright is stopped, restarted
or killed.
"""


def up(**given: object) -> int:
    service.set_up_logs(str(given["log_level"]))
    settings = settings_of(given, f"unix:{Path(str(given['socket'])).absolute()}")
    server = server_of(given)
    service.settle_memory()
    with service.until_told() as told:
        server.start()
        try:
            worker = run_agent(settings, server.registry, told)
            service.notify("READY=1")
            service.wait(told)
            service.notify("STOPPING=1")
            worker.join()
        finally:
            server.stop()
    if worker.failed:
        raise worker.failed
    return 0


main = click.Command(
    "up",
    callback=up,
    help=_HELP,
    params=[
        service.state_option,
        service.run_option,
        service.socket_option,
        service.listen_option,
        service.proxy_option,
        service.identity_option,
        service.keystone_option,
        quota_option,
        service.host_option,
        service.firewall_option,
        service.libvirt_option,
        service.backend_option,
        service.sweep_option,
        service.report_option,
        service.patience_option,
        *service.packet_log_options,
        service.log_option,
    ],
)
