"""Rules of groups as text, and what they mean, side by side."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from netwright.model.ids import GroupId
from netwright.model.intent import (
    Address,
    AnyProtocol,
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
)
from netwright.model.plan import RulePlan
from netwright.render.firewall_groups import render_rule
from netwright.render.verdicts import Opening, allows

IN, OUT = Direction.INGRESS, Direction.EGRESS
FOUR, SIX = EtherType.IPV4, EtherType.IPV6
GROUP = GroupId("2a000000-0000-4000-8000-000000000000")
MEMBERS = {ip_address("10.0.0.9"), ip_address("fd00::9")}


def rule(
    direction: Direction, ethertype: EtherType, match: Match | None = None, remote: Remote | None = None
) -> RulePlan:
    return RulePlan(direction, ethertype, match or AnyProtocol(), remote or Anywhere())


def near(prefix: str) -> RemotePrefix:
    return RemotePrefix(ip_network(prefix))


TEXTS = [
    (rule(OUT, FOUR), "ether type ip counter accept"),
    (rule(IN, SIX), "ether type ip6 counter accept"),
    (rule(IN, FOUR, PortRange(6, 22, 22)), "ether type ip tcp dport 22 counter accept"),
    (rule(IN, SIX, PortRange(17, 1, 65535)), "ether type ip6 udp dport 1-65535 counter accept"),
    (rule(OUT, FOUR, PortRange(33, 5, 6)), "ether type ip dccp dport 5-6 counter accept"),
    (rule(OUT, FOUR, PortRange(132, 7, 7)), "ether type ip sctp dport 7 counter accept"),
    (rule(OUT, SIX, PortRange(136, 7, 8)), "ether type ip6 udplite dport 7-8 counter accept"),
    (rule(IN, FOUR, IpProtocol(112)), "ether type ip meta l4proto 112 counter accept"),
    (rule(IN, FOUR, Icmp()), "ether type ip meta l4proto 1 counter accept"),
    (rule(IN, SIX, Icmp()), "ether type ip6 meta l4proto 58 counter accept"),
    (rule(IN, FOUR, Icmp(8)), "ether type ip icmp type 8 counter accept"),
    (rule(IN, SIX, Icmp(1, 4)), "ether type ip6 icmpv6 type 1 icmpv6 code 4 counter accept"),
    (rule(IN, FOUR, Icmp(0, 0)), "ether type ip icmp type 0 icmp code 0 counter accept"),
    (rule(IN, FOUR, remote=near("10.0.0.0/8")), "ether type ip ip saddr 10.0.0.0/8 counter accept"),
    (rule(OUT, FOUR, remote=near("10.0.0.1/32")), "ether type ip ip daddr 10.0.0.1 counter accept"),
    (rule(OUT, SIX, remote=near("fd00::/8")), "ether type ip6 ip6 daddr fd00::/8 counter accept"),
    (rule(IN, FOUR, remote=near("0.0.0.0/0")), "ether type ip counter accept"),
    (rule(IN, FOUR, remote=RemoteGroup(GROUP)), f"ether type ip ip saddr @m4-{GROUP} counter accept"),
    (
        rule(OUT, SIX, PortRange(6, 80, 443), RemoteGroup(GROUP)),
        f"ether type ip6 ip6 daddr @m6-{GROUP} tcp dport 80-443 counter accept",
    ),
]


@pytest.mark.parametrize(("what", "text"), TEXTS)
def test_a_rule_is_one_line_of_nft(what: RulePlan, text: str) -> None:
    """Each kind of match, remote and direction has its own words."""
    assert render_rule(what) == text


def opening(remote: str, protocol: int = 6, port: int = 80, icmp: tuple[int, int] = (0, 0)) -> Opening:
    return Opening(IN, ip_address(remote), protocol, port, icmp)


@pytest.mark.parametrize(
    ("what", "begun", "right"),
    [
        (rule(IN, FOUR), opening("10.0.0.1"), True),
        (rule(IN, FOUR), opening("fd00::1"), False),
        (rule(OUT, FOUR), opening("10.0.0.1"), False),
        (rule(IN, FOUR, IpProtocol(6)), opening("10.0.0.1"), True),
        (rule(IN, FOUR, IpProtocol(17)), opening("10.0.0.1"), False),
        (rule(IN, FOUR, PortRange(6, 80, 90)), opening("10.0.0.1", port=80), True),
        (rule(IN, FOUR, PortRange(6, 80, 90)), opening("10.0.0.1", port=90), True),
        (rule(IN, FOUR, PortRange(6, 80, 90)), opening("10.0.0.1", port=91), False),
        (rule(IN, FOUR, PortRange(6, 80, 90)), opening("10.0.0.1", port=79), False),
        (rule(IN, FOUR, PortRange(17, 80, 90)), opening("10.0.0.1", port=85), False),
        (rule(IN, FOUR, Icmp()), opening("10.0.0.1", 1, icmp=(8, 0)), True),
        (rule(IN, SIX, Icmp()), opening("fd00::1", 1, icmp=(8, 0)), False),
        (rule(IN, SIX, Icmp(128)), opening("fd00::1", 58, icmp=(128, 0)), True),
        (rule(IN, FOUR, Icmp(3, 4)), opening("10.0.0.1", 1, icmp=(3, 4)), True),
        (rule(IN, FOUR, Icmp(3, 4)), opening("10.0.0.1", 1, icmp=(3, 0)), False),
        (rule(IN, FOUR, Icmp(0, 0)), opening("10.0.0.1", 1, icmp=(0, 0)), True),
        (rule(IN, FOUR, Icmp(0)), opening("10.0.0.1", 1, icmp=(8, 0)), False),
        (rule(IN, FOUR, remote=near("10.0.0.0/31")), opening("10.0.0.1"), True),
        (rule(IN, FOUR, remote=near("10.0.0.0/31")), opening("10.0.0.2"), False),
        (rule(IN, FOUR, remote=RemoteGroup(GROUP)), opening("10.0.0.9"), True),
        (rule(IN, SIX, remote=RemoteGroup(GROUP)), opening("fd00::9"), True),
        (rule(IN, FOUR, remote=RemoteGroup(GROUP)), opening("10.0.0.8"), False),
    ],
)
def test_a_rule_allows_what_it_says(what: RulePlan, begun: Opening, right: bool) -> None:
    """Direction, EtherType, protocol, ports, type and code, and remote all have to fit."""
    assert allows([what], begun, is_member) is right


def test_any_rule_is_enough_and_none_is_not() -> None:
    """Rules only ever allow: one that fits is enough, whatever the others say."""
    fits, misses = rule(IN, FOUR), rule(IN, SIX)
    assert allows([misses, fits, misses], opening("10.0.0.1"), is_member)
    assert not allows([misses, misses], opening("10.0.0.1"), is_member)
    assert not allows([], opening("10.0.0.1"), is_member)


def is_member(group: GroupId, address: Address) -> bool:
    return group == GROUP and address in MEMBERS
