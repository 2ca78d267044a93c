"""The rules that let guests reach their device's dnsmasq, and make its answers whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netwright.nova.given import link_name
from netwright.nova.linux_host import LinuxHost, current

_DHCP, _DNS = 67, 53
_CHECKSUM: Final = "-o {} -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill"
"""Clients that read raw frames drop datagrams whose checksum was left to a network card that is none."""


def _add_dnsmasq_accept_rules(dev: str, *, on: LinuxHost | None = None) -> None:
    """DHCP and DNS, over UDP and TCP, may come in by the device."""
    manager = current(on).iptables_manager
    for rule in _accepts(dev):
        manager.ipv4["filter"].add_rule("INPUT", rule)
    manager.apply()


def _remove_dnsmasq_accept_rules(dev: str, *, on: LinuxHost | None = None) -> None:
    manager = current(on).iptables_manager
    for rule in _accepts(dev):
        manager.ipv4["filter"].remove_rule("INPUT", rule)
    manager.apply()


def _add_dhcp_mangle_rule(dev: str, *, on: LinuxHost | None = None) -> None:
    """DHCP answers leave by the device with their checksums filled in."""
    manager = current(on).iptables_manager
    manager.ipv4["mangle"].add_rule("POSTROUTING", _CHECKSUM.format(link_name(dev, "dev")))
    manager.apply()


def _remove_dhcp_mangle_rule(dev: str, *, on: LinuxHost | None = None) -> None:
    manager = current(on).iptables_manager
    manager.ipv4["mangle"].remove_rule("POSTROUTING", _CHECKSUM.format(link_name(dev, "dev")))
    manager.apply()


def _accepts(dev: str) -> Iterator[str]:
    device = link_name(dev, "dev")
    for port in (_DHCP, _DNS):
        for protocol in ("udp", "tcp"):
            yield f"-i {device} -p {protocol} -m {protocol} --dport {port} -j ACCEPT"
