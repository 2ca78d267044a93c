"""The hops of a port's path that project VPNs make: ways in from outside that no floating IP is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netwright.model.host import Traits
from netwright.model.ids import vpn_link_name
from netwright.model.plan import HostPlan, PortItem, VpnItem
from netwright.model.vpn_plans import ForwardPlan, WireGuardPlan
from netwright.model.xtables import PREFIX
from netwright.render.nft import INET
from netwright.render.path_view import Hop, Part, merged

_HOW_FAR: Final = "as far as the port's security groups let in"


def vpn_hops(plan: HostPlan, port: PortItem, traits: Traits) -> Iterator[Hop]:
    """One for each VPN that leads to the port; all that the VPN brings must be there."""
    for item in plan.items.values():
        if isinstance(item, VpnItem) and item.network_id == port.network_id and _leads_to(item, port):
            name, note, command = _said(item, traits)
            wanted = {stage: part for stage, part in merged([item], traits).items() if part}
            yield Hop(Part.VPN, name, note, command, wanted)


def _leads_to(vpn: VpnItem, port: PortItem) -> bool:
    if isinstance(vpn.way, WireGuardPlan):
        return True
    return vpn.way.private_address in {fixed.address for fixed in port.addresses}


def _said(vpn: VpnItem, traits: Traits) -> tuple[str, str, tuple[str, ...]]:
    """Its name, what it does, and the command that shows it."""
    public = f"{vpn.public_address or 'any address of the host'} UDP {vpn.public_port}"
    match vpn.way:
        case ForwardPlan(address, port):
            name = f"{public} → {address} UDP {port}"
            return name, _HOW_FAR, _translation(vpn, traits)
        case WireGuardPlan(range=peers):
            link, count = vpn_link_name(vpn.id), len(vpn.way.peers)
            note = f"{count} peer{'' if count == 1 else 's'} from {peers}, {_HOW_FAR}"
            return f"{public} = {link}", note, ("ip", "-d", "link", "show", link)


def _translation(vpn: VpnItem, traits: Traits) -> tuple[str, ...]:
    if traits.firewall == "iptables":
        return (f"iptables-{traits.xtables}", "-t", "nat", "-v", "-S", f"{PREFIX}vpn-dnat")
    return ("nft", "list", "chain", INET, "netwright", f"vpn-{vpn.id}")
