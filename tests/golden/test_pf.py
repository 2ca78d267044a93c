"""pf.conf text of a small host: what FreeBSD gets for groups, ports, networks and floating IPs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from pf_rules import check_main, parse
from small_host import plan

from netwright.model.ids import GroupId, LinkName, NetworkId, bridge_name
from netwright.model.intent import (
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Remote,
    RemoteGroup,
    RemotePrefix,
    Revocation,
)
from netwright.model.pf import PfAnchor, PfTable
from netwright.model.plan import FloatingIpItem, GroupItem, NetworkItem, RulePlan
from netwright.render.firewall_pf import firewall_pf, port_firewall
from netwright.render.nat_pf import MAIN_RULES, Outside, floating_pf, host_pf, network_pf, translation_pf
from netwright.render.pf import Pf, port_anchor
from netwright.testing.samples import sample_address, sample_port, sample_subnet

HERE = Path(__file__).parent
OUTSIDE = Outside(
    LinkName("em0"), IPv4Address("192.0.2.2"), IPv4Address("192.0.2.2"), 8775, (IPv4Network("172.16.0.0/12"),)
)
GROUP = GroupId("aaaaaaaa-0000-4000-8000-000000000009")
V4, V6 = EtherType.IPV4, EtherType.IPV6


def rendered() -> Pf:
    items = plan()
    parts = host_pf() | firewall_pf(items)
    for item in items:
        if isinstance(item, NetworkItem):
            parts |= network_pf(item) | translation_pf(item, bridge_name(item.id), OUTSIDE)
        if isinstance(item, FloatingIpItem):
            parts |= floating_pf(item, bridge_name(item.network_id), OUTSIDE.interface)
    return parts


def written(parts: Pf) -> str:
    lines = []
    for key, value in parts.items():
        lines.append(f"# {key.kind} {key.name}")
        lines.append(value.text if isinstance(value, PfAnchor) else f"{' '.join(value.addresses)}\n")
    return "\n".join(["# /etc/pf.conf", MAIN_RULES, *lines])


def test_the_rules_are_as_recorded() -> None:
    """A plan renders to the recorded anchors and tables."""
    assert written(rendered()) == (HERE / "host_pf.txt").read_text()


def test_the_grammar_takes_every_line() -> None:
    """All that is written is a sentence of pf.conf(5)'s grammar, statements in its order."""
    check_main(MAIN_RULES)
    for value in rendered().values():
        if isinstance(value, PfAnchor):
            assert parse(value.text).rules


@pytest.mark.parametrize("ethertype", EtherType)
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("remote", [Anywhere(), RemoteGroup(GROUP), "prefix", "everything"])
@pytest.mark.parametrize(
    "match",
    [
        IpProtocol(1), IpProtocol(58), IpProtocol(47), IpProtocol(6), Icmp(), Icmp(3), Icmp(3, 4),
        *(PortRange(number, 7, last) for number in (6, 17, 33, 132, 136) for last in (7, 9)),
    ],
)  # fmt: skip
def test_every_rule_that_there_can_be_is_taken(
    ethertype: EtherType, direction: Direction, remote: Remote | str, match: Match
) -> None:
    """Whatever a group's rule says, the port's anchor stays a text that pf takes."""
    prefixes = {"prefix": {V4: "10.0.0.0/8", V6: "fd00::/8"}, "everything": {V4: "0.0.0.0/0", V6: "::/0"}}
    one = RemotePrefix(sample_subnet(prefixes[remote][ethertype]).cidr) if isinstance(remote, str) else remote
    group = GroupItem(GROUP, stateful=True, rules=(RulePlan(direction, ethertype, match, one),))
    for stateful in (True, False):
        (anchor,) = port_firewall(
            replace(_port(), groups=(GROUP,)), {GROUP: replace(group, stateful=stateful)}
        ).values()
        assert isinstance(anchor, PfAnchor)
        assert len(parse(anchor.text).rules) >= len(_rules(GROUP, ()))


def test_what_pf_cannot_see_passes_nothing() -> None:
    """Ports of DCCP and UDP-Lite, and ICMP under the other family's number, add no rule at all."""
    dumb = (
        RulePlan(Direction.INGRESS, V4, PortRange(33, 1, 9), Anywhere()),
        RulePlan(Direction.INGRESS, V4, PortRange(136, 1, 9), Anywhere()),
        RulePlan(Direction.INGRESS, V4, IpProtocol(58), Anywhere()),
        RulePlan(Direction.INGRESS, V6, IpProtocol(1), Anywhere()),
    )
    assert _rules(GROUP, dumb) == _rules(GROUP, ())


def test_a_rules_label_is_its_own_and_goes_with_it() -> None:
    """Rules whose connections end with them have labels that nothing else has; kept connections' have none."""
    rules = tuple(RulePlan(Direction.INGRESS, V4, PortRange(6, port, port), Anywhere()) for port in (22, 80))
    groups = {GROUP: GroupItem(GROUP, stateful=True, rules=rules)}
    first, second = (
        next(iter(port_firewall(replace(_port(number), groups=(GROUP,)), groups).values()))
        for number in (1, 2)
    )
    assert isinstance(first, PfAnchor)
    assert isinstance(second, PfAnchor)
    assert len(first.labels) == len(second.labels) == 6
    assert not first.labels & second.labels
    kept = {GROUP: replace(groups[GROUP], revocation=Revocation.KEEP)}
    (anchor,) = port_firewall(replace(_port(), groups=(GROUP,)), kept).values()
    assert isinstance(anchor, PfAnchor)
    assert not anchor.labels


def test_ids_lead_nowhere_else() -> None:
    """An id that is no plain word becomes a digest: it names no other anchor."""
    hostile = ("../host", "a/b", 'x" quick', "..", "", "a" * 64, "line\nbreak")
    for identity in hostile:
        name = port_anchor(replace(_port(), id=identity).id).name  # type: ignore[arg-type]  # what a caller might do
        assert name.startswith("netwright/ports/")
        assert name.count("/") == 2
        assert name.rpartition("/")[2].isalnum()


def test_members_are_single_addresses() -> None:
    """A group's tables hold the fixed addresses of ports and members, sorted, without lengths."""
    tables = [value for value in firewall_pf(plan()).values() if isinstance(value, PfTable)]
    assert tables == [PfTable(("10.20.0.11",)), PfTable(("fd20::11",))]


def test_a_router_network_has_no_words() -> None:
    """Of a network whose gateway is in a router nothing is written."""
    tenant = next(
        item
        for item in plan()
        if isinstance(item, NetworkItem) and item.id == NetworkId("0f0f0f0f-0000-4000-8000-000000000002")
    )
    assert network_pf(tenant) == translation_pf(tenant, bridge_name(tenant.id), OUTSIDE) == {}


def _port(number: int = 1):
    four, six = sample_subnet("10.20.0.0/24"), sample_subnet("fd20::/64", number=2)
    return sample_port(
        sample_address(four, f"10.20.0.{10 + number}"), sample_address(six, f"fd20::{number}"), number=number
    )


def _rules(group: GroupId, rules: tuple[RulePlan, ...]) -> tuple[object, ...]:
    (anchor,) = port_firewall(
        replace(_port(), groups=(group,)), {group: GroupItem(group, stateful=True, rules=rules)}
    ).values()
    assert isinstance(anchor, PfAnchor)
    return tuple(replace(rule, options="") for rule in parse(anchor.text).rules)
