"""Instances' ports on Open vSwitch's bridges: links that are there, or interfaces that it makes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

import structlog

from netwright.kernel.ovs import Ovs, OvsPort
from netwright.kernel.ovs_flows import Flows
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.devices import asked_mtu, delete_net_dev, set_device_mtu
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name, mac_of, vlan_of
from netwright.nova.linux_host import LinuxHost, current

_LOG: Final = structlog.get_logger("netwright.nova")
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
_LINKS: Final = frozenset({"", "system"})
"""Types of interfaces that are links already, whose MTU is the kernel's."""
_CLIENT: Final = "dpdkvhostuserclient"
"""Whose Unix socket the VMM makes; that of a `dpdkvhostuser` Open vSwitch makes, by the port's name."""
_ID: Final = re.compile(r"[\x21-\x7e]{1,255}")
_REMOTE: Final = re.compile(r"unix:[^\s,]{1,107}|tcp:[^\s,]+")
"""A Unix socket's path has 107 characters at most (unix(7), sun_path)."""


class OvsConfigurationFailure(KernelRefusedError):  # noqa: N818 - nova's name
    """Open vSwitch did not take something, or did not answer; `said` is what it said."""


def create_ovs_vif_port(  # noqa: PLR0913, PLR0917 - the old signature, and two more
    bridge: str,
    dev: str,
    iface_id: str,
    mac: str,
    instance_id: str,
    mtu: int | None = None,
    interface_type: str | None = None,
    *,
    tag: int | None = None,
    vhost_server_path: str | None = None,
    on: LinuxHost | None = None,
) -> None:
    """The port is on the bridge, and on no other, with its ids, when this returns.

    `tag`: the VLAN that it is an access port of. `vhost_server_path`: the VMM's socket, which a
    dpdkvhostuserclient needs. Raises InvalidError, and OvsConfigurationFailure with what Open vSwitch said;
    there is no such port then.
    """
    host, kind = current(on), _kind(interface_type)
    size = asked_mtu(host, mtu)
    port = OvsPort(
        link_name(bridge, "bridge"),
        link_name(dev, "dev"),
        kind,
        external_ids={
            "iface-id": _id(iface_id, "iface_id"),
            "iface-status": "active",
            "attached-mac": mac_of(mac, "mac"),
            "vm-uuid": _id(instance_id, "instance_id"),
        },
        options=_socket(kind, vhost_server_path),
        tag=None if tag is None else vlan_of(tag, "tag"),
        mtu=None if kind in _LINKS else size,
    )
    if pretended(host, "create_ovs_vif_port", bridge=port.bridge, dev=port.name):
        return
    with changing_ovs():
        ovs_of(host).put(port)
    _LOG.info("ovs_port_put", bridge=port.bridge, port=port.name)
    if kind in _LINKS:
        set_device_mtu(port.name, mtu, on=host)


def delete_ovs_vif_port(
    bridge: str,
    dev: str,
    delete_dev: bool = True,  # noqa: FBT001, FBT002 - the old signature
    *,
    on: LinuxHost | None = None,
) -> None:
    """The port, and with `delete_dev` its link, are gone; neither need be there.

    Raises InvalidError, and OvsConfigurationFailure: also where the port is another bridge's, or no
    instance's, and stays.
    """
    host, place, name = current(on), link_name(bridge, "bridge"), link_name(dev, "dev")
    if pretended(host, "delete_ovs_vif_port", bridge=place, dev=name):
        return
    with changing_ovs():
        gone = ovs_of(host).remove(name, place)
    if gone:
        _LOG.info("ovs_port_removed", bridge=place, port=name)
    if delete_dev:
        delete_net_dev(name, on=host)


def update_device_mtu(
    dev: str, mtu: int | None = None, interface_type: str | None = None, *, on: LinuxHost | None = None
) -> None:
    """`mtu`, or else network_device_mtu, in bytes; nothing without either.

    For interfaces that Open vSwitch makes it is asked of Open vSwitch, which sets others' values back.
    Raises InvalidError, KernelRefusedError (OvsConfigurationFailure is one).
    """
    host, name = current(on), link_name(dev, "dev")
    if _kind(interface_type) in _LINKS:
        set_device_mtu(name, mtu, on=host)
        return
    size = asked_mtu(host, mtu)
    if size and not pretended(host, "update_device_mtu", dev=name, mtu=size):
        with changing_ovs():
            ovs_of(host).set_mtu(name, size)


@contextmanager
def changing_ovs() -> Iterator[None]:
    """One at a time. Raises OvsConfigurationFailure for what Open vSwitch refuses."""
    with turn("linux_net-ovs"):
        try:
            yield
        except KernelRefusedError as refused:
            raise OvsConfigurationFailure(refused.driver, refused.said) from refused


def ovs_of(host: LinuxHost) -> Ovs:
    """Raises InvalidError."""
    return Ovs(_remote(host), host.options.ovs_vsctl_timeout)


def flows_of(host: LinuxHost) -> Flows:
    """Raises InvalidError."""
    return Flows(_remote(host), host.options.ovs_vsctl_timeout)


def _remote(host: LinuxHost) -> str:
    remote = host.options.ovsdb_connection
    if not _REMOTE.fullmatch(remote):
        raise InvalidError(f"{remote!r} is not unix:PATH or tcp:ADDRESS:PORT", "ovsdb_connection")
    return remote


def _kind(text: str | None) -> str:
    if text and not _KIND.fullmatch(text):
        raise InvalidError(f"{text!r} is not a type of interfaces", "interface_type")
    return text or ""


def _id(text: str, where: str) -> str:
    if not _ID.fullmatch(str(text)):
        raise InvalidError(f"{text!r} is not an id", where)
    return str(text)


def _socket(kind: str, path: str | None) -> dict[str, str]:
    if (kind == _CLIENT) != bool(path):
        raise InvalidError(f"for {_CLIENT}, and for nothing else", "vhost_server_path")
    if not path:
        return {}
    if not PurePath(path).is_absolute() or not _ID.fullmatch(path):
        raise InvalidError(f"{path!r} is not a socket's path", "vhost_server_path")
    return {"vhost-server-path": path}
