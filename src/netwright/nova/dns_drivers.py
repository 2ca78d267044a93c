"""DNS drivers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from netwright.model.errors import InvalidError
from netwright.nova.dns_driver import DNSDriver
from netwright.nova.dnsmasq_dns import DnsmasqDNS
from netwright.nova.ldapdns import LdapDNS
from netwright.nova.minidns import MiniDNS
from netwright.nova.noop_dns_driver import NoopDNSDriver
from netwright.nova.options import NetworkOptions

_DRIVERS: Final[Mapping[str, Callable[[NetworkOptions], DNSDriver]]] = {
    "noop": NoopDNSDriver,
    "minidns": MiniDNS,
    "ldapdns": LdapDNS,
    "dnsmasq": DnsmasqDNS,
    "nova.network.noop_dns_driver.NoopDNSDriver": NoopDNSDriver,
    "nova.network.minidns.MiniDNS": MiniDNS,
    "nova.network.ldapdns.LdapDNS": LdapDNS,
    "netwright.nova.noop_dns_driver.NoopDNSDriver": NoopDNSDriver,
    "netwright.nova.minidns.MiniDNS": MiniDNS,
    "netwright.nova.ldapdns.LdapDNS": LdapDNS,
    "netwright.nova.dnsmasq_dns.DnsmasqDNS": DnsmasqDNS,
}


_OF_DNSMASQ: Final = frozenset(name for name, made in _DRIVERS.items() if made is DnsmasqDNS)


def dnsmasq_arguments(options: NetworkOptions) -> tuple[str, ...]:
    """What a dnsmasq is started with to answer for the names that these options keep for it."""
    managers = {options.instance_dns_manager, options.floating_ip_dns_manager}
    return (f"--hostsdir={options.names_path}",) if managers & _OF_DNSMASQ else ()


def load_dns_driver(name: str, options: NetworkOptions | None = None) -> DNSDriver:
    """By a short name, or the class's, nova's or ours.

    Raises InvalidError, and ImportError where python-ldap is wanted and not installed.
    """
    if name not in _DRIVERS:
        raise InvalidError(
            f"no DNS driver is called {name!r}; there are {', '.join(_DRIVERS)}", "dns_manager"
        )
    return _DRIVERS[name](options or NetworkOptions())
