"""The table of firewall engines: an item of the plan as that engine's values, stage by stage.

Every engine means the same; they differ in whose words it is said in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, assert_never

from netwright.model.host import Stage, Traits
from netwright.model.plan import (
    AddressGroupItem,
    FloatingIpItem,
    ForwardsItem,
    GroupItem,
    HostItem,
    Item,
    MemberItem,
    NetworkItem,
    PortItem,
    PortQosItem,
    ServedItem,
    VpnItem,
)
from netwright.render import (
    firewall_iptables_base,
    firewall_iptables_groups,
    firewall_iptables_nat,
    firewall_iptables_ports,
)
from netwright.render.firewall_base import firewall_base
from netwright.render.firewall_groups import address_group_firewall, group_firewall
from netwright.render.firewall_nwfilter import nwfilter_firewall
from netwright.render.firewall_ports import membership, port_firewall
from netwright.render.nat import network_nat, outside_nat
from netwright.render.nft import Nft
from netwright.render.stages import ByStage, untyped
from netwright.render.xt import Xt

Engine = Callable[[Item, Traits], ByStage]


def nftables(item: Item, traits: Traits) -> ByStage:
    """Groups and ports in the bridge family, translation in the inet family."""
    match item:
        case GroupItem():
            return _nft(group_firewall(item, traits))
        case AddressGroupItem():
            return _nft(address_group_firewall(item))
        case PortItem():
            return _nft(port_firewall(item, traits))
        case MemberItem():
            return _nft(membership(item))
        case _:
            return unfiltered(item, traits)


def unfiltered(item: Item, traits: Traits) -> ByStage:
    """No port is guarded; networks keep their translation, their zones, and the host its guard."""
    match item:
        case HostItem():
            return _nft(firewall_base(traits))
        case NetworkItem():
            return _nft(network_nat(item, traits))
        case FloatingIpItem() | ForwardsItem() | VpnItem():
            return _nft(outside_nat(item))
        case GroupItem() | AddressGroupItem() | PortItem() | MemberItem() | ServedItem() | PortQosItem():
            return {}
        case _:
            assert_never(item)


def iptables(item: Item, traits: Traits) -> ByStage:
    """All of it in iptables, ip6tables, ipset and ebtables."""
    match item:
        case GroupItem() | AddressGroupItem() | PortItem() | MemberItem():
            parts = _in_iptables(item, traits)
        case HostItem():
            parts = firewall_iptables_base.firewall_base(traits)
        case NetworkItem():
            parts = firewall_iptables_nat.network_nat(item, traits)
        case FloatingIpItem() | ForwardsItem() | VpnItem():
            parts = firewall_iptables_nat.outside_nat(item, traits)
        case ServedItem() | PortQosItem():
            parts = {}
        case _:
            assert_never(item)
    return {Stage.IPTABLES: untyped(parts)}


def _in_iptables(item: GroupItem | AddressGroupItem | PortItem | MemberItem, traits: Traits) -> Xt:
    """What says who may send what to whom."""
    match item:
        case GroupItem():
            return firewall_iptables_groups.group_firewall(item, traits)
        case AddressGroupItem():
            return firewall_iptables_groups.address_group_firewall(item)
        case PortItem():
            return firewall_iptables_ports.port_firewall(item, traits)
        case MemberItem():
            return firewall_iptables_ports.membership(item)


def _nft(parts: Nft) -> ByStage:
    return {Stage.FIREWALL: untyped(parts)}


ENGINES: Final[Mapping[str, Engine]] = {
    "nftables": nftables,
    "iptables": iptables,
    "nwfilter": nwfilter_firewall,
    "none": unfiltered,
}

_ON_INET_HOOKS: Final = frozenset({"iptables", "nwfilter"})
"""Engines that see bridged packets only where br_netfilter shows them."""


def bridges_call_netfilter(traits: Traits) -> bool:
    """Whether bridges hand their packets to br_netfilter."""
    if traits.firewall == "none":
        return False
    return traits.firewall in _ON_INET_HOOKS or not traits.bridge_conntrack
