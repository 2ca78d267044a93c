"""Networks and floating IPs in iptables' words: translation, zones, and who may speak to the host."""

from __future__ import annotations

from typing import Final

from netwright.model.host import Traits
from netwright.model.intent import EtherType, GatewayPlace, Ports, ethertype_of
from netwright.model.plan import FloatingIpItem, ForwardsItem, NetworkItem, VpnItem
from netwright.model.plan_parts import PortForward
from netwright.render.firewall_base import METADATA_PORT
from netwright.render.firewall_iptables_uplinks import floating_ip_uplink, network_uplink
from netwright.render.firewall_iptables_vpns import vpn_nat
from netwright.render.nat import is_translated, near
from netwright.render.xt import DROP, RETURN, Table, Xt, element, go_to, jump_to, tables

_METADATA: Final = {EtherType.IPV4: "169.254.169.254/32", EtherType.IPV6: "fe80::a9fe:a9fe/128"}


def network_nat(network: NetworkItem, traits: Traits) -> Xt:
    """The network's rules in the listings of every table."""
    link = network.bridge
    parts: Xt = {}
    for _, raw in tables(traits, "raw"):
        parts |= raw.rule("outside", f"-i {link} {RETURN}")
        if network.place is GatewayPlace.ROUTER:
            # A zone of its own: another project's connections may have the very same addresses.
            parts |= raw.rule("zones", f"-i {link} -j CT --zone {network.zone}")
    for _, filter_ in tables(traits, "filter"):
        if network.bridge_called:
            parts |= filter_.rule("called", f"-o {link} {jump_to('local')}")
        if network.place is GatewayPlace.ROUTER:
            parts |= filter_.rule("INPUT", f"-i {link} {DROP}")
        elif not network.host_access:
            parts |= filter_.rule("INPUT", f"-i {link} {jump_to('to-host')}")
    for ethertype, nat in tables(traits, "nat"):
        parts |= _translation(network, nat, ethertype)
    return parts | network_uplink(network, traits)


def _translation(network: NetworkItem, nat: Table, ethertype: EtherType) -> Xt:
    link = network.bridge
    if not network.serves:
        passed = nat.rule("PREROUTING", f"-i {link} {RETURN}")
        routed = network.place is GatewayPlace.ROUTER
        return passed | (nat.rule("postrouting-bottom", f"-o {link} {RETURN}") if routed else {})
    redirect = f"-d {_METADATA[ethertype]} -i {link} -p tcp -m tcp --dport 80 -j REDIRECT"
    parts = nat.rule("metadata", f"{redirect} --to-ports {METADATA_PORT}")
    # Without a wire gone to, not called: what stays inside is not translated.
    to_hairpin = go_to("hairpin") if network.uplink is None else jump_to("hairpin")
    parts |= nat.rule("postrouting-bottom", f"-o {link} {to_hairpin}")
    if network.inside:
        parts |= _prefixes(network, nat, ethertype)
    return parts if network.uplink is None else parts | _near(network, nat, ethertype)


def _prefixes(network: NetworkItem, nat: Table, ethertype: EtherType) -> Xt:
    parts: Xt = {}
    for subnet in network.subnets:
        if ethertype_of(subnet.cidr) is ethertype:
            parts |= element(f"inside{subnet.cidr.version}", str(subnet.cidr))
            if network.nat and is_translated(subnet.cidr):
                parts |= nat.rule("snat", f"-s {subnet.cidr} -j MASQUERADE")
    return parts


def _near(network: NetworkItem, nat: Table, ethertype: EtherType) -> Xt:
    """What guests and their neighbours on the wire send each other keeps its addresses."""
    parts: Xt = {}
    for source, target in near(network):
        if ethertype_of(source) is ethertype:
            match = f"-s {source} -d {target} -m conntrack ! --ctstate DNAT"
            parts |= nat.rule("postrouting-bottom", f"{match} {RETURN}")
    return parts


def outside_nat(item: FloatingIpItem | ForwardsItem | VpnItem, traits: Traits) -> Xt:
    """What outside stands for something inside."""
    match item:
        case FloatingIpItem():
            return floating_ip_nat(item, traits)
        case ForwardsItem():
            return forwards_nat(item, traits)
        case VpnItem():
            return vpn_nat(item, traits)


def forwards_nat(item: ForwardsItem, traits: Traits) -> Xt:
    """A rule for each forwarding; what is not forwarded is not for the host's own services either."""
    nat, filter_ = (Table(traits.xtables, "ip", name) for name in ("nat", "filter"))
    parts = filter_.rule("INPUT", f"-d {item.address}/32 ! -p icmp -m conntrack ! --ctstate DNAT {DROP}")
    for forward in item.forwards:
        ports = f"-p {forward.protocol} -m {forward.protocol} --dport {_ports(forward.external, ':')}"
        target = f"-j DNAT --to-destination {_inside(forward)}"
        parts |= nat.rule("float-dnat", f"-d {item.address}/32 {ports} {target}")
    return parts


def _inside(forward: PortForward) -> str:
    """After the slash the outer port that the first inner one is for."""
    outside, inside = forward.external, forward.internal
    if outside == inside and outside.count > 1:
        return str(forward.address)
    shift = f"/{outside.first}" if inside.count > 1 else ""
    return f"{forward.address}:{_ports(inside, '-')}{shift}"


def _ports(ports: Ports, between: str) -> str:
    return str(ports.first) if ports.count == 1 else f"{ports.first}{between}{ports.last}"


def floating_ip_nat(floating: FloatingIpItem, traits: Traits) -> Xt:
    """Both directions of one floating IP."""
    nat = Table(traits.xtables, "ip", "nat")
    address, fixed = floating.address, floating.fixed_address
    return (
        nat.rule("float-dnat", f"-d {address}/32 -j DNAT --to-destination {fixed}")
        | nat.rule("float-snat", f"-s {fixed}/32 -j SNAT --to-source {address}")
        | floating_ip_uplink(floating)
    )
