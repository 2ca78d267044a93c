"""An instance and its interfaces as items of a plan, as the agent's would be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID, uuid5

from netwright.model.ids import GroupId, LinkName, NetworkId, ProjectId, SubnetId, bridge_name
from netwright.model.intent import (
    AnyProtocol,
    Direction,
    GatewayPlace,
    Guest,
    RemoteGroup,
    RemotePrefix,
    VmmTap,
    ethertype_of,
)
from netwright.model.plan import (
    GroupItem,
    HostItem,
    Item,
    ItemKey,
    Items,
    MemberItem,
    NetworkItem,
    PortAddress,
    PortItem,
    RulePlan,
    Serving,
    SubnetPlan,
)
from netwright.nova.instances import Instance, Vif, VifSubnet

_NO_ZONE: Final = 1
"""Networks whose gateway is on the host need no conntrack zone of their own."""


def network_item(vif: Vif) -> NetworkItem:
    """The VIF's network, its translation and the host's guard left to others."""
    return NetworkItem(
        id=vif.network,
        zone=_NO_ZONE,
        mtu=vif.mtu,
        place=GatewayPlace.HOST,
        admin_up=True,
        uplink=None,
        nat=False,
        host_access=True,
        dns_domain="",
        subnets=tuple(
            SubnetPlan(
                id=_subnet_id(vif.network, subnet),
                cidr=subnet.cidr,
                gateway_ip=subnet.gateway,
                held=None,
                serving=_serving(subnet),
                announced=False,
            )
            for subnet in vif.subnets
        ),
        bridge_called=_bridge_called(vif),
    )


def port_item(instance: Instance, vif: Vif, groups: Iterable[GroupId]) -> PortItem:
    """The VIF's port: it may send from its own MAC and addresses, and nothing but what the groups allow."""
    return PortItem(
        id=vif.id,
        network_id=vif.network,
        project_id=ProjectId(instance.project_id),
        name="",
        mac=vif.mac,
        mtu=vif.mtu,
        zone=_NO_ZONE,
        place=GatewayPlace.HOST,
        admin_up=True,
        attachment=VmmTap(),
        addresses=tuple(
            PortAddress(
                subnet_id=_subnet_id(vif.network, subnet),
                address=address,
                prefix_length=subnet.cidr.prefixlen,
                serving=_serving(subnet),
                gateway_ip=subnet.gateway,
            )
            for subnet in vif.subnets
            for address in subnet.addresses
        ),
        bridge_called=_bridge_called(vif),
        secured=True,
        pairs=(),
        groups=tuple(sorted(set(groups))),
        dns_name="",
        dns_domain="",
        device_id=instance.id,
        guest=Guest(),
        nics=(),
    )


def same_net_group(vif: Vif) -> GroupItem:
    """allow_same_net_traffic as a group: everything from and to the VIF's own subnets."""
    rules = tuple(
        RulePlan(way, ethertype_of(subnet.cidr), AnyProtocol(), remote)
        for subnet in vif.subnets
        for remote in (RemotePrefix(subnet.cidr),)
        for way in Direction
    )
    return GroupItem(same_net_id(vif.network), stateful=True, rules=rules)


def same_net_id(network: NetworkId) -> GroupId:
    return GroupId(str(uuid5(UUID(network), "same-net")))


def remote_groups(items: Iterable[Item]) -> frozenset[GroupId]:
    """The groups that rules among the items name."""
    rules = (rule for item in items if isinstance(item, GroupItem) for rule in item.rules)
    return frozenset(rule.remote.group for rule in rules if isinstance(rule.remote, RemoteGroup))


def with_members(items: Items, members: Iterable[MemberItem]) -> dict[ItemKey, Item]:
    """The items with exactly these members; a port that is here needs none."""
    kept = {key: item for key, item in items.items() if not isinstance(item, MemberItem)}
    here = {item.id for item in kept.values() if isinstance(item, PortItem)}
    return kept | {member.key: member for member in members if member.id not in here}


def pruned(items: Items) -> dict[ItemKey, Item]:
    """Without the groups and networks that no port has any more, and members that no rule names."""
    ports = [item for item in items.values() if isinstance(item, PortItem)]
    groups = {group for port in ports for group in port.groups}
    networks = {port.network_id for port in ports}
    kept = [
        item
        for item in items.values()
        if isinstance(item, HostItem | PortItem | MemberItem)
        or (isinstance(item, GroupItem) and item.id in groups)
        or (isinstance(item, NetworkItem) and item.id in networks)
    ]
    named = remote_groups(kept)
    return {
        item.key: item for item in kept if not isinstance(item, MemberItem) or named.intersection(item.groups)
    }


def ports_of(items: Items, instance: str) -> list[PortItem]:
    """The instance's ports."""
    return [item for item in items.values() if isinstance(item, PortItem) and item.device_id == instance]


def _bridge_called(vif: Vif) -> LinkName | None:
    return None if vif.bridge == bridge_name(vif.network) else vif.bridge


def _subnet_id(network: NetworkId, subnet: VifSubnet) -> SubnetId:
    return SubnetId(str(uuid5(UUID(network), str(subnet.cidr))))


def _serving(subnet: VifSubnet) -> Serving:
    if not subnet.dhcp:
        return Serving.STATIC
    return Serving.DHCPV4 if subnet.cidr.version == 4 else Serving.DHCPV6_STATEFUL
