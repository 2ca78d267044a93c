"""A small host, whose firewall the golden files hold."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from netwright.model.ids import FloatingIpId, GroupId, HostName, LinkName, Mac, NetworkId
from netwright.model.intent import (
    AddressPair,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    GatewayPlace,
    Icmp,
    PortRange,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.plan import FloatingIpItem, GroupItem, HostItem, Item, RulePlan, Serving
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

GROUP = GroupId("aaaaaaaa-0000-4000-8000-000000000001")
WIRE = NetworkId("0a0a0a0a-0000-4000-8000-000000000003")
OTHER = NetworkId("0f0f0f0f-0000-4000-8000-000000000002")


def plan() -> list[Item]:
    """Host networks with ports and floating IPs, one on a wire with other hosts; a router network with one port."""
    four, six = sample_subnet("10.20.0.0/24"), sample_subnet("fd20::/64", Serving.SLAAC, number=2)
    network = sample_network(four, six)
    tenant = sample_network(replace(four, held=None), identity=OTHER, place=GatewayPlace.ROUTER)
    group = GroupItem(
        GROUP,
        True,
        (
            RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere()),
            RulePlan(
                Direction.INGRESS,
                EtherType.IPV4,
                PortRange(6, 22, 23),
                RemotePrefix(ip_network("10.0.0.0/8")),
            ),
            RulePlan(Direction.INGRESS, EtherType.IPV6, Icmp(128, 0), RemoteGroup(GROUP)),
        ),
    )
    first = sample_port(sample_address(four, "10.20.0.11"), sample_address(six, "fd20::11"), network=network)
    pairs = (
        AddressPair(ip_network("10.9.0.0/16"), first.mac),
        AddressPair(ip_network("fd99::/64"), Mac("02:00:00:00:00:99")),
    )
    open_port = sample_port(sample_address(four, "10.20.0.12"), number=2, network=network)
    third = sample_port(sample_address(four, "10.20.0.11"), number=3, network=tenant)
    floating = FloatingIpItem(
        FloatingIpId("f"), ip_address("203.0.113.9"), ip_address("10.20.0.11"), first.id, network.id, 7, LinkName("eth0")
    )  # fmt: skip
    shared, fourth, forced = _on_a_wire()
    return [
        HostItem(HostName("h")),
        network,
        tenant,
        shared,
        group,
        replace(first, groups=(GROUP,), pairs=pairs),
        replace(open_port, secured=False),
        replace(third, groups=(GROUP,)),
        floating,
        fourth,
        forced,
    ]


def _on_a_wire() -> tuple[Item, Item, Item]:
    """A network whose gateway other hosts hold too, a port on it, and that port's floating IP."""
    near, nearer = (
        sample_subnet("10.21.0.0/24", number=3),
        sample_subnet("fd21::/64", Serving.SLAAC, number=4),
    )
    shared = replace(
        sample_network(near, nearer, identity=WIRE), uplink=LinkName("eth1"), shared_gateway=True
    )
    fourth = sample_port(sample_address(near, "10.21.0.11"), number=4, network=shared)
    forced = FloatingIpItem(
        FloatingIpId("g"), ip_address("203.0.113.10"), ip_address("10.21.0.11"), fourth.id, WIRE, 7, LinkName("eth0"), on_wire=True
    )  # fmt: skip
    return shared, replace(fourth, secured=False), forced
