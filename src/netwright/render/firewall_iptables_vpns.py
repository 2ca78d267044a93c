"""Project VPNs in iptables' words."""

from __future__ import annotations

from netwright.model.host import Traits
from netwright.model.ids import vpn_link_name
from netwright.model.plan import VpnItem
from netwright.model.vpn_plans import ForwardPlan, WireGuardPlan
from netwright.render.xt import DROP, RETURN, Table, Xt, element, jump_to


def vpn_nat(vpn: VpnItem, traits: Traits) -> Xt:
    """The translation to a guest, or who may speak to WireGuard's peers."""
    match vpn.way:
        case ForwardPlan(address, port):
            nat = Table(traits.xtables, "ip", "nat")
            target = f"-j DNAT --to-destination {address}:{port}"
            return nat.rule("vpn-dnat", f"{_public(vpn)} {target}")
        case WireGuardPlan():
            return _fence(vpn, vpn.way, traits)


def _public(vpn: VpnItem) -> str:
    if vpn.public_address is None:
        return f"-p udp -m udp --dport {vpn.public_port} -m addrtype --dst-type LOCAL"
    return f"-d {vpn.public_address}/32 -p udp -m udp --dport {vpn.public_port}"


def _fence(vpn: VpnItem, way: WireGuardPlan, traits: Traits) -> Xt:
    """Peers and guests of the one network meet; nobody else reaches peers, nor they anybody else."""
    link, short = vpn_link_name(vpn.id), vpn.id[:11]
    parts = element("inside4", str(way.range))
    for family in ("ip", "ip6"):
        raw, filter_, nat = (Table(traits.xtables, family, name) for name in ("raw", "filter", "nat"))
        four = vpn.prefixes if family == "ip" else ()
        inwards = (f"-d {prefix} -o {vpn.bridge} {RETURN}" for prefix in four)
        outwards = (f"-s {prefix} -i {vpn.bridge} {RETURN}" for prefix in four)
        parts |= (
            raw.rule("outside", f"-i {link} {RETURN}")
            | filter_.rule("INPUT", f"-i {link} {DROP}")
            | filter_.chain(f"vpn-i{short}", (*inwards, DROP))
            | filter_.chain(f"vpn-o{short}", (*outwards, DROP))
            | filter_.rule("vpns", f"-i {link} {jump_to(f'vpn-i{short}')}")
            | filter_.rule("vpns", f"-o {link} {jump_to(f'vpn-o{short}')}")
            | nat.rule("PREROUTING", f"-i {link} {RETURN}")
            | nat.rule("postrouting-bottom", f"-o {link} {RETURN}")
        )
    return parts
