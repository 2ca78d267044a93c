"""A lint for plans: what must hold in every plan that leaves the planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from netwright.model.intent import RemoteAddressGroup, RemoteGroup
from netwright.model.plan import (
    FloatingIpItem,
    ForwardsItem,
    GroupItem,
    HostPlan,
    ItemKey,
    MemberItem,
    NetworkItem,
    Noun,
    PortItem,
    ServedItem,
    VpnItem,
)


def problems(plan: HostPlan) -> tuple[str, ...]:
    """What is wrong with the plan, a sentence each; empty for a sound one."""
    items = tuple(plan.items.values())
    ports = tuple(item for item in items if isinstance(item, PortItem))
    networks = tuple(item for item in items if isinstance(item, NetworkItem))
    floating = tuple(item for item in items if isinstance(item, FloatingIpItem))
    forwards = tuple(item for item in items if isinstance(item, ForwardsItem))
    vpns = tuple(item for item in items if isinstance(item, VpnItem))
    groups = tuple(item for item in items if isinstance(item, GroupItem))
    return (
        *_misfiled(plan),
        *_dangling(plan, ports, groups, floating),
        *_twice("zone", (network.zone for network in networks)),
        *_twice("MAC on a network", ((port.network_id, port.mac) for port in ports)),
        *_twice("DNS name on a network of two projects", _names(ports)),
        *_twice("address on a network", _addresses(networks, ports)),
        *_twice("VPN's public port", ((one.public_address, one.public_port) for one in vpns)),
        *_twice("floating address", [one.address for one in floating] + [one.address for one in forwards]),
        *_twice("fixed address behind floating IPs", ((one.port_id, one.fixed_address) for one in floating)),
        *(f"port {port.id} is not among its own nics" for port in ports if _has_no_own_nic(port)),
    )


def _names(ports: Iterable[PortItem]) -> Iterator[Hashable]:
    """What ports are called on their networks: those of one project may share it."""
    theirs = {(port.network_id, port.dns_name, port.project_id) for port in ports}
    return ((network, name) for network, name, _ in theirs)


def _misfiled(plan: HostPlan) -> Iterator[str]:
    if ItemKey(Noun.HOST, plan.host) not in plan.items:
        yield f"the plan has no item for its host {plan.host}"
    for key, item in plan.items.items():
        if item.key != key:
            yield f"{item.key} is filed under {key}"


def _dangling(
    plan: HostPlan,
    ports: Iterable[PortItem],
    groups: Iterable[GroupItem],
    floating: Iterable[FloatingIpItem],
) -> Iterator[str]:
    used = {group for port in ports for group in port.groups}
    members = [item for item in plan.items.values() if isinstance(item, MemberItem)]
    served = {
        item.port.id: item.port.network_id for item in plan.items.values() if isinstance(item, ServedItem)
    }
    named = [
        *((port.id, ItemKey(Noun.NETWORK, port.network_id)) for port in ports),
        *((port.id, ItemKey(Noun.GROUP, group)) for port in ports for group in port.groups),
        *((one.id, ItemKey(Noun.GROUP, group)) for one in members for group in one.groups),
        *((one.id, ItemKey(Noun.PORT, one.port_id)) for one in floating if one.port_id not in served),
        *((one, ItemKey(Noun.NETWORK, network)) for one, network in served.items()),
        *((one.id, ItemKey(Noun.NETWORK, one.network_id)) for one in floating),
        *(
            (item.id, ItemKey(Noun.NETWORK, item.network_id))
            for item in plan.items.values()
            if isinstance(item, VpnItem)
        ),
        *(
            (group.id, ItemKey(Noun.GROUP, rule.remote.group))
            for group in groups
            if group.id in used
            for rule in group.rules
            if isinstance(rule.remote, RemoteGroup)
        ),
        *(
            (group.id, ItemKey(Noun.ADDRESS_GROUP, rule.remote.address_group))
            for group in groups
            if group.id in used
            for rule in group.rules
            if isinstance(rule.remote, RemoteAddressGroup)
        ),
    ]
    for by, key in named:
        if key not in plan.items:
            yield f"{by} names {key.noun} {key.id}, which is not in the plan"


def _addresses(networks: Iterable[NetworkItem], ports: Iterable[PortItem]) -> Iterator[Hashable]:
    for network in networks:
        yield from ((network.id, subnet.held) for subnet in network.subnets if subnet.held is not None)
    for port in ports:
        yield from ((port.network_id, one.address) for one in port.addresses)


def _twice(what: str, seen: Iterable[Hashable]) -> Iterator[str]:
    for value, times in Counter(seen).items():
        if times > 1:
            yield f"{what} {value} is there {times} times"


def _has_no_own_nic(port: PortItem) -> bool:
    return port.id not in {nic.port_id for nic in port.nics}
