"""What a change means for connections under way: which go on, which are kept, cut or forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import Final

from netwright.agent.forwarded import Forwarded, left_behind
from netwright.agent.members import Members
from netwright.kernel.conntrack import Flow
from netwright.model.host import CUT_MARK, KEPT_MARK
from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import (
    Address,
    Direction,
    GatewayPlace,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    Revocation,
)
from netwright.model.plan import (
    AddressGroupItem,
    FloatingIpItem,
    GroupItem,
    Item,
    Items,
    MemberItem,
    PortItem,
    VpnItem,
    group_of,
)
from netwright.model.vpn_plans import ForwardPlan
from netwright.render.verdicts import IsMember, Opening, allows

Change = tuple[Item | None, Item | None]
"""An item as it was and as it is; None where there was or is none."""
_NEEDS_NO_GROUP: Final = {(17, 68, 67), (17, 67, 68), (17, 546, 547), (17, 547, 546)}
"""DHCP, both ways: what the chains `always_out` and `always_in` let through."""
_UDP: Final = 17
Place = tuple[int, Address]
"""A conntrack zone and an address in it."""


class Fate(Enum):
    """What becomes of a connection."""

    GOES_ON = "goes on"
    KEPT = "kept"
    """No rule allows it any more, but the group whose rule did keeps what it revokes."""
    CUT = "cut"
    FORGOTTEN = "forgotten"
    """An end is gone, or it was cut and is allowed again: its next packet begins a new one."""


@dataclass(frozen=True, slots=True)
class State:
    """A plan's items, and who is in which group by them."""

    items: Items
    is_member: IsMember

    def groups(self, port: PortItem) -> list[GroupItem]:
        found = (group_of(self.items, group) for group in port.groups)
        return [group for group in found if group]


@dataclass(slots=True)
class Suspects:
    """Whose connections to look at: to end without asking, or to hold against the rules."""

    ended: set[Place] = field(default_factory=set)
    asked: dict[Place, PortItem] = field(default_factory=dict)
    floating: set[tuple[IPv4Address, IPv4Address]] = field(default_factory=set)
    """A floating address and the fixed one it no longer stands for."""
    forwards: set[tuple[int, int, Address]] = field(default_factory=set)
    """A protocol, and a port of the host's that is no longer forwarded to an address."""
    forwarded: set[Forwarded] = field(default_factory=set)
    """What floating IPs' port forwardings send elsewhere now."""
    recut: set[Place] = field(default_factory=set)
    """Of ports in groups that no longer keep what they revoke."""

    def __bool__(self) -> bool:
        return bool(self.ended or self.asked or self.floating or self.forwards or self.forwarded)


def suspects_of(changes: Iterable[Change], items: Items) -> Suspects:
    """Only what may have shrunk makes a suspect: a new port or rule ends nothing."""
    suspects = Suspects()
    shrunk: set[GroupId] = set()
    recut: set[GroupId] = set()
    left: set[GroupId | AddressGroupId] = set()
    for old, new in changes:
        suspects.forwarded.update(left_behind(old, new))
        match old:
            case PortItem() | MemberItem():
                _port(old, new, suspects)
                left |= _left(old, new)
            case AddressGroupItem():
                left |= _fewer(old, new)
            case GroupItem():
                shrunk |= _shrunk(old, new)
                recut |= _recut(old, new)
            case FloatingIpItem() | VpnItem():
                _translated(old, new, suspects)
            case _:
                pass
    shrunk |= recut | _naming(left, items)
    for place, port in _ports_in(shrunk, items):
        suspects.asked[place] = port
        if recut & set(port.groups):
            suspects.recut.add(place)
    return suspects


def all_ports(items: Items) -> list[Change]:
    """Every port as if its groups had changed: what a fresh agent, which knows no past, has to ask."""
    ports = [item for item in items.values() if isinstance(item, PortItem)]
    return [(item, item) for item in ports]


def before(changes: Sequence[Change], now: State) -> State:
    """The plan as it was before the changes. Members are those of then and of now."""
    old = {item.key: item for item, _ in changes if item is not None}
    were = Members()
    for item in old.values():
        were.put(item)

    def was_member(group: GroupId | AddressGroupId, address: Address) -> bool:
        return were(group, address) or now.is_member(group, address)

    return State({**now.items, **old}, was_member)


@dataclass(frozen=True, slots=True)
class Judge:
    """Holds connections against the rules as they are now and as they were."""

    suspects: Suspects
    now: State
    past: State

    def fate(self, flow: Flow) -> Fate:
        if (flow.protocol, flow.original.source_port, flow.original.target_port) in _NEEDS_NO_GROUP:
            return Fate.GOES_ON
        if self._has_ended(flow):
            return Fate.FORGOTTEN
        if flow.mark & CUT_MARK:
            return Fate.GOES_ON  # it was cut; release() says when it may begin again
        fates = {
            self._at(flow, place, direction)
            for place, direction in ends(flow)
            if place in self.suspects.asked
        }
        return next((fate for fate in (Fate.CUT, Fate.KEPT) if fate in fates), Fate.GOES_ON)

    def _has_ended(self, flow: Flow) -> bool:
        addresses = {flow.original.source, flow.original.target, flow.reply.source, flow.reply.target}
        way = flow.protocol, flow.original.target_port, flow.reply.source
        if way in self.suspects.forwards and flow.original.target != flow.reply.source:
            return True
        if any(one.has(flow) for one in self.suspects.forwarded):
            return True
        if any(zone == flow.zone and address in addresses for zone, address in self.suspects.ended):
            return True
        return any({floating, fixed} <= addresses for floating, fixed in self.suspects.floating)

    def _at(self, flow: Flow, place: Place, direction: Direction) -> Fate:
        port = self.suspects.asked[place]
        if may(port, flow, direction, self.now):
            return Fate.GOES_ON
        was = self.past.items.get(port.key)
        allowing = _allowing(was, flow, direction, self.past) if isinstance(was, PortItem) else []
        if place in self.suspects.recut or not allowing:
            # Nothing that went explains it: it was revoked, and kept, before, or began unseen.
            kept = bool(flow.mark & KEPT_MARK) and place not in self.suspects.recut
            return Fate.KEPT if kept else Fate.CUT
        return Fate.KEPT if any(self._keeps(group) for group in allowing) else Fate.CUT

    def _keeps(self, group: GroupItem) -> bool:
        """As the group is now, or was when it left the plan."""
        now = self.now.items.get(group.key, group)
        return isinstance(now, GroupItem) and now.revocation is Revocation.KEEP


def ends(flow: Flow) -> tuple[tuple[Place, Direction], tuple[Place, Direction]]:
    """Who sends and who receives, by their own addresses, and which rules of theirs are asked."""
    sender, receiver = (flow.zone, flow.original.source), (flow.zone, flow.reply.source)
    return (sender, Direction.EGRESS), (receiver, Direction.INGRESS)


def places(port: PortItem) -> list[Place]:
    zone = port.zone if port.place is GatewayPlace.ROUTER else 0
    return [(zone, held.address) for held in port.addresses]


def may(port: PortItem | None, flow: Flow, direction: Direction, state: State) -> bool:
    """Whether the port's groups let the connection begin."""
    return port is None or not port.secured or bool(_allowing(port, flow, direction, state))


def _allowing(port: PortItem, flow: Flow, direction: Direction, state: State) -> list[GroupItem]:
    """The port's groups that do. Translated connections have two remote addresses: rules may see either."""
    way, back = flow.original, flow.reply
    remotes = {back.source, way.target} if direction is Direction.EGRESS else {way.source, back.target}
    target = way.target_port if direction is Direction.EGRESS else back.source_port
    openings = [Opening(direction, remote, flow.protocol, target, way.icmp) for remote in remotes]
    return [
        group
        for group in state.groups(port)
        if any(allows(group.rules, opening, state.is_member) for opening in openings)
    ]


def _port(old: PortItem | MemberItem, new: Item | None, suspects: Suspects) -> None:
    if isinstance(old, MemberItem):
        return
    new = new if isinstance(new, PortItem) else None
    suspects.ended |= set(places(old)) - (set(places(new)) if new else set())
    if new and (new is old or (new.groups, new.secured) != (old.groups, old.secured)):
        suspects.asked.update(dict.fromkeys(places(new), new))


def _left(old: PortItem | MemberItem, new: Item | None) -> set[GroupId]:
    """The groups that lost an address."""
    if not isinstance(new, PortItem | MemberItem):
        return set(old.groups)
    fewer = set(old.prefixes) - set(new.prefixes)
    return set(old.groups) if fewer else set(old.groups) - set(new.groups)


def _fewer(old: AddressGroupItem, new: Item | None) -> set[AddressGroupId]:
    """The address group, if it lost a prefix."""
    kept = new.prefixes if isinstance(new, AddressGroupItem) else ()
    return {old.id} if set(old.prefixes) - set(kept) else set()


def _shrunk(old: GroupItem, new: Item | None) -> set[GroupId]:
    kept = new.rules if isinstance(new, GroupItem) else ()
    return {old.id} if set(old.rules) - set(kept) else set()


def _recut(old: GroupItem, new: Item | None) -> set[GroupId]:
    now = new.revocation if isinstance(new, GroupItem) else old.revocation
    return {old.id} if (old.revocation, now) == (Revocation.KEEP, Revocation.CUT) else set()


def _naming(remotes: set[GroupId | AddressGroupId], items: Items) -> set[GroupId]:
    """The groups whose rules name one of these."""
    if not remotes:
        return set()
    groups = (item for item in items.values() if isinstance(item, GroupItem))
    return {group.id for group in groups if any(_named(rule.remote) in remotes for rule in group.rules)}


def _named(remote: Remote) -> GroupId | AddressGroupId | None:
    match remote:
        case RemoteGroup(group):
            return group
        case RemoteAddressGroup(address_group):
            return address_group
        case _:
            return None


def _ports_in(groups: set[GroupId], items: Items) -> list[tuple[Place, PortItem]]:
    if not groups:
        return []
    using = (item for item in items.values() if isinstance(item, PortItem) and groups & set(item.groups))
    return [(place, port) for port in using for place in places(port)]


def _translated(old: FloatingIpItem | VpnItem, new: Item | None, suspects: Suspects) -> None:
    if isinstance(old, FloatingIpItem):
        if not isinstance(new, FloatingIpItem) or new.fixed_address != old.fixed_address:
            suspects.floating.add((old.address, old.fixed_address))
    elif isinstance(old.way, ForwardPlan) and _public(old) != (_public(new) if new else None):
        suspects.forwards.add((_UDP, old.public_port, old.way.private_address))


def _public(item: Item) -> object:
    """Where a VPN is from outside, and what is behind it."""
    return (item.public_address, item.public_port, item.way) if isinstance(item, VpnItem) else None
