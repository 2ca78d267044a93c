"""linux_net's texts for dnsmasq, by their old names: who has which address is asked of the host's source."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from netwright.nova.address_source import FixedAddress
from netwright.nova.dhcp_text import dhcp_path, host_lines, lease_lines, name_lines, option_lines
from netwright.nova.fixed_refs import parse_fixed_ips
from netwright.nova.given import link_name
from netwright.nova.host_files import write_to_file
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import NetworkRef, parse_network


def get_dhcp_leases(context: object, network_ref: object, *, on: LinuxHost | None = None) -> str:
    """Lease-file lines of the network's leased addresses; with multi_host of those of instances here."""
    del context
    host, network = current(on), parse_network(network_ref)
    until = int(time.time()) + host.options.dhcp_lease_time
    return lease_lines(served_here(host, network), until)


def get_dhcp_hosts(
    context: object, network_ref: object, fixedips: Iterable[object], *, on: LinuxHost | None = None
) -> str:
    """dhcp-host lines of those fixed IPs that are allocated: for each MAC one, with its first address."""
    del context, network_ref
    return host_lines(parse_fixed_ips(fixedips), current(on).options)


def get_dhcp_opts(
    context: object, network_ref: object, fixedips: Iterable[object], *, on: LinuxHost | None = None
) -> str:
    """What guests are told of their default gateways."""
    del context
    return option_lines(parse_network(network_ref), parse_fixed_ips(fixedips), current(on).options)


def get_dns_hosts(context: object, network_ref: object, *, on: LinuxHost | None = None) -> str:
    """Addresses and names of all that is allocated on the network, on whatever host."""
    del context
    host, network = current(on), parse_network(network_ref)
    return name_lines(host.addresses.of_network(network.uuid), host.options)


def update_dhcp_hostfile_with_text(dev: str, hosts_text: str, *, on: LinuxHost | None = None) -> None:
    """The device's dhcp-host lines are this text from the daemon's next look on."""
    write_for_dnsmasq(file_of(dev, "conf", on=on), hosts_text)


def file_of(dev: str, kind: str, *, on: LinuxHost | None = None) -> Path:
    """Where the device's file of that kind is. Raises InvalidError."""
    return dhcp_path(current(on).options, link_name(dev, "dev"), kind)


def write_for_dnsmasq(path: Path, text: str) -> None:
    """Whole or not at all, and readable for dnsmasq's own user."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_to_file(path, text)
    path.chmod(0o644)


def served_here(host: LinuxHost, network: NetworkRef) -> Sequence[FixedAddress]:
    """The fixed IPs that this host's daemon serves."""
    here = host.options.host if network.multi_host else None
    return host.addresses.of_network(network.uuid, here)
