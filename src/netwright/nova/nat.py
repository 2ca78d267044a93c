"""Which address what leaves a network goes out with, and where guests find metadata: rules of linux_net's."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

from netwright.kernel import link_scope
from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.ebtables import ensure_ebtables_rules
from netwright.nova.fake_network import pretended
from netwright.nova.given import address_of, link_name
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.nat_tables import Address, Network, at_port, network_of, port_of, table_of

METADATA4: Final = IPv4Interface("169.254.169.254/32")
METADATA6: Final = IPv6Interface("fe80::a9fe:a9fe/128")
_METADATA: Final = {4: METADATA4, 6: METADATA6}
_ANY: Final = {4: "0.0.0.0/0", 6: "::/0"}
_HTTP: Final = 80


def metadata_forward(*, on: LinuxHost | None = None) -> None:
    """What guests ask 169.254.169.254 goes to metadata_host, or stays on this host if that is a loopback.

    An IPv6 metadata_host is asked at fe80::a9fe:a9fe. Raises InvalidError, KernelRefusedError.
    """
    host = current(on)
    server, port = _metadata_server(host)
    asked = _METADATA[server.version]
    match = f"-d {asked} -p tcp -m tcp --dport {_HTTP}"
    if server.is_loopback:
        rule = f"{match} -j REDIRECT --to-ports {port}"
    else:
        rule = f"{match} -j DNAT --to-destination {at_port(server, port)}"
    if pretended(host, "metadata_forward", rule=rule):
        return
    table = table_of(host, "nat", server.version, "metadata_host")
    table.add_rule("PREROUTING", f"-s {_ANY[server.version]} {rule}")
    host.iptables_manager.apply()


def metadata_accept(*, on: LinuxHost | None = None) -> None:
    """On the host that serves metadata: it may be asked. Raises InvalidError, KernelRefusedError."""
    host = current(on)
    server, port = _metadata_server(host)
    target = "-m addrtype --dst-type LOCAL" if server.is_loopback else f"-d {server}"
    if pretended(host, "metadata_accept", server=str(server), port=port):
        return
    table = table_of(host, "filter", server.version, "metadata_host")
    table.add_rule("INPUT", f"-p tcp -m tcp --dport {port} {target} -j ACCEPT")
    host.iptables_manager.apply()


def metadata_version(*, on: LinuxHost | None = None) -> int:
    """By which IP metadata is served. Raises InvalidError."""
    return _metadata_server(current(on))[0].version


def ensure_metadata_ip(device: str | None = None, *, on: LinuxHost | None = None) -> None:
    """169.254.169.254 is this host's own, on `lo`. With a device, so is fe80::a9fe:a9fe there.

    An IPv6 address of that scope means something on one link only. Raises InvalidError, KernelRefusedError.
    """
    link = link_name(device, "device") if device else LinkName("lo")
    interface = METADATA6 if device else METADATA4
    if not pretended(on, "ensure_metadata_ip", address=str(interface), dev=link):
        link_scope.hold(link, interface)


def add_snat_rule(
    ip_range: str,
    is_external: bool = False,  # noqa: FBT001, FBT002 - the old signature
    *,
    on: LinuxHost | None = None,
) -> None:
    """What the range sends out has routing_source_ip as its source.

    Through public_interface to anywhere; if the range's gateway is another's (`is_external`), to
    force_snat_range only. Nothing without routing_source_ip, or where it is of the other family. Raises
    InvalidError, KernelRefusedError.
    """
    host, source = current(on), network_of(ip_range, "ip_range")
    rules = list(_snat(host, source, external=is_external))
    if rules and not pretended(host, "add_snat_rule", rules=rules):
        for rule in rules:
            table_of(host, "nat", source.version, "ip_range").add_rule("snat", rule)
        host.iptables_manager.apply()


def init_host(
    ip_range: str,
    is_external: bool = False,  # noqa: FBT001, FBT002
    *,
    on: LinuxHost | None = None,
) -> None:
    """add_snat_rule, and what of the range keeps its source: to metadata, to dmz_cidr, to itself.

    Who asks a floating IP of its own range is seen as the host, so that the answer comes back through it.
    Where the gateway is another's, packets to force_snat_range are routed by this host all the same. Raises
    InvalidError, KernelRefusedError.
    """
    host, source = current(on), network_of(ip_range, "ip_range")
    rules = [*_exempt(host, source), *_hairpin(source)]
    if pretended(host, "init_host", ip_range=str(source), rules=rules):
        return
    add_snat_rule(ip_range, is_external, on=host)
    if is_external:
        forced = [_forced(source, target) for target in _destinations(host, source)]
        ensure_ebtables_rules(forced, "nat", on=host)
    table = table_of(host, "nat", source.version, "ip_range")
    for chain, rule in rules:
        table.add_rule(chain, rule)
    host.iptables_manager.apply()


def _snat(host: LinuxHost, source: Network, *, external: bool) -> Iterator[str]:
    options = host.options
    if not options.snat_address:
        return
    address = address_of(options.snat_address, "routing_source_ip")
    if address.version != source.version:
        return
    if external:
        for target in _destinations(host, source):
            yield f"-s {source} -d {target} -j SNAT --to-source {address}"
        return
    rule = f"-s {source} -d {_ANY[source.version]} -j SNAT --to-source {address}"
    if options.public_interface:
        rule += f" -o {link_name(options.public_interface, 'public_interface')}"
    yield rule


def _destinations(host: LinuxHost, source: Network) -> list[Network]:
    """Where a range goes through this host though its gateway is another's."""
    found = [network_of(text, "force_snat_range") for text in host.options.force_snat_range]
    return [one for one in found if one.version == source.version]


def _exempt(host: LinuxHost, source: Network) -> Iterator[tuple[str, str]]:
    server = _metadata_server(host)[0]
    dmz = [network_of(text, "dmz_cidr") for text in host.options.dmz_cidr]
    for target in (network_of(server, "metadata_host"), *dmz):
        if target.version == source.version:
            yield "POSTROUTING", f"-s {source} -d {target} -j ACCEPT"
    yield "POSTROUTING", f"-s {source} -d {source} -m conntrack ! --ctstate DNAT -j ACCEPT"


def _hairpin(source: Network) -> Iterator[tuple[str, str]]:
    """Below the floating IPs: whoever has one is seen as that."""
    yield "snat", f"-s {source} -d {source} -m conntrack --ctstate DNAT -j MASQUERADE"


def _forced(source: Network, target: Network) -> str:
    """CONTINUE, where the old one had ACCEPT: rules that others add below are asked, too."""
    protocol, end = ("ipv4", "ip") if source.version == 4 else ("ipv6", "ip6")
    match = f"-p {protocol} --{end}-src {source} --{end}-dst {target}"
    return f"PREROUTING {match} -j redirect --redirect-target CONTINUE"


def _metadata_server(host: LinuxHost) -> tuple[Address, int]:
    address = address_of(host.options.metadata_address, "metadata_host")
    if address.is_unspecified or address.is_multicast:
        raise InvalidError(f"{address} is nobody's address", "metadata_host")
    return address, port_of(host.options.metadata_port, "metadata_port")
