"""Connections that the plan no longer allows are ended at once, and no others.

Forgetting a connection that is still allowed could drop one of its packets, or lose its translation;
so each is held against the rules as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from netwright.kernel.conntrack import Conntrack, Flow
from netwright.model.ids import GroupId
from netwright.model.intent import Address, Direction, GatewayPlace
from netwright.model.plan import FloatingIpItem, GroupItem, Item, ItemKey, Noun, PortItem, RulePlan
from netwright.render.verdicts import IsMember, Opening, allows

Change = tuple[Item | None, Item | None]
"""An item as it was and as it is; None where there was or is none."""
_NEEDS_NO_GROUP: Final = {(17, 68, 67), (17, 67, 68), (17, 546, 547), (17, 547, 546)}
"""DHCP, both ways: what the chains `always_out` and `always_in` let through."""
Place = tuple[int, Address]
"""A conntrack zone and an address in it."""


@dataclass(slots=True)
class Suspects:
    """Whose connections to look at: to end without asking, or to hold against the rules."""

    ended: set[Place] = field(default_factory=set)
    asked: dict[Place, PortItem | None] = field(default_factory=dict)
    floating: set[tuple[IPv4Address, IPv4Address]] = field(default_factory=set)
    """A floating address and the fixed one it no longer stands for."""

    def __bool__(self) -> bool:
        return bool(self.ended or self.asked or self.floating)


class Flows:
    """Ends connections in the namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._conntrack = Conntrack()

    def settle(self, changes: Sequence[Change], items: Mapping[ItemKey, Item], is_member: IsMember) -> int:
        """Ends what the changes made illegal; returns how many connections that were."""
        suspects = suspects_of(changes, items)
        if not suspects:
            return 0
        doomed = [flow for flow in self._conntrack.flows() if is_doomed(flow, suspects, items, is_member)]
        return self._conntrack.end(doomed)

    def close(self) -> None:
        self._conntrack.close()


def suspects_of(changes: Iterable[Change], items: Mapping[ItemKey, Item]) -> Suspects:
    """Only what may have shrunk makes a suspect: a new port or rule ends nothing."""
    suspects = Suspects()
    shrunk: set[GroupId] = set()
    for old, new in changes:
        match old:
            case PortItem():
                _port(old, new if isinstance(new, PortItem) else None, suspects)
            case GroupItem():
                shrunk |= _shrunk(old, new)
            case FloatingIpItem():
                _floating(old, new, suspects)
            case _:
                pass
    if shrunk:
        using = (item for item in items.values() if isinstance(item, PortItem) and shrunk & set(item.groups))
        suspects.asked.update((place, port) for port in using for place in _places(port))
    return suspects


def all_ports(items: Mapping[ItemKey, Item]) -> list[Change]:
    """Every port as if its groups had changed: what a fresh agent, which knows no past, has to ask."""
    ports = [item for item in items.values() if isinstance(item, PortItem)]
    return [(item, item) for item in ports]


def is_doomed(flow: Flow, suspects: Suspects, items: Mapping[ItemKey, Item], is_member: IsMember) -> bool:
    """Whether the connection is to be ended."""
    if (flow.protocol, flow.original.source_port, flow.original.target_port) in _NEEDS_NO_GROUP:
        return False
    ends = {flow.original.source, flow.original.target, flow.reply.source, flow.reply.target}
    if any(zone == flow.zone and address in ends for zone, address in suspects.ended):
        return True
    for floating, fixed in suspects.floating:
        if floating in ends and fixed in ends:
            return True
    sender = suspects.asked.get((flow.zone, flow.original.source))
    if sender and not _may(sender, flow, Direction.EGRESS, items, is_member):
        return True
    receiver = suspects.asked.get((flow.zone, flow.reply.source))
    return bool(receiver) and not _may(receiver, flow, Direction.INGRESS, items, is_member)


def _shrunk(old: GroupItem, new: Item | None) -> set[GroupId]:
    kept = new.rules if isinstance(new, GroupItem) else ()
    return {old.id} if set(old.rules) - set(kept) else set()


def _floating(old: FloatingIpItem, new: Item | None, suspects: Suspects) -> None:
    if not isinstance(new, FloatingIpItem) or new.fixed_address != old.fixed_address:
        suspects.floating.add((old.address, old.fixed_address))


def _port(old: PortItem, new: PortItem | None, suspects: Suspects) -> None:
    gone = set(_places(old)) - (set(_places(new)) if new else set())
    suspects.ended |= gone
    if new and (new is old or (new.groups, new.secured) != (old.groups, old.secured)):
        suspects.asked.update(dict.fromkeys(_places(new), new))


def _places(port: PortItem) -> list[Place]:
    zone = port.zone if port.place is GatewayPlace.ROUTER else 0
    return [(zone, held.address) for held in port.addresses]


def _may(
    port: PortItem | None,
    flow: Flow,
    direction: Direction,
    items: Mapping[ItemKey, Item],
    is_member: IsMember,
) -> bool:
    """Translated connections have two remote addresses; the rules may have seen either."""
    if port is None or not port.secured:
        return True
    rules = _rules(port, items)
    way, back = flow.original, flow.reply
    remotes = {back.source, way.target} if direction is Direction.EGRESS else {way.source, back.target}
    target = way.target_port if direction is Direction.EGRESS else back.source_port
    return any(
        allows(rules, Opening(direction, remote, flow.protocol, target, way.icmp), is_member)
        for remote in remotes
    )


def _rules(port: PortItem, items: Mapping[ItemKey, Item]) -> list[RulePlan]:
    groups = (items.get(ItemKey(Noun.GROUP, group)) for group in port.groups)
    return [rule for group in groups if isinstance(group, GroupItem) for rule in group.rules]
