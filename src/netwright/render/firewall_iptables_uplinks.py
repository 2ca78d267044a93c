"""What firewall_uplinks says, in ebtables' words; in ip6tables' what a neighbour message is about."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Final

from netwright.model.host import Traits
from netwright.model.ids import NetworkId, port_link_name
from netwright.model.plan import FloatingIpItem, NetworkItem
from netwright.render.bpf import neighbour_target
from netwright.render.firewall_iptables_ports import branch
from netwright.render.firewall_uplinks import announces6, inside4, leases4, shared4, shared6
from netwright.render.xt import DROP, RETURN, Table, Xt, bridge_table, jump_to

_FORCED: Final = ("forced", "d", "-i {}")
_ND: Final = "-p IPv6 --ip6-src {} --ip6-proto ipv6-icmp --ip6-icmp-type neighbour-{}"
_ROUTERS: Final = "-p IPv6 --ip6-proto ipv6-icmp --ip6-icmp-type router-advertisement"
_ANY: Final = IPv6Network("::/0")
_TAIL: Final = 11


def network_uplink(network: NetworkItem, traits: Traits) -> Xt:
    """Nothing for a network without an uplink, or whose gateway is not on the host."""
    if not network.serves or network.uplink is None:
        return {}
    nat, name = bridge_table("nat"), apart_chain(network.id)
    stay = [f"-p IPv4 --ip-dst {cidr} {RETURN}" for cidr in inside4(network)]
    parts = nat.chain(forced_chain(network.id), (*stay, "-j redirect"))
    if not network.apart:
        return parts
    raw, filter_ = (Table(traits.xtables, "ip6", table) for table in ("raw", "filter"))
    link = network.uplink
    return (
        parts
        | nat.chain(name, _frames(network))
        | nat.rule("from-wire", f"-i {link} {jump_to(name)}")
        | nat.rule("to-wire", f"-o {link} {jump_to(name)}")
        | raw.chain(name, _neighbours(network))
        | raw.rule("from-wire", f"-m physdev --physdev-in {link} {jump_to(name)}")
        | filter_.chain(name, _neighbours(network))
        | filter_.rule("to-wire", f"-m physdev --physdev-out {link} --physdev-is-bridged {jump_to(name)}")
    )


def floating_ip_uplink(floating: FloatingIpItem) -> Xt:
    """One rule, beside the branch of the tree that its like share."""
    if not floating.on_wire:
        return {}
    nat, link = bridge_table("nat"), port_link_name(floating.port_id)
    parts, node = branch(nat, _FORCED, link)
    match = f"-p IPv4 -d Unicast -i {link} --ip-src {floating.fixed_address}"
    return parts | nat.rule(node, f"{match} {jump_to(forced_chain(floating.network_id))}")


def forced_chain(network: NetworkId) -> str:
    return f"w{network[:_TAIL]}"


def apart_chain(network: NetworkId) -> str:
    return f"u{network[:_TAIL]}"


def _frames(network: NetworkItem) -> tuple[str, ...]:
    """Whichever way they go."""
    rules: list[str] = []
    if held := shared4(network):
        rules += [f"-p ARP --arp-ip-{end} {address} {DROP}" for address in held for end in ("src", "dst")]
    if leases4(network):
        rules += [f"-p IPv4 --ip-proto udp --ip-dport 67:68 {DROP}"]
    if announces6(network):
        rules += [f"-p IPv6 --ip6-proto udp --ip6-dport 546:547 {DROP}", f"{_ROUTERS} {DROP}"]
    # What this host itself says of its addresses passes ebtables only; it says so from them.
    kinds = ("solicitation", "advertisement")
    return (*rules, *(f"{_ND.format(held6, kind)} {DROP}" for held6 in shared6(network) for kind in kinds))


def _neighbours(network: NetworkItem) -> tuple[str, ...]:
    """What is about a shared address goes, and so does what does not tell what it is about."""
    about = [(neighbour_target(IPv6Network(address)), DROP) for address in shared6(network)]
    about.append((neighbour_target(_ANY), RETURN))
    kinds = [f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind}" for kind in (135, 136)]
    told = [f'{kind} -m bpf --bytecode "{program}" {verdict}' for program, verdict in about for kind in kinds]
    return (*told, *(f"{kind} {DROP}" for kind in kinds))
