"""Plans and reports survive the wire unchanged."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from netwright.model.ids import (
    GroupId,
    HostName,
    LinkName,
    Mac,
    NamespaceName,
    NetworkId,
    PortId,
    ProjectId,
    SubnetId,
)
from netwright.model.intent import (
    AddressPair,
    Direction,
    EtherType,
    GatewayPlace,
    Guest,
    InNamespace,
    PortRange,
    RemoteGroup,
)
from netwright.model.plan import (
    GroupItem,
    HostItem,
    HostPlan,
    ItemKey,
    Noun,
    PlanDelta,
    PortAddress,
    PortItem,
    RulePlan,
    ServedItem,
    Serving,
)
from netwright.model.plan_parts import Gateway, VlanPlan
from netwright.model.report import HostFacts, PortStatus, Report, StageFailure, VmmLink
from netwright.testing.samples import sample_network
from netwright.wire.codec import (
    WireError,
    decode_report,
    decode_update,
    encode_report,
    encode_update,
)

ADDRESS = PortAddress(SubnetId("s"), ip_address("10.0.0.5"), 24, Serving.DHCPV4, ip_address("10.0.0.1"))
PORT = PortItem(
    id=PortId("p"), network_id=NetworkId("n"), project_id=ProjectId("x"), name="a", mac=Mac("02:00:00:00:00:01"),
    mtu=1500, zone=3, place=GatewayPlace.HOST, admin_up=True,
    attachment=InNamespace(NamespaceName("g"), LinkName("eth0")),
    addresses=(ADDRESS,), secured=True,
    pairs=(AddressPair(ip_network("fd00::/64"), Mac("02:00:00:00:00:02")),),
    groups=(GroupId("g"),), dns_name="a", dns_domain="lan", device_id="", guest=Guest(meta=(("k", "v"),)), nics=(),
)  # fmt: skip
GROUP = GroupItem(
    GroupId("g"),
    True,
    (RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 1, 2), RemoteGroup(GroupId("g"))),),
)
HOST = HostItem(HostName("h"))
TAGGED = replace(
    sample_network(),
    uplink=LinkName("vlan7"),
    vlan=VlanPlan(LinkName("eth1"), 7),
    bridge_called=LinkName("br7"),
    gateway=Gateway.ONLY,
)


@pytest.mark.parametrize(
    "update",
    [
        HostPlan(HostName("h"), 7, {item.key: item for item in (HOST, GROUP, PORT)}),
        PlanDelta(HostName("h"), 3, 7, (PORT, GROUP), (ItemKey(Noun.PORT, "q"),)),
        PlanDelta(HostName("h"), 3, 7, (ServedItem(PORT), TAGGED), (ItemKey(Noun.SERVED, "q"),)),
    ],
)
def test_an_update_is_what_it_was_after_the_wire(update: HostPlan | PlanDelta) -> None:
    """Decoding the encoding of a plan or a delta gives an equal value."""
    assert decode_update(encode_update(update)) == update


def test_a_report_is_what_it_was_after_the_wire() -> None:
    """Decoding the encoding of a report gives an equal value."""
    report = Report(
        HostName("h"), 7, False, True, (StageFailure("links", "no", 2),), (PortStatus(PortId("p"), True),),
        (VmmLink(LinkName("tap1"), True),), HostFacts((ip_network("10.0.0.0/8"),), 1400, (LinkName("eth0"),)),
    )  # fmt: skip
    assert decode_report(encode_report(report)) == report


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"version":1,"body":5}', b'{"version":2,"body":{}}', b"\xff"]
)
def test_bytes_of_something_else_are_refused(data: bytes) -> None:
    """Whatever is not an update is a WireError, never another exception."""
    with pytest.raises(WireError):
        decode_update(data)
