"""The nwfilter engine: groups and ports as libvirt's filters, and beside them what those cannot say.

nftables keeps, as for every engine, translation, zones and the host's guard; here also the target of
neighbour advertisements, the groups' chains (for what reaches a port from the host itself, which libvirt's
rules never see, and for what nwfilter has no words for), and a door: a secured port is shut, both ways,
until its filter has been seen in force, when its link is put into the set `bound`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, assert_never

from netwright.model.host import NftKey, NftKind, PortBinding, Stage, Traits
from netwright.model.ids import LinkName
from netwright.model.nwfilter import BOUND
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
from netwright.render.firewall_base import firewall_base, to_ports
from netwright.render.firewall_groups import address_group_firewall, group_firewall
from netwright.render.firewall_ports import membership, neighbour_targets, port_groups
from netwright.render.nat import network_nat, outside_nat
from netwright.render.nft import BRIDGE, Nft, chain, named_set
from netwright.render.nwfilter import Filters
from netwright.render.nwfilter_base import base_filters
from netwright.render.nwfilter_groups import group_filter, port_binding, port_filter
from netwright.render.stages import ByStage, untyped

_LIBVIRT_DOES: Final = frozenset({"own_ip4", "spoof", "spoof_arp", "spoof_ip4", "spoof_ip6", "spoof_nd"})
_SHUT_FROM: Final = "iifname @secured iifname != @bound counter drop"
_SHUT_TO: Final = "oifname @secured oifname != @bound counter drop"
_TARGET: Final = (
    "iifname . @th,64,128 @nd_target accept",
    "iifname . @th,64,128 @nd_prefix accept",
    "counter drop",
)


def nwfilter_firewall(item: Item, traits: Traits) -> ByStage:
    """Every item as filters, bindings and what nftables adds."""
    traits = replace(traits, bridge_conntrack=False)  # libvirt's rules see what br_netfilter shows
    match item:
        case HostItem():
            return _parts(_base(traits), base_filters())
        case NetworkItem():
            return _parts(network_nat(item, traits))
        case GroupItem() | AddressGroupItem():
            return _group(item, traits)
        case PortItem() if item.secured:
            nft = port_groups(item, traits) | neighbour_targets(item)
            return _parts(nft, port_filter(item), port_binding(item))
        case PortItem() | MemberItem():
            return _parts(membership(item))
        case FloatingIpItem() | ForwardsItem() | VpnItem() | ServedItem() | PortQosItem():
            return _parts({} if isinstance(item, ServedItem | PortQosItem) else outside_nat(item))
        case _:
            assert_never(item)


def _group(item: GroupItem | AddressGroupItem, traits: Traits) -> ByStage:
    """What is in an address group the nftables chains know alone."""
    if isinstance(item, AddressGroupItem):
        return _parts(address_group_firewall(item))
    return _parts(group_firewall(item, traits), group_filter(item))


def _parts(
    nft: Nft, filters: Filters | None = None, bindings: Mapping[LinkName, PortBinding] | None = None
) -> ByStage:
    return {
        Stage.FIREWALL: untyped(nft),
        Stage.NWFILTER: untyped(filters or {}),
        Stage.NWFILTER_BINDINGS: untyped(bindings or {}),
    }


def _base(traits: Traits) -> Nft:
    """The tables of every host, but for the chains whose work libvirt does."""
    kept = {key: value for key, value in firewall_base(traits).items() if not _is_libvirts(key)}
    return (
        kept
        | named_set(BRIDGE, BOUND, "type ifname")
        | chain(BRIDGE, "target", _TARGET)
        | chain(
            BRIDGE,
            "antispoof",
            (
                _SHUT_FROM,
                "iifname @secured ether type ip6 frag frag-off 0 jump first_fragment",
                "iifname @secured icmpv6 type nd-neighbor-advert jump target",
                "iifname @secured ip6 saddr :: icmpv6 type nd-neighbor-solicit jump target",
            ),
            "filter prerouting -300",
        )
        | to_ports(traits, (_SHUT_TO,))
    )


def _is_libvirts(key: NftKey) -> bool:
    return key.kind is NftKind.CHAIN and key.family == BRIDGE and key.name in _LIBVIRT_DOES
