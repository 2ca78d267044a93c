"""libvirt's filters of a small host: the shared ones, a group with a rule of every kind, a port with pairs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from netwright.model.host import NwFilter, Stage, Traits
from netwright.model.ids import GroupId, HostName, Mac
from netwright.model.intent import (
    AddressPair,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    PortRange,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.nwfilter import is_ours
from netwright.model.plan import GroupItem, HostItem, Item, RulePlan
from netwright.render.firewall_nwfilter import nwfilter_firewall
from netwright.testing.samples import sample_address, sample_port, sample_subnet

HERE = Path(__file__).parent
TRAITS = Traits("/run/netwright", bridge_conntrack=False)
IN, OUT, V4, V6 = Direction.INGRESS, Direction.EGRESS, EtherType.IPV4, EtherType.IPV6
GROUP = GroupId("aaaaaaaa-0000-4000-8000-000000000001")
RULES = (
    RulePlan(OUT, V4, AnyProtocol(), Anywhere()),
    RulePlan(OUT, V6, Icmp(), Anywhere()),
    RulePlan(IN, V4, PortRange(6, 22, 23), RemotePrefix(ip_network("10.0.0.0/8"))),
    RulePlan(IN, V6, PortRange(132, 7, 7), RemoteGroup(GROUP)),
    RulePlan(IN, V4, Icmp(8, 0), Anywhere()),
    RulePlan(IN, V4, Icmp(255), Anywhere()),
    RulePlan(IN, V4, IpProtocol(17), RemotePrefix(ip_network("0.0.0.0/0"))),
    RulePlan(IN, V6, IpProtocol(47), RemotePrefix(ip_network("fd00::/8"))),
)


def plan() -> list[Item]:
    four, six = sample_subnet("10.20.0.0/24"), sample_subnet("fd20::/64", number=2)
    port = sample_port(sample_address(four, "10.20.0.11"), sample_address(six, "fd20::11"))
    pairs = (
        AddressPair(ip_network("10.9.0.0/16"), port.mac),
        AddressPair(ip_network("0.0.0.0/0"), Mac("02:00:00:00:00:99")),
    )
    return [
        HostItem(HostName("h")),
        GroupItem(GROUP, stateful=True, rules=RULES),
        replace(port, groups=(GROUP,), pairs=pairs),
        replace(sample_port(number=2), secured=False),
    ]


def filters(items: list[Item]) -> dict[object, NwFilter]:
    parts = (nwfilter_firewall(item, TRAITS)[Stage.NWFILTER] for item in items)
    return {name: value for part in parts for name, value in part.items() if isinstance(value, NwFilter)}


def test_the_filters_are_as_recorded() -> None:
    """A plan renders to the recorded definitions, every rule with its filter's mark."""
    text = "".join(value.xml for value in filters(plan()).values())
    assert text == (HERE / "host_nwfilter.xml").read_text()


def test_a_filter_is_known_by_name_and_uuid_and_its_mark_by_its_text() -> None:
    """Every filter's name and UUID agree, and another rule means another mark but no other UUID."""
    before = filters(plan())
    assert all(is_ours(str(name), value.uuid) for name, value in before.items())
    after = filters([GroupItem(GROUP, stateful=True, rules=RULES[1:])])
    assert after
    for name, value in after.items():
        assert value.uuid == before[name].uuid
        assert value.mark != before[name].mark
        assert value != before[name]


def test_a_port_without_security_has_no_filter() -> None:
    """Nothing of libvirt's is on the link of a port whose security is off."""
    parts = nwfilter_firewall(replace(sample_port(number=2), secured=False), TRAITS)
    assert not parts[Stage.NWFILTER]
    assert not parts[Stage.NWFILTER_BINDINGS]
