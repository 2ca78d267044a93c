"""`netwright agent`: this host's agent, which knows the server only through its watch."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

import click
from prometheus_client import CollectorRegistry, start_http_server

from netwright.agent.assembly import Running, Settings
from netwright.agent.firewalls import find_firewall
from netwright.agent.tenure import agents_tenure
from netwright.cli import service
from netwright.cli.service import Worker
from netwright.model.host import LogLimit

_READY_WITHIN: Final = 30.0
"""Seconds that a start waits for the first plan to be in place before it calls itself ready anyway."""
_GLANCE: Final = 0.1


def run_agent(settings: Settings, registry: CollectorRegistry, told: threading.Event) -> Worker:
    """Starts the agent in a thread of its own and waits until its first plan is in place."""
    made = threading.Event()
    box: list[Running] = []

    def work() -> None:
        try:
            with agents_tenure(settings.run_directory):
                box.append(running := Running(settings, registry))
                made.set()
                threading.Thread(target=lambda: stop_when(told, running), name="stop", daemon=True).start()
                running.run()
        finally:
            made.set()

    worker = Worker("reconcile", work, told)
    made.wait()
    if box:
        _wait_ready(box[0], told)
    return worker


def _wait_ready(running: Running, told: threading.Event) -> None:
    """Not when told to end meanwhile: an agent that ends has no plan to put in place."""
    deadline = time.monotonic() + _READY_WITHIN
    while not running.agent.ready.wait(_GLANCE) and not told.is_set() and time.monotonic() < deadline:
        pass


def stop_when(told: threading.Event, running: Running) -> None:
    told.wait()
    running.stop()


def agent(**given: object) -> int:
    service.set_up_logs(str(given["log_level"]))
    settings = settings_of(given, str(given["server_address"]))
    registry = CollectorRegistry()
    metrics = service.listen_address(str(given["metrics"]))
    if metrics:
        start_http_server(metrics[1], metrics[0], registry)
    with service.until_told() as told:
        worker = run_agent(settings, registry, told)
        service.notify("READY=1")
        service.wait(told)
        service.notify("STOPPING=1")
        worker.join()
    if worker.failed:
        raise worker.failed
    return 0


def settings_of(given: dict[str, object], server: str) -> Settings:
    """The agent's settings from a command's options. Raises InvalidError."""
    find_firewall(str(given["firewall"]))  # a wrong name is told before anything is made
    return Settings(
        host=service.host_name(str(given["host"])),
        server=server,
        run_directory=Path(str(given["run_dir"])).absolute(),
        state_directory=Path(str(given["state_dir"])).absolute(),
        firewall=str(given["firewall"]),
        libvirt=str(given["libvirt_uri"]),
        xtables=str(given["iptables_backend"]),
        log_limit=LogLimit(int(str(given["log_rate"])), int(str(given["log_burst"]))),
        log_to_stdout=bool(given["log_stdout"]),
        sweep_all=given["sweep"] == "all",
        report_every=float(str(given["report_every"])),
        token=str(given.get("server_token") or ""),
    )


main = click.Command(
    "agent",
    callback=agent,
    help="Run this host's agent: it makes the kernel what the server's plan says, and keeps it so.",
    params=[
        click.Option(
            ["--server-address"],
            default=f"unix:{service.RUN_DIRECTORY}/api.sock",
            show_default=True,
            metavar="unix:PATH|http://HOST:PORT",
            help="Where the server is.",
        ),
        click.Option(
            ["--server-token"],
            envvar="NETWRIGHT_TOKEN",
            show_envvar=True,
            help="An admin's application token, for a server with --identity on the network.",
        ),
        service.host_option,
        service.run_option,
        service.state_option,
        service.firewall_option,
        service.libvirt_option,
        service.backend_option,
        service.sweep_option,
        service.report_option,
        *service.packet_log_options,
        click.Option(
            ["--metrics"],
            default="none",
            show_default=True,
            metavar="HOST:PORT",
            help="A loopback address for Prometheus, or 'none'.",
        ),
        service.log_option,
    ],
)
