"""dnsmasq on FreeBSD, by linux_net's names: one daemon for all of a host's networks.

Untested on a real FreeBSD so far; its files are tested with the real dnsmasq. One daemon, because sockets are
not bound to an interface there: of several on port 67 only one gets a client's unicast renewal.

Ours: the process whose pid is in `dnsmasq.pid` and whose command line names our configuration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog

from netwright.kernel.programs import Run, run_program
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName
from netwright.nova.address_source import AddressSource, FixedAddress
from netwright.nova.dhcp_text import reserved
from netwright.nova.given import link_name
from netwright.nova.host_files import alone, write_to_file
from netwright.nova.network_refs import NetworkRef, parse_network
from netwright.nova.options import NetworkOptions
from netwright.render.names import domain, host_label

_LOG: Final = structlog.get_logger("netwright.nova")
PROGRAM: Final = "/usr/local/sbin/dnsmasq"
"""Where the port dns/dnsmasq puts it."""
STATE: Final = Path("/var/db/netwright/nova")
"""What state_path is to be on FreeBSD (hier(7))."""
_PATIENCE: Final = "10"
"""Seconds for a daemon to end."""


def main_text(options: NetworkOptions, devices: Iterable[LinkName]) -> str:
    """The daemon's configuration; `bind-dynamic` is Linux's only."""
    directory, local = options.networks_path, domain(options.dhcp_domain)
    lines = [
        "bind-interfaces",
        "except-interface=lo0",
        f"pid-file={directory}/dnsmasq.pid",
        f"dhcp-leasefile={directory}/dnsmasq.leases",
        "no-hosts",
        f"domain={local}",
        f"local=/{local}/",
        "dhcp-authoritative",
        # Machines that are not ours, behind an uplink, are left to their own server.
        "dhcp-ignore=tag:!known",
        "dhcp-ignore-names",
        "dhcp-lease-max=16777216",
        *(["no-resolv"] if options.dns_server else []),
        *(f"server={server}" for server in options.dns_server),
        *(f"conf-file={directory}/{device}.conf" for device in sorted(devices)),
    ]
    return "".join(f"{line}\n" for line in lines)


def network_text(network: NetworkRef, dev: LinkName, options: NetworkOptions) -> str:
    """One network's part. Raises InvalidError where the network lacks what DHCP needs."""
    if network.cidr is None:
        raise InvalidError("a network with DHCP needs one", "network.cidr")
    tag = f"n{sha256(network.uuid.encode()).hexdigest()[:12]}"
    start = network.dhcp_start or network.cidr.network_address
    router = f",{network.gateway}" if network.gateway else ""
    files = options.networks_path
    lines = [
        f"interface={dev}",
        f"dhcp-range=set:{tag},{start},static,{network.cidr.netmask},{options.dhcp_lease_time}s",
        f"dhcp-option=tag:{tag},option:router{router}",
        *([f"dhcp-option-force=tag:{tag},option:mtu,{network.mtu}"] if network.mtu else []),
        f"dhcp-hostsfile={files}/{dev}.dhcp",
        f"addn-hosts={files}/{dev}.hosts",
    ]
    return "".join(f"{line}\n" for line in lines)


def reservations(fixed_ips: Iterable[FixedAddress], options: NetworkOptions) -> str:
    """dhcp-host lines."""
    return "".join(f"{fixed.mac},{fixed.address},{_name(fixed, options)}\n" for fixed in reserved(fixed_ips))


def names(fixed_ips: Iterable[FixedAddress], options: NetworkOptions) -> str:
    """Addresses and names of what is allocated, as in /etc/hosts."""
    return "".join(f"{fixed.address}\t{_name(fixed, options)}\n" for fixed in fixed_ips if fixed.allocated)


def _name(fixed: FixedAddress, options: NetworkOptions) -> str:
    """With its domain: a bare `ignore` or `1h` would be a keyword of dnsmasq's."""
    return f"{host_label(fixed.hostname, fixed.address)}.{domain(options.dhcp_domain)}"


@dataclass(frozen=True, slots=True)
class FreeBsdDhcp:
    """`run` runs dnsmasq, ps, kill and pwait. All raise InvalidError, KernelRefusedError."""

    options: NetworkOptions
    addresses: AddressSource
    run: Run = run_program
    program: str = PROGRAM

    def update_dhcp(self, context: object, dev: str, network_ref: object) -> None:
        """The device's network is served as its fixed IPs are now.

        The daemon reads its files anew; it is started anew only where its configuration is another. Of
        several calls at once the newest addresses stay.
        """
        del context
        device, network = link_name(dev, "dev"), parse_network(network_ref)
        here = self.options.host if network.multi_host else None
        with alone(self.options.networks_path):
            fixed = self.addresses.of_network(network.uuid, here)
            self._write(f"{device}.dhcp", reservations(fixed, self.options))
            self._write(f"{device}.hosts", names(self.addresses.of_network(network.uuid), self.options))
            self._write(f"{device}.conf", network_text(network, device, self.options))
            self._serve()

    def kill_dhcp(self, dev: str) -> None:
        """The device's network is served no longer; the others are."""
        device = link_name(dev, "dev")
        with alone(self.options.networks_path):
            for kind in ("conf", "dhcp", "hosts"):
                (self.options.networks_path / f"{device}.{kind}").unlink(missing_ok=True)
            self._serve()

    def _serve(self) -> None:
        directory = self.options.networks_path
        parts = [path for path in sorted(directory.glob("*.conf")) if path.stem != "dnsmasq"]
        text = main_text(self.options, [LinkName(path.stem) for path in parts])
        wanted = sha256("\0".join([text, *(path.read_text() for path in parts)]).encode()).hexdigest()
        pid, started = self._pid(), directory / "dnsmasq.started"
        if pid and parts and started.exists() and started.read_text() == wanted:
            self.run(["kill", "-HUP", str(pid)], "")
            return
        if pid:
            self.run(["kill", str(pid)], "")
            self.run(["pwait", "-t", _PATIENCE, str(pid)], "")
            _LOG.info("dnsmasq_stopped", pid=pid)
        if parts:
            started.unlink(missing_ok=True)
            self._write("dnsmasq.conf", text)
            self.run([self.program, f"--conf-file={directory / 'dnsmasq.conf'}"], "")
            self._write("dnsmasq.started", wanted)
            _LOG.info("dnsmasq_started", networks=len(parts))

    def _pid(self) -> int:
        """Of our daemon; 0 where it does not run. A pid file may name another process by now."""
        directory = self.options.networks_path
        try:
            pid = int((directory / "dnsmasq.pid").read_text())
            words = self.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], "")
        except (OSError, ValueError, KernelRefusedError):
            return 0
        return pid if f"--conf-file={directory / 'dnsmasq.conf'}" in words.split() else 0

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, and readable for dnsmasq's own user."""
        path = self.options.networks_path / name
        write_to_file(path, text)
        path.chmod(0o644)
