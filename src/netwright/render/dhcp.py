"""Networks and ports -> dnsmasq's configuration and its directories of small files.

One network is one daemon on one link. It answers known MACs only, with reservations only; names come
from the ports' files and never from what a guest calls itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from netwright.model.dhcp_options import DhcpOption, option_number
from netwright.model.host import DhcpFileKey, Dnsmasq, FileKind, Traits
from netwright.model.ids import HOST_NAMESPACE, NetworkId, dhcp_namespace, dhcp_peer_name
from netwright.model.intent import Address, GatewayPlace
from netwright.model.plan import NetworkItem, PortAddress, PortItem, Serving, SubnetPlan
from netwright.render.names import domain, host_label

_PLAIN: Final = re.compile(r"[A-Za-z0-9./:_\[\]-]*")
METADATA: Final = "169.254.169.254/32"
_MS_CLASSLESS_ROUTES: Final = 249
"""Option 121 under the number that Windows asks for (MS-DHCPE 2.2.8)."""
_RA_INTERVAL: Final = 600
_RA_LIFETIME: Final = 1800
_SERVED_BY_FILE: Final = frozenset({Serving.DHCPV4, Serving.DHCPV6_STATEFUL, Serving.DHCPV6_STATELESS})
_ADDRESS_BY_FILE: Final = frozenset({Serving.DHCPV4, Serving.DHCPV6_STATEFUL})


def network_dhcp(network: NetworkItem, traits: Traits) -> Mapping[NetworkId, Dnsmasq]:
    """The network's daemon; none where netwright holds no address on a subnet that it serves."""
    subnets = [subnet for subnet in network.subnets if subnet.held and subnet.serving is not Serving.STATIC]
    if not subnets:
        return {}
    on_host = network.place is GatewayPlace.HOST
    link = network.bridge if on_host else dhcp_peer_name(network.id)
    lines = [
        *_base(network, link, f"{traits.directory}/dnsmasq/{network.id}"),
        *([] if on_host else ["no-resolv"]),
        *(line for subnet in subnets for line in _subnet(subnet)),
        *_advertisements(network, link, subnets),
        *([f"dhcp-script={traits.lease_script}"] if network.lease_events else []),
    ]
    namespace = HOST_NAMESPACE if on_host else dhcp_namespace(network.id)
    return {network.id: Dnsmasq(namespace, "".join(f"{line}\n" for line in lines))}


def port_dhcp(port: PortItem) -> Mapping[DhcpFileKey, str]:
    """The port's reservations and its names; no file where it would be empty."""
    texts = {
        FileKind.OPTIONS: _options(port),
        FileKind.TAGS: _tags(port),
        FileKind.DHCP: _reservations(port),
        FileKind.DNS: _names(port),
    }
    return {
        DhcpFileKey(port.network_id, kind, port.id): "".join(f"{line}\n" for line in lines)
        for kind, lines in texts.items()
        if lines
    }


def _base(network: NetworkItem, link: str, directory: str) -> Iterator[str]:
    """What every daemon has.

    `bind-dynamic` with one interface binds the DHCP sockets to that device and the DNS sockets to its
    addresses, so that daemons share a namespace. `dhcp-ignore` keeps an authoritative daemon from
    refusing the leases of machines that are not ours, behind an uplink.
    """
    local = domain(network.dns_domain)
    yield f"interface={link}"
    yield "except-interface=lo"
    yield "bind-dynamic"
    yield f"pid-file={directory}/pid"
    yield f"dhcp-leasefile={directory}/leases"
    yield f"dhcp-hostsdir={directory}/dhcp"
    yield f"dhcp-optsdir={directory}/options"
    yield f"conf-dir={directory}/tags"
    yield f"hostsdir={directory}/dns"
    yield "no-hosts"
    yield f"domain={local}"
    yield f"local=/{local}/"
    yield "domain-needed"
    yield "bogus-priv"
    yield "no-ping"
    yield "dhcp-authoritative"
    yield "dhcp-ignore=tag:!known"
    yield "dhcp-ignore-names"
    yield "dhcp-lease-max=16777216"
    yield f"dhcp-option-force=option:mtu,{network.mtu}"


def _subnet(subnet: SubnetPlan) -> Iterator[str]:
    yield f"rev-server={subnet.cidr}"
    if isinstance(subnet.cidr, IPv4Network):
        yield from _subnet4(subnet, subnet.cidr)
    else:
        yield from _subnet6(subnet, subnet.cidr)


def _subnet4(subnet: SubnetPlan, cidr: IPv4Network) -> Iterator[str]:
    tag = f"s{subnet.id}"
    gateway = subnet.gateway_ip
    routes = [f"{METADATA},{subnet.held}"]
    routes += [f"{route.destination},{route.nexthop}" for route in subnet.host_routes]
    if gateway and all(route.destination.prefixlen for route in subnet.host_routes):
        routes.append(f"0.0.0.0/0,{gateway}")
    yield f"dhcp-range=set:{tag},{cidr.network_address},static,{cidr.netmask},1d"
    yield f"dhcp-option=tag:{tag},option:router" + (f",{gateway}" if gateway else "")
    yield f"dhcp-option=tag:{tag},option:dns-server{_listed(_nameservers(subnet))}"
    # A client that gets option 121 ignores option 3 (RFC 3442), so the default route is in both.
    yield f"dhcp-option=tag:{tag},option:classless-static-route,{','.join(routes)}"
    yield f"dhcp-option=tag:{tag},{_MS_CLASSLESS_ROUTES},{','.join(routes)}"


def _subnet6(subnet: SubnetPlan, cidr: IPv6Network) -> Iterator[str]:
    tag = f"s{subnet.id}"
    if mode := _range_mode(subnet):
        served = _dnsmasq_prefix(subnet, cidr)
        yield f"dhcp-range=set:{tag},{served.network_address},{mode},{served.prefixlen},1d"
        yield f"dhcp-option=tag:{tag},option6:dns-server{_listed(_nameservers(subnet))}"


def _dnsmasq_prefix(subnet: SubnetPlan, cidr: IPv6Network) -> IPv6Network:
    """dnsmasq refuses prefixes shorter than 64: of such a subnet it serves the /64 that holds our address."""
    return cidr if cidr.prefixlen >= 64 else IPv6Network((str(subnet.held), 64), strict=False)


def _range_mode(subnet: SubnetPlan) -> str:
    """dnsmasq's word for an IPv6 subnet; empty where there is nothing to answer.

    Hosts make addresses of their own in a /64 only (RFC 4862 5.5.3, RFC 2464 4).
    """
    if subnet.serving is Serving.SLAAC and subnet.cidr.prefixlen != 64:
        return ""
    match subnet.serving:
        case Serving.SLAAC:
            return "ra-only" if subnet.announced else ""
        case Serving.DHCPV6_STATELESS:
            return "ra-stateless" if subnet.announced and subnet.cidr.prefixlen == 64 else "static"
        case _:
            return "static"


def _advertisements(network: NetworkItem, link: str, subnets: list[SubnetPlan]) -> Iterator[str]:
    """Router advertisements where a subnet asks for them; a lifetime of 0 where we are no one's gateway."""
    announced = [subnet for subnet in subnets if subnet.announced and subnet.cidr.version == 6]
    if announced:
        routes = any(subnet.gateway_ip == subnet.held for subnet in announced)
        yield "enable-ra"
        yield "quiet-ra"
        yield f"ra-param={link},mtu:{network.mtu},{_RA_INTERVAL},{_RA_LIFETIME if routes else 0}"


def _nameservers(subnet: SubnetPlan) -> list[Address]:
    """The subnet's own, else netwright's; an unspecified one says "none", as in the Networking API."""
    given = [server for server in subnet.dns_nameservers if server.version == subnet.cidr.version]
    if not given:
        return [subnet.held] if subnet.held else []
    return [server for server in given if not server.is_unspecified]


def _listed(addresses: list[Address]) -> str:
    return "".join(f",{_bracketed(address)}" for address in addresses)


def _bracketed(address: Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _reservations(port: PortItem) -> list[str]:
    """dhcp-host lines: one for each family, for a line takes one address of each.

    The name is written with its domain: a bare `ignore`, `infinite` or `1h` would be a keyword there.
    """
    served = [fixed for fixed in port.addresses if fixed.serving in _SERVED_BY_FILE]
    firsts = {fixed.subnet_id: fixed for fixed in reversed(served)}
    return [_reservation(port, fixed) for fixed in served if firsts[fixed.subnet_id] is fixed]


def _reservation(port: PortItem, fixed: PortAddress) -> str:
    if fixed.serving not in _ADDRESS_BY_FILE:
        # Known, and no more: for a name without address dnsmasq would lease what the name stands for, and
        # with a tag it dies when it is to read its files anew (docs/decisions/0025).
        return f"{port.mac},1d"
    return f"{port.mac},{_bracketed(fixed.address)},{_fqdn(port, fixed.address)}"


def _options(port: PortItem) -> list[str]:
    """dhcp-option lines for this port alone: its tag goes before its subnet's."""
    if not any(fixed.serving in _SERVED_BY_FILE for fixed in port.addresses):
        return []
    numbered = ((option_number(one.name, one.version), one) for one in port.dhcp_options)
    return [
        f"tag:{_tag(port)},{_family(one)}{number}{_values(one.value)}" for number, one in numbered if number
    ]


def _tags(port: PortItem) -> list[str]:
    """The tag is not set by the reservation: dnsmasq 2.90 dies of such on SIGHUP (docs/decisions/0025)."""
    return [f"dhcp-mac=set:{_tag(port)},{port.mac}"] if _options(port) else []


def _tag(port: PortItem) -> str:
    return f"p{port.id}"


def _family(option: DhcpOption) -> str:
    """What stands before a number: nothing for DHCPv4."""
    return "option6:" if option.version == 6 else ""


def _values(value: str) -> str:
    """User text as one line of a file that dnsmasq reads: commas part values, all else is itself.

    In quotes nothing has a meaning but the backslash and the quote. What is plain stands without:
    in quotes dnsmasq takes no address for one. A value that the user put in quotes is one text.
    """
    if not value:
        return ""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return f",{_quoted(value[1:-1])}"
    return "".join(f",{part if _PLAIN.fullmatch(part) else _quoted(part)}" for part in value.split(","))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _names(port: PortItem) -> list[str]:
    lines = []
    for fixed in port.addresses:
        full = _fqdn(port, fixed.address)
        lines.append(f"{fixed.address} {full} {full.split('.', maxsplit=1)[0]}")
    return lines


def _fqdn(port: PortItem, address: IPv4Address | IPv6Address) -> str:
    return f"{host_label(port.dns_name, address)}.{domain(port.dns_domain)}"
