"""Intent becomes items, without a choice left to the host."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.model.ids import FloatingIpId, HostName, LinkName, Mac, NetworkId, PortId, ProjectId, SubnetId
from netwright.model.intent import (
    Association,
    FixedIp,
    FloatingIp,
    GatewayPlace,
    Ipv6Mode,
    Network,
    Port,
    Subnet,
    Vlan,
)
from netwright.model.plan import HostItem, HostPlan, ItemKey, Noun, Serving
from netwright.model.plan_parts import VlanPlan
from netwright.planner import floating_ips, names, networks
from netwright.planner.check import problems
from netwright.planner.gateways import Place
from netwright.planner.subnets import serving

PROJECT = ProjectId("p")
HOST = HostName("h")


def network(place: GatewayPlace, **attributes) -> Network:
    return Network(NetworkId("n"), PROJECT, "", 7, 1500, place, **attributes)


def subnet(cidr: str, **attributes) -> Subnet:
    prefix = ip_network(cidr)
    return Subnet(
        SubnetId("s"), NetworkId("n"), PROJECT, "", prefix, prefix.network_address + 1, **attributes
    )


def place(home: Network, *subnets: Subnet, holder: HostName | None = None) -> Place:
    return Place(home, {one.id: one for one in subnets}, holder)


DHCP = Port(
    PortId("d"), NetworkId("n"), PROJECT, "", Mac("fa:16:3e:00:00:01"),
    (FixedIp(SubnetId("s"), ip_address("10.0.0.2")),),
)  # fmt: skip


def test_hosts_that_share_a_gateways_address_have_bridges_of_their_own() -> None:
    """Each host's bridge has its own MAC where the gateway is shared, always the same one; else the network's."""
    ours, other = (subnet("10.0.0.0/24"),), HostName("other")
    shared = network(GatewayPlace.HOST, uplink=LinkName("eth1"), shared_gateway=True)
    items = [networks.item(place(shared, *ours), None, host, used=True) for host in (HOST, other, HOST)]
    assert [one and one.shared_gateway for one in items] == [True] * 3
    assert len({one and one.mac for one in items}) == 2
    alone = networks.item(place(replace(shared, shared_gateway=False), *ours), None, HOST, used=True)
    assert alone is not None
    assert alone.mac is None


def test_a_vlans_device_is_the_uplink_that_hosts_see() -> None:
    """What is on the bridge is the device for the VLAN; the link below it is told apart. The bridge has its given name."""
    tagged = network(
        GatewayPlace.HOST,
        uplink=LinkName("eth1"),
        vlan=Vlan(100, LinkName("vlan100")),
        bridge=LinkName("br100"),
    )
    item = networks.item(place(tagged, subnet("10.0.0.0/24")), None, HOST, used=True)
    assert item is not None
    assert (item.uplink, item.vlan) == (LinkName("vlan100"), VlanPlan(LinkName("eth1"), 100))
    assert item.bridge == "br100"


def test_floating_ips_know_whether_their_guests_are_on_a_wire() -> None:
    """A floating IP tells whether the network of its fixed address has an uplink."""
    outside = network(GatewayPlace.ROUTER, external=True)
    held = FloatingIp(
        FloatingIpId("f"), PROJECT, NetworkId("x"), IPv4Address("203.0.113.9"),
        Association(PortId("p"), IPv4Address("10.0.0.5")),
    )  # fmt: skip
    for uplink in (None, LinkName("eth1")):
        item = floating_ips.item(held, network(GatewayPlace.HOST, uplink=uplink), outside)
        assert item is not None
        assert item.on_wire is (uplink is not None)


def test_a_host_network_is_there_from_its_first_subnet_on() -> None:
    """A host network with a subnet is on every host; without one, or external, or a router one, only where used."""
    ours = (subnet("10.0.0.0/24"),)
    host, router = network(GatewayPlace.HOST), network(GatewayPlace.ROUTER)
    assert networks.item(place(host, *ours), None, HOST, used=False) is not None
    for one, theirs in ((host, ()), (router, ours), (network(GatewayPlace.HOST, external=True), ours)):
        assert networks.item(place(one, *theirs), None, HOST, used=False) is None
        assert networks.item(place(one, *theirs), None, HOST, used=True) is not None


@pytest.mark.parametrize(
    ("where", "dhcp", "enabled", "held"),
    [
        (GatewayPlace.HOST, None, True, "10.0.0.1"),
        (GatewayPlace.HOST, None, False, "10.0.0.1"),
        (GatewayPlace.ROUTER, DHCP, True, "10.0.0.2"),
        (GatewayPlace.ROUTER, DHCP, False, None),
        (GatewayPlace.ROUTER, None, True, None),
        (GatewayPlace.ROUTER, replace(DHCP, admin_state_up=False), True, None),
    ],
)
def test_netwright_holds_the_gateway_or_the_dhcp_ports_address(where, dhcp, enabled, held) -> None:
    """On a host network the gateway's address is ours, on a router network that of a DHCP port that is on."""
    item = networks.item(
        place(network(where), subnet("10.0.0.0/24", enable_dhcp=enabled)), dhcp, HOST, used=True
    )
    assert item is not None
    assert item.subnets[0].held == (held and ip_address(held))
    assert item.dhcp_mac == (dhcp.mac if dhcp and dhcp.admin_state_up else None)


@pytest.mark.parametrize(
    ("cidr", "enabled", "mode", "expected"),
    [
        ("10.0.0.0/24", True, None, Serving.DHCPV4),
        ("10.0.0.0/24", False, None, Serving.STATIC),
        ("fd00::/64", True, None, Serving.STATIC),
        ("fd00::/64", True, Ipv6Mode.SLAAC, Serving.SLAAC),
        ("fd00::/64", True, Ipv6Mode.DHCPV6_STATEFUL, Serving.DHCPV6_STATEFUL),
        ("fd00::/64", True, Ipv6Mode.DHCPV6_STATELESS, Serving.DHCPV6_STATELESS),
        ("fd00::/64", False, Ipv6Mode.SLAAC, Serving.STATIC),
    ],
)
def test_how_guests_get_addresses_follows_from_family_and_mode(cidr, enabled, mode, expected) -> None:
    """IPv4 is served by DHCP, IPv6 as its address mode says, and nothing is where DHCP is off."""
    assert serving(subnet(cidr, enable_dhcp=enabled, ipv6_address_mode=mode)) is expected


@given(st.text(max_size=70), st.text(max_size=70))
def test_a_label_is_a_label(dns_name: str, name: str) -> None:
    """Whatever the names, the label asked for is none or one of RFC 1035, and never one made of an address."""
    label = names.wanted_label(dns_name, name)
    assert label is None or (names.is_label(label) and not names.is_address_label(label))


@given(st.ip_addresses())
def test_every_port_has_a_name(address) -> None:
    """The label made of an address is a DNS label that no port can claim by its name."""
    port = Port(PortId("q"), NetworkId("n"), PROJECT, "", DHCP.mac, (FixedIp(SubnetId("s"), address),))
    label = names.address_label(port)
    assert names.is_label(label)
    assert names.wanted_label("", label) is None


def test_the_lint_sees_what_is_wrong() -> None:
    """A plan without its host's item, or with an item under another's key, is told to be wrong."""
    host = HostItem(HostName("h"))
    assert problems(HostPlan(HostName("h"), 1, {host.key: host})) == ()
    assert len(problems(HostPlan(HostName("h"), 1, {}))) == 1
    assert len(problems(HostPlan(HostName("h"), 1, {host.key: host, ItemKey(Noun.HOST, "x"): host}))) == 1
