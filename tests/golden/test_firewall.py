"""The nftables script of a small host, in both ways of tracking connections."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from netwright.kernel.nft import write_script
from netwright.model.host import NftKey, NftValue, Stage, Traits
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
from netwright.render.items import render
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

HERE = Path(__file__).parent
GROUP = GroupId("aaaaaaaa-0000-4000-8000-000000000001")
OTHER = NetworkId("0f0f0f0f-0000-4000-8000-000000000002")


def plan() -> list[Item]:
    """A host network with two ports and a floating IP, and a router network with one port."""
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
    return [
        HostItem(HostName("h")),
        network,
        tenant,
        group,
        replace(first, groups=(GROUP,), pairs=pairs),
        replace(open_port, secured=False),
        replace(third, groups=(GROUP,)),
        floating,
    ]


@pytest.mark.parametrize(("native", "name"), [(True, "host_native.nft"), (False, "host_br_netfilter.nft")])
def test_the_script_is_as_recorded(native: bool, name: str) -> None:
    """A plan renders to the recorded transaction, every rule with its tag."""
    desired: dict[NftKey, NftValue] = {}
    for item in plan():
        part = render(item, Traits("/run/netwright", native)).get(Stage.FIREWALL, {})
        desired.update((key, value) for key, value in part.items())  # type: ignore[misc]
    assert write_script(desired) == (HERE / name).read_text()
