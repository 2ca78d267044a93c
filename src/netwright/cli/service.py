"""What the three services share: logs, readiness, signals, and the options they have in common."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

import click
import structlog

from netwright.api.identities import IdentityMode
from netwright.kernel.xtables import BACKENDS
from netwright.model.errors import InvalidError
from netwright.model.host import DEFAULT_LOG_LIMIT, SYSTEM_LIBVIRT
from netwright.model.ids import HostName
from netwright.render.firewalls import ENGINES

STATE_DIRECTORY: Final = "/var/lib/netwright"
RUN_DIRECTORY: Final = "/run/netwright"
LISTEN: Final = "127.0.0.1:9696"
"""9696 is the Networking API's registered port."""

_AWAKE: Final = 3600.0

state_option: Final = click.Option(
    ["--state-dir"],
    type=click.Path(path_type=Path, file_okay=False),
    default=STATE_DIRECTORY,
    show_default=True,
    help="Where the database and the last plan are kept.",
)
run_option: Final = click.Option(
    ["--run-dir"],
    type=click.Path(path_type=Path, file_okay=False),
    default=RUN_DIRECTORY,
    show_default=True,
    help="Where helper daemons keep their files until the next boot.",
)
socket_option: Final = click.Option(
    ["--socket"],
    type=click.Path(path_type=Path, dir_okay=False),
    default=f"{RUN_DIRECTORY}/api.sock",
    show_default=True,
    help="The API's Unix socket.",
)
listen_option: Final = click.Option(
    ["--listen"],
    default=LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="The API's address, or 'none'. With --identity none it must be a loopback address.",
)
identity_option: Final = click.Option(
    ["--identity"],
    envvar="NETWRIGHT_IDENTITY",
    show_envvar=True,
    type=click.Choice([mode.value for mode in IdentityMode]),
    default=IdentityMode.NONE.value,
    show_default=True,
    help="Who asks: everybody is admin; users of this server; or those of a Keystone.",
)
keystone_option: Final = click.Option(
    ["--keystone-config"],
    envvar="NETWRIGHT_KEYSTONE_CONFIG",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with a section [keystone_authtoken], for --identity keystone.",
)


def _proxy(text: str) -> str:
    """An address or prefix, but not all that there are. Raises click.BadParameter."""
    try:
        found = ip_network(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if found.prefixlen == 0:
        raise click.BadParameter(
            f"{text} is everybody: who may say where others come from has to be told apart"
        )
    return str(found.network_address if found.prefixlen == found.max_prefixlen else found)


proxy_option: Final = click.Option(
    ["--trusted-proxy"],
    envvar="NETWRIGHT_TRUSTED_PROXIES",
    show_envvar=True,
    multiple=True,
    type=click.types.FuncParamType(_proxy),
    metavar="ADDRESS|PREFIX",
    help="A proxy that is believed for whom it asks, by which scheme (X-Forwarded-For, X-Forwarded-Proto)."
    " None, unless one is named: who asks is who connects.",
)
host_option: Final = click.Option(
    ["--host"],
    default=socket.gethostname,
    show_default="this machine's name",
    help="The name of this host in plans.",
)
firewall_option: Final = click.Option(
    ["--firewall"],
    envvar="NETWRIGHT_FIREWALL",
    show_envvar=True,
    default="nftables",
    show_default=True,
    metavar="|".join((*ENGINES, "NAME")),
    help="What enforces security groups: one of these, or a name that an installed package brings.",
)
libvirt_option: Final = click.Option(
    ["--libvirt-uri"],
    envvar="NETWRIGHT_LIBVIRT_URI",
    show_envvar=True,
    default=SYSTEM_LIBVIRT,
    show_default=True,
    metavar="URI",
    help="Where libvirt's daemon for network filters is, with --firewall nwfilter.",
)
backend_option: Final = click.Option(
    ["--iptables-backend"],
    envvar="NETWRIGHT_IPTABLES_BACKEND",
    show_envvar=True,
    type=click.Choice(BACKENDS),
    default="auto",
    show_default=True,
    help="Which iptables the iptables firewall writes to; auto: the one that `iptables` is here.",
)
sweep_option: Final = click.Option(
    ["--sweep"],
    type=click.Choice(["usual", "all"]),
    default="usual",
    show_default=True,
    help="'all' lets a sweep remove more than half of the ports that are there.",
)
report_option: Final = click.Option(
    ["--report-every"],
    type=click.FloatRange(0.2, 3600),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How often the server is told that this host lives, if there is nothing else to tell.",
)
patience_option: Final = click.Option(
    ["--gateway-patience"],
    type=click.FloatRange(1, 86400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="After so long without a report from a host, gateways that it holds for all are given to another.",
)
packet_log_options: Final = (
    click.Option(
        ["--log-rate"],
        type=click.IntRange(1, 1_000_000),
        default=DEFAULT_LOG_LIMIT.rate,
        show_default=True,
        help="Packets a second that one log of a security group writes down at most.",
    ),
    click.Option(
        ["--log-burst"],
        type=click.IntRange(1, 1_000_000),
        default=DEFAULT_LOG_LIMIT.burst,
        show_default=True,
        help="Packets that it writes down at once after a silence.",
    ),
    click.Option(["--log-stdout"], is_flag=True, help="Print logged packets to standard output, too."),
)
log_option: Final = click.Option(
    ["--log-level"],
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much to log.",
)


def settle_memory() -> None:
    """What is there once a server is built stays: the collector need not look at it again, nor so often.

    It would take a quarter of the time of a long list.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def set_up_logs(level: str) -> None:
    """Lines for people on a terminal, JSON elsewhere; both on standard error."""
    last: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        last = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def host_name(text: str) -> HostName:
    """Raises InvalidError."""
    if not text or len(text) > 255 or any(not (char.isalnum() or char in "-._") for char in text):
        raise InvalidError(f"'{text}' is not a host name", "--host")
    return HostName(text)


def listen_address(text: str, *, proven: bool = False) -> tuple[str, int] | None:
    """Host and port of `--listen`; None for 'none'.

    Raises InvalidError for anything but loopback, unless who asks is `proven`.
    """
    if text == "none":
        return None
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise InvalidError(f"--listen takes HOST:PORT or 'none', not '{text}'", "--listen")
    if not proven and host not in {"127.0.0.1", "::1", "localhost"}:
        message = f"--listen: without authentication (--identity), '{host}' must be loopback"
        raise InvalidError(message, "--listen")
    try:
        return str(ip_address("127.0.0.1" if host == "localhost" else host)), int(port)
    except ValueError as error:
        raise InvalidError(f"--listen: {error}", "--listen") from error


def notify(state: str) -> None:
    """Tells systemd, where it asked to be told (sd_notify(3))."""
    place = os.environ.get("NOTIFY_SOCKET")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.connect(f"\0{place[1:]}" if place.startswith("@") else place)
            door.send(state.encode())


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the old handlers come back afterwards."""
    told = threading.Event()

    def tell(number: int, _: object) -> None:
        del number
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(told: threading.Event) -> None:
    """Until it is set. An untimed wait would not let Python run signal handlers on every platform."""
    while not told.wait(_AWAKE):
        pass


class Worker:
    """A thread whose end, however it ends, ends the service."""

    def __init__(self, name: str, work: Callable[[], None], told: threading.Event) -> None:
        self.failed: BaseException | None = None
        self._work, self._told = work, told
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - told to whoever joins
            self.failed = error
        finally:
            self._told.set()
