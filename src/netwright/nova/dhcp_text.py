"""Networks and fixed IPs -> the lines and words that dnsmasq takes, as nova-network wrote them. Pure.

What users may choose (names, labels, the ids of other programs) becomes plain characters here, so that
none of it is more than a name to dnsmasq.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final, TypeVar

from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.address_source import FixedAddress
from netwright.nova.network_refs import NetworkRef
from netwright.nova.options import NetworkOptions

Value = TypeVar("Value", IPv4Address, IPv4Network)
_ROUTER: Final = "3"
_LABEL: Final = 63
_HEAD, _TAIL = 2, 60
"""Characters that a name which is too long keeps of its two ends."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_UNSAFE_TAG: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_DOMAIN: Final = re.compile(r"(?!-)[A-Za-z0-9-]+(?<!-)(\.(?!-)[A-Za-z0-9-]+(?<!-))*")
_ID: Final = re.compile(r"[0-9A-Za-z._-]+")
_KEYWORD: Final = re.compile(r"ignore|infinite|deleted|[0-9]+[smhdw]?|[0-9.]+", re.IGNORECASE)
"""What dnsmasq would take for something else in the place of a bare name."""


def dhcp_path(options: NetworkOptions, dev: LinkName, kind: str) -> Path:
    """`nova-<dev>.conf`, `.opts`, `.hosts`, `.pid` and `.link`."""
    return options.networks_path / f"nova-{dev}.{kind}"


def full_name(fixed: FixedAddress, domain: str) -> str:
    """The name that the guest gets: its instance's, with the domain if there is one; never empty."""
    name = lease_name(fixed) or f"host-{str(fixed.address).replace('.', '-')}"
    if domain:
        return f"{name}.{domain}"
    return f"host-{name.replace('.', '-')}" if _KEYWORD.fullmatch(name) else name


def tag_of(fixed: FixedAddress) -> str:
    return f"NW-{_UNSAFE_TAG.sub('-', fixed.vif_id)}"


def host_lines(fixed_ips: Iterable[FixedAddress], options: NetworkOptions) -> str:
    """dhcp-host lines."""
    domain = domain_of(options)
    return "\n".join(_host_line(fixed, domain, options) for fixed in reserved(fixed_ips))


def _host_line(fixed: FixedAddress, domain: str, options: NetworkOptions) -> str:
    tag = [f"net:{tag_of(fixed)}"] if options.use_single_default_gateway else []
    return ",".join([fixed.mac, full_name(fixed, domain), str(fixed.address), *tag])


def reserved(fixed_ips: Iterable[FixedAddress]) -> Iterable[FixedAddress]:
    """What dnsmasq is to lease: of what is allocated the first address of each MAC."""
    by_mac: dict[str, FixedAddress] = {}
    for fixed in fixed_ips:
        if fixed.allocated:
            by_mac.setdefault(fixed.mac, fixed)
    return by_mac.values()


def option_lines(network: NetworkRef, fixed_ips: Iterable[FixedAddress], options: NetworkOptions) -> str:
    """Default gateways: of the network, or with use_single_default_gateway of first interfaces only.

    A host that serves its own guests is their gateway, unless all hosts share the address.
    """
    shared = network.share_address or options.share_dhcp_address
    gateway = network.dhcp_server if network.multi_host and not shared else network.gateway
    if not options.use_single_default_gateway:
        return _router(gateway)
    return "\n".join(
        f"{tag_of(fixed)},{_router(gateway if fixed.default_route else None)}"
        for fixed in fixed_ips
        if fixed.allocated
    )


def name_lines(fixed_ips: Iterable[FixedAddress], options: NetworkOptions) -> str:
    """Addresses and names, as in /etc/hosts, of what is allocated."""
    domain = domain_of(options)
    return "\n".join(f"{fixed.address}\t{full_name(fixed, domain)}" for fixed in fixed_ips if fixed.allocated)


def lease_lines(fixed_ips: Iterable[FixedAddress], until: int) -> str:
    """What is leased, until that moment in seconds since 1970, as in dnsmasq's lease file."""
    return "\n".join(
        f"{until} {fixed.mac} {fixed.address} {lease_name(fixed) or '*'} *"
        for fixed in fixed_ips
        if fixed.leased
    )


def lease_name(fixed: FixedAddress) -> str:
    """The name without its domain, as dnsmasq keeps it with the lease; may be empty."""
    cleaned = _UNSAFE.sub("-", fixed.hostname).strip(".-")
    return f"{cleaned[:_HEAD]}-{cleaned[-_TAIL:]}" if len(cleaned) > _LABEL else cleaned


def domain_of(options: NetworkOptions) -> str:
    """dhcp_domain, which may be empty. Raises InvalidError."""
    if options.dhcp_domain and not _DOMAIN.fullmatch(options.dhcp_domain):
        raise InvalidError(f"{options.dhcp_domain!r} is not a domain", "dhcp_domain")
    return options.dhcp_domain


def network_id(network: NetworkRef) -> str:
    """As the script is told it. Raises InvalidError."""
    if not _ID.fullmatch(network.uuid):
        raise InvalidError(f"{network.uuid!r} is not an id", "network.uuid")
    return network.uuid


def dnsmasq_argv(network: NetworkRef, dev: LinkName, options: NetworkOptions, script: str) -> list[str]:
    """dnsmasq's arguments. Raises InvalidError where the network lacks what a DHCP server needs."""
    cidr = _there(network.cidr, "cidr")
    start = _there(network.dhcp_start, "dhcp_start")
    tag = _UNSAFE_TAG.sub("-", network.label) or _UNSAFE_TAG.sub("-", network.uuid)
    domain = domain_of(options)
    servers = [*options.dns_server, *(map(str, network.dns) if options.use_network_dns_servers else ())]
    return [
        "--strict-order",
        "--bind-interfaces",
        f"--conf-file={options.dnsmasq_config_file}",
        f"--pid-file={dhcp_path(options, dev, 'pid')}",
        f"--dhcp-optsfile={dhcp_path(options, dev, 'opts')}",
        f"--listen-address={_there(network.dhcp_server, 'dhcp_server')}",
        "--except-interface=lo",
        f"--dhcp-range=set:{tag},{start},static,{cidr.netmask},{options.dhcp_lease_time}s",
        f"--dhcp-lease-max={cidr.num_addresses}",
        hosts_argument(options, dev),
        f"--dhcp-script={script}",
        "--no-hosts",
        "--leasefile-ro",
        # A guest that comes from another host asks for the lease that it has of that host's daemon.
        "--dhcp-authoritative",
        "--dhcp-ignore=tag:!known",
        *([f"--domain={domain}"] if domain else []),
        *([f"--addn-hosts={dhcp_path(options, dev, 'hosts')}"] if network.multi_host else []),
        *(["--no-resolv"] if servers else []),
        *(f"--server={server}" for server in servers),
    ]


def hosts_argument(options: NetworkOptions, dev: LinkName) -> str:
    """The word of the command line that only this device's daemon has."""
    return f"--dhcp-hostsfile={dhcp_path(options, dev, 'conf')}"


def _router(gateway: IPv4Address | None) -> str:
    """Without a value the option says that there is none, where dnsmasq would name itself."""
    return f"{_ROUTER},{gateway}" if gateway else _ROUTER


def _there(value: Value | None, field: str) -> Value:
    if value is None:
        raise InvalidError("a network with DHCP needs one", f"network.{field}")
    return value
