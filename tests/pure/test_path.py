"""The path of a port's packets, as a plan has it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_network

import pytest

from netwright.model.host import NftKey, Stage, Traits
from netwright.model.ids import (
    AddressGroupId,
    FloatingIpId,
    GroupId,
    HostName,
    LinkName,
    Mac,
    NetworkId,
    PortId,
    VpnId,
)
from netwright.model.intent import (
    AddressPair,
    Direction,
    EtherType,
    GatewayPlace,
    HostTap,
    PortRange,
    Ports,
    RemoteAddressGroup,
    RemoteGroup,
    VmmTap,
)
from netwright.model.plan import (
    AddressGroupItem,
    FloatingIpItem,
    GroupItem,
    HostItem,
    HostPlan,
    Item,
    NetworkItem,
    PortItem,
    RulePlan,
    Serving,
)
from netwright.model.plan_parts import Gateway, VlanPlan
from netwright.model.vpn_plans import WireGuardPlan
from netwright.render.firewalls import ENGINES
from netwright.render.items import render
from netwright.render.path import port_path
from netwright.render.path_view import Part
from netwright.testing.samples import (
    sample_address,
    sample_forward,
    sample_forwards,
    sample_network,
    sample_port,
    sample_port_forward,
    sample_subnet,
    sample_vpn,
)

GROUP = GroupId("6e0a0000-0000-4000-8000-000000000001")
FOUR = sample_subnet("10.20.0.0/24")
SIX = sample_subnet("fd00:20::/64", Serving.SLAAC, number=2)
RULE = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 80, 80), RemoteGroup(GROUP))
TRAITS = [Traits("/run/x", bridge_conntrack=native) for native in (False, True)]


def plan(*items: Item) -> HostPlan:
    listed = (HostItem(HostName("h")), *items)
    return HostPlan(HostName("h"), 3, {item.key: item for item in listed})


def host_case() -> tuple[Item, ...]:
    network = sample_network(FOUR, SIX)
    addresses = sample_address(FOUR, "10.20.0.5"), sample_address(SIX, "fd00:20::5")
    pair = AddressPair(ip_network("10.30.0.0/24"), Mac("fa:16:3e:00:00:01"))
    port = replace(
        sample_port(*addresses, network=network),
        groups=(GROUP,),
        pairs=(pair,),
        security_group_names=("web",),
    )
    floating = FloatingIpItem(
        id=FloatingIpId("f"),
        address=IPv4Address("203.0.113.9"),
        fixed_address=IPv4Address("10.20.0.5"),
        port_id=port.id,
        network_id=network.id,
        zone=network.zone,
        uplink=LinkName("eth0"),
    )
    return network, GroupItem(GROUP, stateful=True, rules=(RULE,)), port, floating


def router_case() -> tuple[Item, ...]:
    held = replace(FOUR, held=FOUR.cidr[2])
    network = replace(sample_network(held, place=GatewayPlace.ROUTER), dhcp_mac=Mac("fa:16:3e:00:01:00"))
    port = replace(sample_port(sample_address(held, "10.20.0.5"), network=network), attachment=HostTap())
    return network, port


def uplink_case() -> tuple[Item, ...]:
    network = replace(sample_network(FOUR), uplink=LinkName("eth1"))
    port = sample_port(sample_address(FOUR, "10.20.0.5"), network=network)
    return network, replace(port, attachment=VmmTap(), secured=False)


def wire_case() -> tuple[Item, ...]:
    network, group, port, floating = host_case()
    assert isinstance(network, NetworkItem)
    assert isinstance(floating, FloatingIpItem)
    shared = replace(network, uplink=LinkName("eth1"), shared_gateway=True)
    return shared, group, port, replace(floating, on_wire=True)


def gateway_case(gateway: Gateway) -> tuple[Item, ...]:
    """A VLAN whose gateway is here, of this host's own, or on another host."""
    network, group, port, *_ = host_case()
    assert isinstance(network, NetworkItem)
    link, below = LinkName("vlan7"), VlanPlan(LinkName("eth1"), 7)
    subnets = network.subnets
    if gateway is Gateway.ELSEWHERE:
        subnets = tuple(replace(subnet, held=None, announced=False) for subnet in subnets)
    return replace(network, uplink=link, vlan=below, gateway=gateway, subnets=subnets), group, port


def vpn_case() -> tuple[Item, ...]:
    """A forward to the port, and WireGuard into its network."""
    network, group, port, *_ = host_case()
    assert isinstance(network, NetworkItem)
    peers = WireGuardPlan("key", 1420, IPv4Network("10.99.0.0/24"))
    forward = sample_vpn(network, sample_forward("10.20.0.5"), 1194)
    return network, group, port, forward, sample_vpn(network, peers, 51820, number=2)


OFFICES = AddressGroupItem(
    AddressGroupId("6e0a0000-add0-4000-8000-000000000001"), (ip_network("192.0.2.0/24"), ip_network("::/0"))
)


def outside_case() -> tuple[Item, ...]:
    """Rules that name an address group, and a floating IP whose ports are the port's."""
    network, group, port, *_ = host_case()
    assert isinstance(port, PortItem)
    assert isinstance(group, GroupItem)
    let = RulePlan(Direction.EGRESS, EtherType.IPV6, PortRange(6, 80, 80), RemoteAddressGroup(OFFICES.id))
    forwards = [
        sample_port_forward(port, "tcp", Ports(8080, 8080), Ports(80, 80)),
        sample_port_forward(port, "udp", Ports(7000, 7009), Ports(7000, 7009)),
    ]
    ruled = replace(group, rules=(*group.rules, let))
    return network, ruled, port, OFFICES, sample_forwards("203.0.113.9", *forwards)


CASES = [
    host_case(),
    outside_case(),
    router_case(),
    uplink_case(),
    wire_case(),
    vpn_case(),
    *map(gateway_case, Gateway),
]


def the_port(items: tuple[Item, ...]) -> PortItem:
    (port,) = (item for item in items if isinstance(item, PortItem))
    return port


@pytest.mark.parametrize("traits", TRAITS)
@pytest.mark.parametrize("items", CASES)
def test_the_path_shows_everything_that_the_port_and_its_network_bring(
    items: tuple[Item, ...], traits: Traits
) -> None:
    """Whatever is rendered for the port, its network, its groups and its floating IPs is at some hop, as rendered."""
    path = port_path(plan(*items), the_port(items).id, traits)
    assert path is not None
    shown: dict[tuple[Stage, Hashable], object] = {
        (stage, key): value
        for hop in path.hops
        for stage, part in hop.wanted.items()
        for key, value in part.items()
    }
    for item in items:
        for stage, part in render(item, traits).items():
            for key, value in part.items():
                assert shown.get((stage, key)) == value, (stage, key)


@pytest.mark.parametrize("items", CASES)
def test_other_ports_are_not_on_the_path(items: tuple[Item, ...]) -> None:
    """No hop wants an element that names another port's link."""
    other = sample_port(sample_address(FOUR, "10.20.0.6"), number=2)
    path = port_path(plan(*items, other), the_port(items).id, TRAITS[0])
    assert path is not None
    keys = [key for hop in path.hops for key in hop.wanted.get(Stage.FIREWALL, {}) if isinstance(key, NftKey)]
    assert not [key for key in keys if "tap00000002-90" in key.element]


def test_vpns_that_lead_elsewhere_are_not_on_the_path() -> None:
    """A forward to another guest and WireGuard into another network are no hops; what leads here is, in full."""
    items = vpn_case()
    network = items[0]
    assert isinstance(network, NetworkItem)
    other = sample_vpn(network, sample_forward("10.20.0.6"), 1195, number=3)
    apart = replace(items[-1], id=VpnId("apart"), network_id=NetworkId("apart"))  # type: ignore[type-var]
    for firewall in ENGINES:
        traits = replace(TRAITS[0], firewall=firewall)
        path = port_path(plan(*items, other, apart), the_port(items).id, traits)
        assert path is not None
        hops = [hop for hop in path.hops if hop.part is Part.VPN]
        assert [hop.name for hop in hops] == [
            "any address of the host UDP 1194 → 10.20.0.5 UDP 1194",
            "any address of the host UDP 51820 = wg00000002-b9",
        ]
        for hop, item in zip(hops, items[-2:], strict=True):
            rendered = render(item, traits, ENGINES[firewall])
            assert hop.wanted == {stage: part for stage, part in rendered.items() if part}


def test_address_groups_and_forwards_are_told_in_each_engines_words() -> None:
    """What rules name and what is forwarded here are hops, in full; an address group that none names is not."""
    items = outside_case()
    port = the_port(items)
    elsewhere = replace(port, id=PortId("00000009-90e7-4000-8000-000000000000"))
    other = sample_forwards(
        "203.0.113.8", sample_port_forward(elsewhere, "tcp", Ports(1, 1), Ports(1, 1)), number=2
    )
    unnamed = replace(OFFICES, id=AddressGroupId("6e0a0000-add0-4000-8000-000000000002"))
    for firewall in ("nftables", "iptables", "nwfilter"):
        traits = replace(TRAITS[0], firewall=firewall)
        path = port_path(plan(*items, other, unnamed), port.id, traits)
        assert path is not None
        hops = [hop for hop in path.hops if hop.part in {Part.ADDRESS_GROUP, Part.FORWARD}]
        assert [hop.part for hop in hops] == [Part.ADDRESS_GROUP, Part.FORWARD]
        assert "192.0.2.0/24, ::/0" in hops[0].note
        assert hops[1].note == "held on wan; tcp 8080 → 10.20.0.5 80, udp 7000:7009 → 10.20.0.5 7000:7009"
        for hop, item in zip(hops, items[-2:], strict=True):
            rendered = render(item, traits, ENGINES[firewall])
            assert hop.wanted == {stage: part for stage, part in rendered.items() if part}


def test_the_hops_are_in_the_order_in_which_packets_meet_them() -> None:
    """What the guest sends first: its end, its link, its guards, the bridge, then what is beyond; answers last."""
    items = host_case()
    path = port_path(plan(*items), the_port(items).id, TRAITS[0])
    assert path is not None
    assert [hop.part for hop in path.hops] == [
        Part.GUEST,
        Part.LINK,
        Part.SPOOF,
        Part.EGRESS,
        Part.BRIDGE,
        Part.DHCP,
        Part.METADATA,
        Part.GATEWAY,
        Part.ROUTE,
        Part.NAT,
        Part.FLOATING_IP,
        Part.INGRESS,
        Part.CONNECTIONS,
    ]


def test_a_port_without_security_is_shown_as_such() -> None:
    """Where port security is off the path says that nothing is filtered, and has no guards."""
    items = uplink_case()
    path = port_path(plan(*items), the_port(items).id, TRAITS[0])
    assert path is not None
    notes = {hop.part: hop.note for hop in path.hops}
    assert notes[Part.EGRESS] == "port security is off: nothing is filtered"
    assert not {Part.SPOOF, Part.INGRESS} & notes.keys()


def test_a_port_that_the_plan_does_not_have_has_no_path() -> None:
    """None for an unknown port, and for one whose network is not there."""
    network, port = router_case()
    assert isinstance(network, NetworkItem)
    assert port_path(plan(network), PortId("none"), TRAITS[0]) is None
    assert port_path(plan(port), the_port((port,)).id, TRAITS[0]) is None


@pytest.mark.parametrize(("firewall", "word"), [("none", "nothing is filtered"), ("someones", "someones")])
def test_a_path_never_claims_a_filter_that_is_not_netwrights(firewall: str, word: str) -> None:
    """With no firewall, or with a package's own, no hop says what the port may send, and one says why."""
    network, group, port, _ = host_case()
    assert isinstance(port, PortItem)
    path = port_path(plan(network, group, port), port.id, replace(TRAITS[0], firewall=firewall))
    assert path is not None
    hops = {hop.part: hop for hop in path.hops}
    assert word in hops[Part.EGRESS].note
    assert not {Part.SPOOF, Part.INGRESS} & hops.keys()
