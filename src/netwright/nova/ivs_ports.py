"""Instances' ports on the Indigo Virtual Switch, by its `ivs-ctl`, which no distribution ships."""

from __future__ import annotations

from netwright.nova.devices import delete_net_dev
from netwright.nova.fake_network import pretended
from netwright.nova.given import link_name
from netwright.nova.linux_host import LinuxHost
from netwright.nova.vendor_tools import run_vendor_tool


def create_ivs_vif_port(
    dev: str, iface_id: str, mac: str, instance_id: str, *, on: LinuxHost | None = None
) -> None:
    """`ivs-ctl add-port DEV`: the ids are not for ivs-ctl, and never were. Raises KernelRefusedError."""
    del iface_id, mac, instance_id
    name = link_name(dev, "dev")
    if not pretended(on, "create_ivs_vif_port", dev=name):
        run_vendor_tool("ivs-ctl", "add-port", name)


def delete_ivs_vif_port(dev: str, *, on: LinuxHost | None = None) -> None:
    """`ivs-ctl del-port DEV`, then the link goes. Raises KernelRefusedError."""
    name = link_name(dev, "dev")
    if not pretended(on, "delete_ivs_vif_port", dev=name):
        run_vendor_tool("ivs-ctl", "del-port", name)
        delete_net_dev(name, on=on)
