"""linux_net's dnsmasq, one a device: its files are written, then it is started, or told, or started anew.

Ours: a process whose command line names the device's hosts file. It outlives whoever started it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from netwright.kernel.daemons import Daemon
from netwright.kernel.dhcp_release import release4
from netwright.kernel.lease_spool import SCRIPT, HeldLease, LeaseSpool
from netwright.kernel.tools import find_tool, run_tool
from netwright.kernel.turns import turn
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName
from netwright.model.leases import LeaseChange
from netwright.nova.address_source import FixedAddress
from netwright.nova.dhcp_files import (
    file_of,
    get_dhcp_hosts,
    get_dhcp_opts,
    get_dns_hosts,
    served_here,
    update_dhcp_hostfile_with_text,
    write_for_dnsmasq,
)
from netwright.nova.dhcp_rules import (
    _add_dhcp_mangle_rule,
    _add_dnsmasq_accept_rules,
    _remove_dhcp_mangle_rule,
    _remove_dnsmasq_accept_rules,
)
from netwright.nova.dhcp_text import dhcp_path, dnsmasq_argv, hosts_argument, lease_name, network_id
from netwright.nova.fake_network import pretended
from netwright.nova.fixed_refs import parse_fixed_ips
from netwright.nova.given import address_of, link_name, mac_of
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.network_refs import NetworkRef, parse_network
from netwright.nova.options import NetworkOptions

_PROGRAM: Final = "dnsmasq"
_PACKAGE: Final = "dnsmasq-base"


class NetworkDhcpReleaseFailed(KernelRefusedError):  # noqa: N818 - nova's name
    """A lease could not be given back."""


def update_dhcp(context: object, dev: str, network_ref: object, *, on: LinuxHost | None = None) -> None:
    """The device's dnsmasq serves what the network's fixed IPs are now.

    They are asked for and written in one turn, so that of several calls the last one's stay. Raises as
    restart_dhcp.
    """
    host, device = current(on), link_name(dev, "dev")
    with turn(f"dnsmasq-{device}"):
        fixed = served_here(host, parse_network(network_ref))
        update_dhcp_hostfile_with_text(dev, get_dhcp_hosts(context, network_ref, fixed, on=host), on=host)
        _serve(host, device, network_ref, fixed)


def update_dns(context: object, dev: str, network_ref: object, *, on: LinuxHost | None = None) -> None:
    """With multi_host it knows the names of instances on all hosts, as they are now; as update_dhcp."""
    host, device = current(on), link_name(dev, "dev")
    with turn(f"dnsmasq-{device}"):
        write_for_dnsmasq(file_of(dev, "hosts", on=host), get_dns_hosts(context, network_ref, on=host))
        _serve(host, device, network_ref, served_here(host, parse_network(network_ref)))


def restart_dhcp(
    context: object, dev: str, network_ref: object, fixedips: Iterable[object], *, on: LinuxHost | None = None
) -> None:
    """A daemon that runs as it would be started now reads its files anew; else a new one takes its place.

    It would be started otherwise where an option, the network, its own configuration file or the device
    is another by now. Raises InvalidError for a network without what DHCP needs, and KernelRefusedError with
    what dnsmasq said.
    """
    del context
    host, device = current(on), link_name(dev, "dev")
    fixed = tuple(parse_fixed_ips(fixedips))
    with turn(f"dnsmasq-{device}"):
        _serve(host, device, network_ref, fixed)


def _serve(host: LinuxHost, device: LinkName, network_ref: object, fixed: Sequence[FixedAddress]) -> None:
    network = parse_network(network_ref)
    environment = _environment(host.options, network)
    argv = dnsmasq_argv(network, device, host.options, _script(host.options))
    if pretended(host, "restart_dhcp", dev=device):
        return
    write_for_dnsmasq(file_of(device, "opts", on=host), get_dhcp_opts(None, network_ref, fixed, on=host))
    if not file_of(device, "conf", on=host).exists():
        update_dhcp_hostfile_with_text(device, get_dhcp_hosts(None, network_ref, fixed, on=host), on=host)
    _add_dhcp_mangle_rule(device, on=host)
    daemon = _daemon(host.options, device)
    if _is_current(daemon, argv, environment, host.options, device):
        daemon.hang_up()
    else:
        daemon.stop()
        _start(host, network, device, argv)
    _add_dnsmasq_accept_rules(device, on=host)


def kill_dhcp(dev: str, *, on: LinuxHost | None = None) -> None:
    """The device's daemon ends, when its script has told of all that has happened, and so do its rules."""
    host, device = current(on), link_name(dev, "dev")
    if pretended(host, "kill_dhcp", dev=dev):
        return
    with turn(f"dnsmasq-{device}"):
        _daemon(host.options, device).stop()
    _remove_dnsmasq_accept_rules(dev, on=host)
    _remove_dhcp_mangle_rule(dev, on=host)


def release_dhcp(dev: str, address: object, mac_address: str, *, on: LinuxHost | None = None) -> None:
    """Gives a lease back as its client would; nothing where the device is gone, or nothing was leased.

    Raises NetworkDhcpReleaseFailed.
    """
    device, leased = link_name(dev, "dev"), address_of(str(address), "address")
    mac = mac_of(mac_address, "mac_address")
    if not isinstance(leased, IPv4Address):
        raise InvalidError(f"{leased} is not an IPv4 address", "address")
    if pretended(on, "release_dhcp", dev=dev, address=str(address)):
        return
    try:
        socket.if_nametoindex(device)
    except OSError:
        return
    try:
        release4(device, leased, mac)
    except OSError as error:
        raise NetworkDhcpReleaseFailed("release_dhcp", f"{leased} of {mac} on {device}: {error}") from error


def _is_current(
    daemon: Daemon, argv: list[str], environment: dict[str, str], options: NetworkOptions, dev: LinkName
) -> bool:
    """Whether it runs, and just so as it would be started now."""
    if list(daemon.words()[1:]) != argv or not environment.items() <= daemon.environment().items():
        return False
    started = dhcp_path(options, dev, "link")
    try:
        if started.read_text() != _place(dev):
            return False
        config = options.dnsmasq_config_file
        return not config or Path(config).stat().st_mtime_ns <= started.stat().st_mtime_ns
    except OSError:
        return False


def _start(host: LinuxHost, network: NetworkRef, dev: LinkName, argv: list[str]) -> None:
    """It asks its script at once what is leased: that is laid ready for it first."""
    LeaseSpool(host.options.lease_directory).seed(network.uuid, _held(host, network))
    write_for_dnsmasq(dhcp_path(host.options, dev, "link"), _place(dev))
    program = find_tool(_PROGRAM)
    if program is None:
        raise KernelRefusedError(_PROGRAM, f"{_PROGRAM} is not installed (Debian package {_PACKAGE})")
    environment = [f"{name}={value}" for name, value in _environment(host.options, network).items()]
    run_tool("env", [*environment, program, *argv], package="coreutils")


def _held(host: LinuxHost, network: NetworkRef) -> Iterable[HeldLease]:
    """What is leased: as the source has it, and as happened since, which it has not heard of yet."""
    seconds = host.options.dhcp_lease_time
    fixed = {one.address: one for one in served_here(host, network)}
    held = {
        one.address: HeldLease(one.address, one.mac, seconds, lease_name(one))
        for one in fixed.values()
        if one.leased
    }
    for event in LeaseSpool(host.options.lease_directory).pending(network.uuid):
        if not isinstance(event.address, IPv4Address):
            continue
        known = held.get(event.address)
        if event.change is LeaseChange.TAKEN and event.mac:
            held[event.address] = HeldLease(event.address, event.mac, seconds)
        elif known and event.change is LeaseChange.RELEASED and event.mac in {None, known.mac}:
            del held[event.address]
    return held.values()


def _environment(options: NetworkOptions, network: NetworkRef) -> dict[str, str]:
    """What its script gets to know."""
    return {
        "CONFIG_FILE": json.dumps(options.dhcpbridge_flagfile),
        "NETWORK_ID": network_id(network),
        "NETWRIGHT_LEASES": str(options.lease_directory),
    }


def _script(options: NetworkOptions) -> str:
    """An absolute path, for dnsmasq looks nowhere; of our own script the same whoever calls."""
    if "/" in options.dhcpbridge:
        return options.dhcpbridge
    found = str(SCRIPT) if options.dhcpbridge == SCRIPT.name else find_tool(options.dhcpbridge)
    if found is None:
        raise InvalidError(f"there is no program {options.dhcpbridge}", "dhcpbridge")
    return found


def _daemon(options: NetworkOptions, dev: LinkName) -> Daemon:
    return Daemon(dhcp_path(options, dev, "pid"), hosts_argument(options, dev))


def _place(dev: LinkName) -> str:
    """A device of the same name made anew is another one, which the old daemon's socket is not bound to."""
    try:
        return f"{socket.if_nametoindex(dev)}\n"
    except OSError as error:
        raise KernelRefusedError(_PROGRAM, f"there is no device {dev}") from error
