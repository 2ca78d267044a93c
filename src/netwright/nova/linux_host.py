"""What linux_net's functions work on: options, rules, and who has which address, for one process.

Each of them takes it as its last argument, `on`; left out, it is the one given to `use`, or, as of old,
one made of defaults when it is first needed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from netwright.nova.address_source import AddressSource, NoAddresses
from netwright.nova.iptables import IptablesManager, IptablesOptions
from netwright.nova.options import NetworkOptions


@dataclass(frozen=True, slots=True)
class LinuxHost:
    options: NetworkOptions
    iptables_manager: IptablesManager
    addresses: AddressSource = field(default_factory=NoAddresses)
    """Who DHCP, DNS and leases are for."""


def linux_host(options: NetworkOptions | None = None, addresses: AddressSource | None = None) -> LinuxHost:
    """A host of these options, with an IptablesManager of its own."""
    chosen = options or NetworkOptions()
    rules = IptablesOptions(
        use_ipv6=chosen.use_ipv6,
        top_regex=chosen.iptables_top_regex,
        bottom_regex=chosen.iptables_bottom_regex,
    )
    return LinuxHost(chosen, IptablesManager(options=rules), addresses or NoAddresses())


_lock: Final = threading.Lock()
_hosts: Final[list[LinuxHost]] = []


def use(host: LinuxHost) -> None:
    """From now on this is the one for calls that name none."""
    with _lock:
        _hosts[:] = [host]


def current(on: LinuxHost | None = None) -> LinuxHost:
    """`on`, or the process's own."""
    if on is not None:
        return on
    with _lock:
        if not _hosts:
            _hosts.append(linux_host())
        return _hosts[0]
