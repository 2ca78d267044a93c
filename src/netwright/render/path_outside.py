"""The hops of a port's path that are neither its own nor its network's: address groups, port forwardings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from netwright.model.host import Traits
from netwright.model.intent import EtherType, Ports, RemoteAddressGroup
from netwright.model.plan import AddressGroupItem, ForwardsItem, HostPlan, ItemKey, Noun, PortItem, group_of
from netwright.model.plan_parts import PortForward
from netwright.model.xtables import PREFIX
from netwright.render import firewall_groups, firewall_iptables_groups
from netwright.render.nft import BRIDGE, INET
from netwright.render.path_view import Hop, Part, merged
from netwright.render.stages import ByStage

_SHOWN: Final = 8
"""Prefixes that a line holds."""


def address_group_hops(plan: HostPlan, port: PortItem, traits: Traits) -> Iterator[Hop]:
    """One for each address group that rules of the port's groups name."""
    rules = (rule for group in port.groups if (found := group_of(plan.items, group)) for rule in found.rules)
    remotes = (rule.remote for rule in rules)
    named = dict.fromkeys(one.address_group for one in remotes if isinstance(one, RemoteAddressGroup))
    for identity in named:
        item = plan.items.get(ItemKey(Noun.ADDRESS_GROUP, identity))
        if isinstance(item, AddressGroupItem):
            yield _address_group(item, traits)


def forward_hops(plan: HostPlan, port: PortItem, traits: Traits) -> Iterator[Hop]:
    """One for each floating IP that forwards to the port; all that it brings must be there."""
    for item in plan.items.values():
        if isinstance(item, ForwardsItem) and any(one.port_id == port.id for one in item.forwards):
            mine = [one for one in item.forwards if one.port_id == port.id]
            where = f"held on {item.uplink}" if item.uplink else "routed to this host"
            note = f"{where}; {_listed(_said(one) for one in mine)}"
            command = _translation(mine[0], traits)
            yield Hop(Part.FORWARD, str(item.address), note, command, _parts(item, traits))


def _address_group(item: AddressGroupItem, traits: Traits) -> Hop:
    note = f"{_listed(map(str, item.prefixes)) or 'no address'}; named by rules of the port's groups"
    if traits.firewall == "iptables":
        name = PREFIX + firewall_iptables_groups.prefixes_set(EtherType.IPV4, item.id)
        return Hop(Part.ADDRESS_GROUP, f"ipset {name}", note, ("ipset", "list", name), _parts(item, traits))
    name = firewall_groups.prefixes_set(EtherType.IPV4, item.id)
    command = ("nft", "list", "set", BRIDGE, "netwright", name)
    return Hop(Part.ADDRESS_GROUP, f"bridge netwright {name}", note, command, _parts(item, traits))


def _parts(item: AddressGroupItem | ForwardsItem, traits: Traits) -> ByStage:
    return {stage: part for stage, part in merged([item], traits).items() if part}


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    more = [f"and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    return ", ".join([*listed[:_SHOWN], *more])


def _said(forward: PortForward) -> str:
    outside, inside = _ports(forward.external), _ports(forward.internal)
    return f"{forward.protocol} {outside} → {forward.address} {inside}"


def _ports(ports: Ports) -> str:
    return str(ports.first) if ports.count == 1 else f"{ports.first}:{ports.last}"


def _translation(forward: PortForward, traits: Traits) -> tuple[str, ...]:
    if traits.firewall == "iptables":
        return (f"iptables-{traits.xtables}", "-t", "nat", "-v", "-S", f"{PREFIX}float-dnat")
    ranged = forward.external == forward.internal and forward.external.count > 1
    name = f"to_{forward.protocol}{'_range' if ranged else ''}"
    return ("nft", "list", "map", INET, "netwright", name)
