"""Instances' vhost-user devices of a fast path, by its `fp-vdev`, which no distribution ships.

The modern ones are Open vSwitch's: ovs_ports.py, with interface_type dpdkvhostuser or dpdkvhostuserclient.
"""

from __future__ import annotations

import re
from typing import Final

from netwright.kernel import devices
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError
from netwright.nova.devices import set_device_mtu
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.vendor_tools import run_vendor_tool

_PATH: Final = re.compile(r"/[\x21-\x7e]{1,106}")
"""A Unix socket's path has 107 characters at most (unix(7), sun_path)."""
_MODES: Final = ("client", "server")


def create_fp_dev(dev: str, sockpath: str, sockmode: str, *, on: LinuxHost | None = None) -> None:
    """`fp-vdev add DEV --sockpath PATH --sockmode MODE`, then network_device_mtu, and up.

    One that is there is not added again. `sockmode`: who listens, `client` or `server`. Raises InvalidError,
    KernelRefusedError.
    """
    host, name = current(on), link_name(dev, "dev")
    if not _PATH.fullmatch(sockpath):
        raise InvalidError(f"{sockpath!r} is not a socket's path", "sockpath")
    if sockmode not in _MODES:
        raise InvalidError(f"{sockmode!r} is not one of {', '.join(_MODES)}", "sockmode")
    if pretended(host, "create_fp_dev", dev=name, sockpath=sockpath, sockmode=sockmode):
        return
    with turn("linux_net-device"):
        if not devices.exists(name):
            run_vendor_tool("fp-vdev", "add", name, "--sockpath", sockpath, "--sockmode", sockmode)
        set_device_mtu(name, on=host)
        devices.set_up(name)


def delete_fp_dev(dev: str, *, on: LinuxHost | None = None) -> None:
    """`fp-vdev del DEV`, if there is such a link. Raises InvalidError, KernelRefusedError."""
    name = link_name(dev, "dev")
    if devices.exists(name) and not pretended(on, "delete_fp_dev", dev=name):
        run_vendor_tool("fp-vdev", "del", name)
