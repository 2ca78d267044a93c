"""linux_net's radvd, one a device: started once, told when its file is another, ended with its prefix.

Ours: a process whose command line says `-C` and the device's configuration file.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Network
from pathlib import Path
from typing import Final

from netwright.kernel.daemons import Daemon
from netwright.kernel.tools import run_tool
from netwright.kernel.turns import turn
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name
from netwright.nova.host_files import write_to_file
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import parse_network
from netwright.nova.options import NetworkOptions

_PROGRAM: Final = "radvd"
_TEXT: Final = """interface {dev}
{{
   AdvSendAdvert on;
   MinRtrAdvInterval 3;
   MaxRtrAdvInterval 10;
   prefix {prefix}
   {{
        AdvOnLink on;
        AdvAutonomous on;
   }};
}};
"""


def update_ra(context: object, dev: str, network_ref: object, *, on: LinuxHost | None = None) -> None:
    """The device announces the network's IPv6 prefix; of a network that has none nothing is announced.

    A daemon that runs goes on, and is told only of another file: guests see no gap. Raises KernelRefusedError
    where there is no such device, or with what radvd said.
    """
    del context
    host, device = current(on), link_name(dev, "dev")
    prefix = parse_network(network_ref).cidr_v6
    if pretended(host, "update_ra", dev=dev):
        return
    if prefix is None:
        kill_ra(dev, on=host)
        return
    _refuse_absent(device)
    conf, text = ra_path(host.options, device, "conf"), ra_text(device, prefix)
    told = ra_path(host.options, device, "told")
    with turn(f"radvd-{device}"):
        daemon = ra_daemon(host.options, device)
        if daemon.pid() and all(file.exists() and file.read_text() == text for file in (conf, told)):
            return
        conf.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_to_file(conf, text)
        conf.chmod(0o644)
        if daemon.pid():
            daemon.hang_up()
        else:
            daemon.stop()
            run_tool(_PROGRAM, ["-C", str(conf), "-p", str(daemon.pid_file)], package=_PROGRAM)
        write_to_file(told, text)


def kill_ra(dev: str, *, on: LinuxHost | None = None) -> None:
    """The device's daemon tells guests that it is no router any more, and ends."""
    host, device = current(on), link_name(dev, "dev")
    if pretended(host, "kill_ra", dev=dev):
        return
    with turn(f"radvd-{device}"):
        ra_daemon(host.options, device).stop()
        for kind in ("conf", "told"):
            ra_path(host.options, device, kind).unlink(missing_ok=True)


def ra_text(dev: LinkName, prefix: IPv6Network) -> str:
    """radvd.conf(5)."""
    return _TEXT.format(dev=dev, prefix=prefix)


def ra_path(options: NetworkOptions, dev: LinkName, kind: str) -> Path:
    """`nova-ra-<dev>.conf`, `.pid`, and `.told`: the text that the daemon has read."""
    return options.networks_path / f"nova-ra-{dev}.{kind}"


def _refuse_absent(dev: LinkName) -> None:
    """radvd would start, and wait for it."""
    try:
        socket.if_nametoindex(dev)
    except OSError as error:
        raise KernelRefusedError(_PROGRAM, f"there is no device {dev}") from error


def ra_daemon(options: NetworkOptions, dev: LinkName) -> Daemon:
    """The device's; who only looks at its file is not it."""
    return Daemon(ra_path(options, dev, "pid"), f"-C\0{ra_path(options, dev, 'conf')}")
