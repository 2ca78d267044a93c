"""nova's firewall calls on the real kernel, with real packets, over every engine that there is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from asking import rules as control_rules
from nova.clouds import DRIVERS, Cloud, cloud, ingress, instance, vif

from netwright.model.errors import NotFoundError
from netwright.model.ids import GroupId, RuleId
from netwright.model.plan import GroupItem, MemberItem
from netwright.nova.group_source import StoreGroups
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.namespaces import add_bridge, run
from netwright.testing.wires import Wired, stranger

A, B, C = (vif(number, f"10.31.0.{10 + number}", f"fd31::{10 + number}") for number in (1, 2, 3))


@pytest.fixture(params=DRIVERS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path / "run", request.param) as made:
        yield made


def udp(guests: Wired, sender: int, receiver: int, port: int, version: int = 4) -> bool:
    """Whether a datagram from one guest to a port of another's arrives."""
    ends = guests.end(sender, version), guests.end(receiver, version)
    return guests.arrives(sender, receiver, frames.udp(*ends, (4000 + port, port), b"probe"))


def test_basic_filtering_closes_the_instance_before_any_group_is_known(host: Cloud) -> None:
    """Nothing that a group would have to allow passes, in or out; ARP does."""
    driver, who = host.driver(), instance(1, "default")
    host.plug(A, B)
    guests = host.wired((who, A), (instance(2), B))
    driver.setup_basic_filtering(who, [A])
    assert not udp(guests, 0, 1, 53)
    assert not udp(guests, 1, 0, 53)
    near, far = guests.end(0), guests.end(1)
    assert guests.arrives(0, 1, frames.arp(near.mac, 2, near, far))
    assert driver.instance_filter_exists(who, [A])


def test_a_bridge_is_called_as_its_network_says(host: Cloud) -> None:
    """On br100, as nova called bridges, groups say what passes as they do on any other."""
    add_bridge(host.host, "br100")
    host.group("web", ingress("udp", 53))
    on_it = [{**one, "network": {**one["network"], "bridge": "br100"}} for one in (A, B)]
    driver, who, other = host.driver(), instance(1, "web"), instance(2, "web")
    host.plug(*on_it)
    guests = host.wired((who, on_it[0]), (other, on_it[1]))
    for one, interface in ((who, on_it[0]), (other, on_it[1])):
        driver.setup_basic_filtering(one, [interface])
        driver.prepare_instance_filter(one, [interface])
        assert driver.instance_filter_exists(one, [interface])
    assert udp(guests, 1, 0, 53)
    assert not udp(guests, 1, 0, 54)
    near, far = guests.end(0), guests.end(1)
    stolen = replace(far, address=near.address)
    assert not guests.arrives(1, 0, frames.udp(stolen, near, (5000, 53), b"probe"))


def test_a_prepared_instance_gets_what_its_groups_allow(host: Cloud) -> None:
    """TCP, UDP and ICMP rules by port and type, IPv4 and IPv6, and nothing else; answers come back."""
    host.group(
        "web",
        ingress("udp", 53),
        ingress("tcp", 80),
        ingress("udp", 53, version=6),
        ingress("icmp", 8),
        ingress("icmpv6", 128, version=6),
    )
    driver, who, other = host.driver(), instance(1, "web"), instance(2, "web")
    host.plug(A, B)
    guests = host.wired((who, A), (other, B))
    for one, interface in ((who, A), (other, B)):
        driver.setup_basic_filtering(one, [interface])
        driver.prepare_instance_filter(one, [interface])
        driver.apply_instance_filter(one, [interface])
        assert driver.instance_filter_exists(one, [interface])
    for version in (4, 6):
        assert udp(guests, 1, 0, 53, version)
        assert not udp(guests, 1, 0, 54, version)
    near, far = guests.end(0), guests.end(1)
    assert guests.arrives(1, 0, frames.tcp(far, near, (5000, 80)))
    assert not guests.arrives(1, 0, frames.tcp(far, near, (5000, 81)))
    assert guests.arrives(0, 1, frames.tcp(near, far, (80, 5000), frames.SYN_ACK))
    assert guests.arrives(1, 0, frames.icmp(far, near, 8, rest=b"\0\x01\0\x01"))
    assert not guests.arrives(1, 0, frames.icmp(far, near, 13, rest=b"\0\x01\0\x01" + bytes(12)))
    near6, far6 = guests.end(0, 6), guests.end(1, 6)
    assert guests.arrives(1, 0, frames.icmp(far6, near6, 128, rest=b"\0\x01\0\x01"))
    # Of old an ICMPv6 rule ignored its type: any would have passed.
    assert not guests.arrives(1, 0, frames.icmp(far6, near6, 139, rest=bytes(4)))


def test_an_instance_sends_only_as_itself(host: Cloud) -> None:
    """Another's address, another's MAC, and answers as a DHCP server are dropped; its own leave."""
    driver, who = host.driver(), instance(1, "default")
    host.plug(A, B)
    guests = host.wired((who, A), (instance(2), B))
    driver.prepare_instance_filter(who, [A])
    near, far = guests.end(0), guests.end(1)
    assert guests.arrives(0, 1, frames.udp(near, far, (7, 7), b"x"))
    assert not guests.arrives(0, 1, frames.udp(End(near.mac, far.address + 7), far, (7, 7), b"x"))
    assert not guests.arrives(0, 1, frames.udp(End(stranger(1), near.address), far, (7, 7), b"x"))
    assert not guests.arrives(0, 1, frames.udp(near, far, (67, 68), b"x"))


def test_the_dhcp_server_is_heard_whatever_the_groups_say(host: Cloud) -> None:
    """An offer from the network's server reaches the guest, and the guest's request leaves."""
    host.group("closed")
    driver, who = host.driver(), instance(1, "closed")
    host.plug(A, B)
    guests = host.wired((who, A), (instance(2), B))
    driver.prepare_instance_filter(who, [A])
    near, far = guests.end(0), guests.end(1)
    assert guests.arrives(1, 0, frames.udp(far, near, (67, 68), b"offer"))
    assert not udp(guests, 1, 0, 69)


@pytest.mark.parametrize("same_net", [True, False])
def test_guests_of_a_network_talk_to_each_other_if_told_so(host: Cloud, same_net: bool) -> None:
    """allow_same_net_traffic opens the network's own addresses, both ways and both versions, and no others."""
    host.group("closed")
    driver = host.driver(same_net=same_net)
    host.plug(A, B)
    guests = host.wired((instance(1), A), (instance(2), B))
    for number, interface in ((1, A), (2, B)):
        driver.prepare_instance_filter(instance(number, "closed"), [interface])
    for version in (4, 6):
        assert udp(guests, 0, 1, 9, version) is same_net
        assert udp(guests, 1, 0, 9, version) is same_net
    driver.refresh_instance_security_rules(instance(1, "closed"))
    assert udp(guests, 1, 0, 10) is same_net


def test_five_interfaces_with_three_addresses_each_are_all_filtered(host: Cloud) -> None:
    """Two IPv4 addresses and an IPv6 one on each of five NICs: each is reached, and sends, as itself alone."""
    host.group("web", ingress("udp", 53), ingress("udp", 53, version=6))
    nics = [
        vif(
            number,
            f"10.31.{number}.2",
            f"10.32.{number}.3",
            f"fd31:0:0:{number}::2",
        )
        for number in range(1, 6)
    ]
    far = vif(9, "10.31.9.2", "fd31:0:0:9::2")
    driver, who = host.driver(), instance(1, "web")
    host.plug(*nics, far)
    guests = host.wired(*((who, nic) for nic in nics), (instance(9), far))
    driver.setup_basic_filtering(who, nics)
    driver.prepare_instance_filter(who, nics)
    assert driver.instance_filter_exists(who, nics)
    for number, port in enumerate(guests.ports[:5]):
        for held in port.addresses:
            near = End(port.mac, held.address)
            outside = guests.end(5, held.address.version)
            assert guests.arrives(5, number, frames.udp(outside, near, (4000, 53), b"in"))
            assert not guests.arrives(5, number, frames.udp(outside, near, (4000, 54), b"in"))
            assert guests.arrives(number, 5, frames.udp(near, outside, (7, 7), b"out"))
            other = End(port.mac, guests.ports[(number + 1) % 5].addresses[0].address)
            assert not guests.arrives(number, 5, frames.udp(other, guests.end(5), (7, 7), b"out"))
    driver.unfilter_instance(who, nics)
    assert not driver.instance_filter_exists(who, nics)


def test_unfiltering_removes_exactly_what_preparing_made(host: Cloud) -> None:
    """The rule set is byte for byte that of before, strangers' rules in it and another instance's among them."""
    web = host.group("web", ingress("udp", 53))
    host.group("db", ingress("udp", 5432, group=web))
    driver = host.driver()
    host.plug(A, B, C)
    run(host.host, ["nft", "add", "table", "inet", "stranger"])
    run(host.host, ["iptables-legacy", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"])
    driver.prepare_instance_filter(instance(3, "web"), [C])
    before = host.ruleset()
    driver.setup_basic_filtering(instance(1, "db"), [A])
    driver.prepare_instance_filter(instance(1, "db"), [A])
    driver.prepare_instance_filter(instance(2, "web", "db"), [B])
    assert host.ruleset() != before
    assert driver.instance_filter_exists(instance(3, "web"), [C])
    for number, interface in ((1, A), (2, B)):
        driver.unfilter_instance(instance(number, "web", "db"), [interface])
        assert not driver.instance_filter_exists(instance(number), [interface])
    assert host.ruleset() == before
    guests = host.wired((instance(1), A), (instance(3), C))
    assert udp(guests, 0, 1, 53)
    assert not udp(guests, 0, 1, 54)


def test_unfiltering_what_is_not_filtered_is_only_a_line_in_the_log(host: Cloud) -> None:
    """It changes nothing and raises nothing, once or again."""
    host.group("web")
    driver = host.driver()
    host.plug(A)
    driver.unfilter_instance(instance(1, "web"), [A])
    driver.prepare_instance_filter(instance(1, "web"), [A])
    driver.unfilter_instance(instance(1, "web"), [A])
    before = host.ruleset()
    driver.unfilter_instance(instance(1, "web"), [A])
    assert host.ruleset() == before


def test_a_restarted_driver_goes_on_where_the_last_one_was(host: Cloud) -> None:
    """A fresh object writes nothing by itself, knows what is filtered, and unfilters it to the last rule."""
    host.group("web", ingress("udp", 53))
    host.plug(A, B, C)
    first = host.driver()
    first.prepare_instance_filter(instance(3, "web"), [C])
    before = host.ruleset()
    first.prepare_instance_filter(instance(1, "web"), [A])
    first.setup_basic_filtering(instance(2, "web"), [B])
    first.close()
    there = host.ruleset()

    second = host.driver()
    assert second.instance_filter_exists(instance(1, "web"), [A])
    assert second.instance_filter_exists(instance(2, "web"), [B])
    assert host.ruleset() == there
    guests = host.wired((instance(1), A), (instance(2), B), (instance(3), C))
    second.setup_basic_filtering(instance(1, "web"), [A])
    assert udp(guests, 2, 0, 53), "setting up again must not close what is open"
    second.prepare_instance_filter(instance(2, "web"), [B])
    assert udp(guests, 2, 1, 53)
    second.unfilter_instance(instance(1, "web"), [A])
    second.unfilter_instance(instance(2, "web"), [B])
    assert host.ruleset() == before


def test_two_drivers_at_once_do_not_undo_each_others_work(host: Cloud) -> None:
    """As nova-compute and another service on one host: what one prepares the other keeps."""
    host.group("web", ingress("udp", 53))
    host.plug(A, B)
    one, two = host.driver(), host.driver()
    one.prepare_instance_filter(instance(1, "web"), [A])
    two.prepare_instance_filter(instance(2, "web"), [B])
    one.refresh_instance_security_rules(instance(1, "web"))
    for driver in (one, two):
        assert driver.instance_filter_exists(instance(1, "web"), [A])
        assert driver.instance_filter_exists(instance(2, "web"), [B])
    two.unfilter_instance(instance(1, "web"), [A])
    assert not one.instance_filter_exists(instance(1, "web"), [A])


def test_what_vanished_is_noticed_and_put_back(host: Cloud) -> None:
    """After a stranger's flush the filter does not exist, and setting it up again brings all of it."""
    host.group("web", ingress("udp", 53))
    host.plug(A, B)
    driver = host.driver()
    driver.prepare_instance_filter(instance(1, "web"), [A])
    driver.prepare_instance_filter(instance(2, "web"), [B])
    flush(host)
    assert not driver.instance_filter_exists(instance(1, "web"), [A])
    for number, interface in ((1, A), (2, B)):
        driver.setup_basic_filtering(instance(number, "web"), [interface])
        assert driver.instance_filter_exists(instance(number, "web"), [interface])
    guests = host.wired((instance(1), A), (instance(2), B))
    assert udp(guests, 1, 0, 53)
    assert not udp(guests, 1, 0, 54)


def flush(host: Cloud) -> None:
    """As an administrator does who has had enough."""
    run(host.host, ["nft", "flush", "ruleset"])
    for family in ("iptables-legacy", "ip6tables-legacy"):
        for table in ("filter", "mangle", "raw", "nat"):
            run(host.host, [family, "-t", table, "-F"], check=False)


def test_a_groups_rules_follow_when_refreshed(host: Cloud) -> None:
    """New rules open, revoked ones close, for all instances in the group, and only its chains change."""
    web, other = host.group("web", ingress("udp", 53)), host.group("other", ingress("udp", 99))
    host.plug(A, B)
    driver = host.driver()
    driver.prepare_instance_filter(instance(1, "web"), [A])
    driver.prepare_instance_filter(instance(2, "other"), [B])
    guests = host.wired((instance(1), A), (instance(2), B))
    assert not udp(guests, 1, 0, 80)
    (rule,) = host.allow(web, ingress("udp", 80))
    driver.refresh_security_group_rules(web)
    assert udp(guests, 1, 0, 80)
    assert udp(guests, 1, 0, 53)
    control_rules.delete(host.world, RuleId(rule))
    driver.refresh_security_group_rules(web)
    assert not udp(guests, 1, 0, 80)
    assert udp(guests, 0, 1, 99)
    before = host.ruleset()
    driver.refresh_security_group_rules(other)
    assert host.ruleset() == before


def test_a_refresh_brings_no_instance_back(host: Cloud) -> None:
    """Groups, members and instances that are refreshed after the instance went add nothing."""
    web = host.group("web", ingress("udp", 53))
    host.plug(A)
    driver = host.driver()
    driver.setup_basic_filtering(instance(1, "web"), [A])
    driver.unfilter_instance(instance(1, "web"), [A])
    before = host.ruleset()
    host.allow(web, ingress("udp", 80))
    driver.refresh_security_group_rules(web)
    driver.refresh_security_group_members(web)
    driver.refresh_instance_security_rules(instance(1, "web"))
    assert host.ruleset() == before
    assert not driver.instance_filter_exists(instance(1, "web"), [A])


def test_an_instances_groups_follow_when_refreshed(host: Cloud) -> None:
    """What only the old group allowed closes, what the new one allows opens."""
    host.group("web", ingress("udp", 53))
    host.group("db", ingress("udp", 99))
    host.plug(A, B)
    driver = host.driver()
    driver.prepare_instance_filter(instance(1, "web"), [A])
    guests = host.wired((instance(1), A), (instance(2), B))
    driver.refresh_instance_security_rules(instance(1, "db"))
    assert udp(guests, 1, 0, 99)
    assert not udp(guests, 1, 0, 53)


class Counted:
    """Groups from the store, and members that a test says; counts what it is asked for."""

    def __init__(self, groups: StoreGroups) -> None:
        self.inner, self.elsewhere, self.asked = groups, (), 0
        self.elsewhere: tuple[MemberItem, ...]

    def find(self, project: str, references: Sequence[str]) -> tuple[GroupItem, ...]:
        self.asked += 1
        return self.inner.find(project, references)

    def get(self, group: GroupId) -> GroupItem | None:
        self.asked += 1
        return self.inner.get(group)

    def members(self, groups: Collection[GroupId]) -> tuple[MemberItem, ...]:
        return (
            *self.inner.members(groups),
            *(one for one in self.elsewhere if set(one.groups) & set(groups)),
        )


def test_members_come_and_go_without_a_rule_being_written(host: Cloud) -> None:
    """A refresh of members reads no rules; the new member gets through, the old one no more."""
    web = host.group("web")
    host.group("db", ingress("udp", 5432, group=web))
    source = Counted(StoreGroups(host.world))
    host.plug(A, B)
    driver = host.driver(groups=source)
    driver.prepare_instance_filter(instance(1, "db"), [A])
    guests = host.wired((instance(1), A), (instance(2), B))
    assert not udp(guests, 1, 0, 5432)
    source.asked = 0
    far = guests.ports[1]
    source.elsewhere = (MemberItem(far.id, (web,), far.prefixes),)
    driver.refresh_security_group_members(web)
    assert udp(guests, 1, 0, 5432)
    source.elsewhere = ()
    driver.refresh_security_group_members(web)
    assert not udp(guests, 1, 0, 5433)
    assert source.asked == 0


def test_instances_here_are_members_of_their_groups_at_once(host: Cloud) -> None:
    """A rule that names a group lets its instances on this host in, over IPv6 too, from when they are prepared."""
    web = host.group("web")
    host.group("db", ingress("udp", 5432, group=web), ingress("udp", 5432, version=6, group=web))
    host.plug(A, B, C)
    driver = host.driver()
    driver.prepare_instance_filter(instance(1, "db"), [A])
    driver.prepare_instance_filter(instance(2, "web"), [B])
    guests = host.wired((instance(1), A), (instance(2), B), (instance(3), C))
    for version in (4, 6):
        assert udp(guests, 1, 0, 5432, version)
        assert not udp(guests, 2, 0, 5432, version)
    driver.unfilter_instance(instance(2, "web"), [B])
    assert not udp(guests, 1, 0, 5434)
    driver.refresh_security_group_members(web)
    assert not udp(guests, 1, 0, 5435)


def test_deferred_changes_are_made_together(host: Cloud) -> None:
    """Between on and off the kernel stays as it is; then all is there."""
    host.group("web", ingress("udp", 53))
    host.plug(A, B)
    driver = host.driver()
    driver.setup_basic_filtering(instance(9), [])
    before = host.ruleset()
    driver.filter_defer_apply_on()
    for number, interface in ((1, A), (2, B)):
        driver.setup_basic_filtering(instance(number, "web"), [interface])
        driver.prepare_instance_filter(instance(number, "web"), [interface])
    assert host.ruleset() == before
    assert not driver.instance_filter_exists(instance(1, "web"), [A])
    driver.filter_defer_apply_off()
    assert driver.instance_filter_exists(instance(1, "web"), [A])
    assert driver.instance_filter_exists(instance(2, "web"), [B])


def test_an_instance_of_an_unknown_group_is_not_let_loose(host: Cloud) -> None:
    """Preparing it fails, and what basic filtering closed stays closed."""
    host.plug(A, B)
    driver = host.driver()
    driver.setup_basic_filtering(instance(1, "nowhere"), [A])
    with pytest.raises(NotFoundError):
        driver.prepare_instance_filter(instance(1, "nowhere"), [A])
    guests = host.wired((instance(1), A), (instance(2), B))
    assert not udp(guests, 1, 0, 53)
    assert not udp(guests, 0, 1, 53)
