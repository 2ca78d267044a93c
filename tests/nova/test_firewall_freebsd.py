"""nova's firewall calls on FreeBSD, on a stand-in for pfctl and sysctl (freebsd_host.py), read by a model of pf."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
from asking import rules as control_rules
from nova.clouds import NETWORK, allow, create_group, ingress, instance, vif
from nova.freebsd_host import Anchor, FreeBsdHost
from pf_model import Packet, PfModel
from worlds import world

from netwright.control.rules import RuleRequest
from netwright.control.world import World
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import GroupId, bridge_name, port_link_name
from netwright.model.pf import PfAnchor, PfKey, PfKind, PfTable, PfValue
from netwright.nova.firewall import FirewallOptions, load_driver
from netwright.nova.firewall_freebsd import SYSCTLS, PfFirewallDriver
from netwright.nova.group_source import StoreGroups
from netwright.render.nat_pf import MAIN_RULES

A, B = (vif(number, f"10.31.0.{10 + number}") for number in (1, 2))
BRIDGE = bridge_name(NETWORK)
WEB = Packet(ip_address("198.51.100.7"), ip_address("10.31.0.11"), 6, 40000, 80)


@dataclass
class Cloud:
    host: FreeBsdHost
    world: World
    directory: Path

    def driver(self) -> PfFirewallDriver:
        options = FirewallOptions(self.directory, pause=lambda _: None)
        return PfFirewallDriver(StoreGroups(self.world), options, self.host.run)

    def group(self, name: str, *rules: RuleRequest) -> GroupId:
        return create_group(self.world, name, *rules)

    def allow(self, group: GroupId, *rules: RuleRequest) -> list[str]:
        return allow(self.world, group, *rules)

    def pf(self) -> PfModel:
        """What the host has now, as a packet would meet it."""
        parts: dict[PfKey, PfValue] = {
            PfKey(PfKind.ANCHOR, name): PfAnchor("", anchor.text)
            for name, anchor in self.host.anchors.items()
        }
        tables = {PfKey(PfKind.TABLE, name): PfTable(tuple(held)) for name, held in self.host.tables.items()}
        return PfModel({**parts, **tables})

    def lets_in(self, packet: Packet) -> bool:
        return self.pf().routed(packet, BRIDGE)


@contextmanager
def made(directory: Path) -> Iterator[Cloud]:
    with world() as there:
        yield Cloud(FreeBsdHost(sysctls=dict(SYSCTLS)), there, directory)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with made(tmp_path / "run") as one:
        yield one


def test_an_instance_is_filtered_from_before_it_runs_until_it_is_gone(cloud: Cloud) -> None:
    """First its addresses only, then what its groups say; when it is gone nothing of it is left but a shut door."""
    cloud.group("web", ingress("tcp", 80))
    driver, who = cloud.driver(), instance(1, "web")
    driver.setup_basic_filtering(who, [A])
    assert not cloud.lets_in(WEB)
    driver.prepare_instance_filter(who, [A])
    driver.apply_instance_filter(who, [A])
    assert driver.instance_filter_exists(who, [A])
    assert cloud.lets_in(WEB)
    driver.unfilter_instance(who, [A])
    assert not driver.instance_filter_exists(who, [A])
    assert sorted(cloud.host.anchors) == ["netwright/host"]
    assert not cloud.pf().passes(WEB, port_link_name(A["id"]), "out")  # type: ignore[arg-type]  # a dict's value


def test_a_new_object_goes_on_where_the_last_one_was(cloud: Cloud) -> None:
    """Another process's driver knows the instances, writes nothing that is there, and mends what is not."""
    cloud.group("web", ingress("tcp", 80))
    cloud.driver().prepare_instance_filter(instance(1, "web"), [A])
    written = dict(cloud.host.anchors)
    cloud.host.ran.clear()
    fresh = cloud.driver()
    fresh.setup_basic_filtering(instance(1, "web"), [A])
    assert cloud.host.anchors == written
    assert not [line for line in cloud.host.ran if " -f -" in line]
    name = next(name for name in written if "/ports/" in name)
    for broken in (Anchor("pass quick all\n"), None):
        if broken is None:
            del cloud.host.anchors[name]
        else:
            cloud.host.anchors[name] = broken
        assert not fresh.instance_filter_exists(instance(1, "web"), [A])
        cloud.driver().setup_basic_filtering(instance(1, "web"), [A])
        assert cloud.host.anchors == written


def test_what_nobody_wants_is_swept_and_others_rules_are_not(cloud: Cloud) -> None:
    """Anchors and tables of ours that no instance has go; translation's, and other programs', stay."""
    cloud.host.anchors |= {
        name: Anchor("pass quick all no state label nw-text-old\n")
        for name in ("netwright/ports/old", "netwright/nat/x", "netwright/floating/y", "f2b/ssh")
    }
    cloud.host.tables |= {"nw4-0123456789ab": ["10.0.0.1"], "sshguard": ["192.0.2.9"]}
    cloud.driver().setup_basic_filtering(instance(1), [A])
    assert "netwright/ports/old" not in cloud.host.anchors
    assert {"netwright/nat/x", "netwright/floating/y", "f2b/ssh"} < cloud.host.anchors.keys()
    assert cloud.host.tables == {"sshguard": ["192.0.2.9"]}


def test_a_rule_that_goes_takes_its_connections_along(cloud: Cloud) -> None:
    """When a group's rule is gone the states that it made are ended, and those of other rules are not."""
    group = cloud.group("web", ingress("tcp", 80))
    (ssh,) = cloud.allow(group, ingress("tcp", 22))
    driver = cloud.driver()
    driver.prepare_instance_filter(instance(1, "web"), [A])
    name = next(name for name in cloud.host.anchors if "/ports/" in name)
    before = set(cloud.host.anchors[name].labels)
    control_rules.delete(cloud.world, ssh)
    driver.refresh_security_group_rules(group)
    gone = {label for label in before - set(cloud.host.anchors[name].labels) if "text" not in label}
    assert gone
    assert set(cloud.host.ended) == gone
    assert cloud.lets_in(WEB)


def test_members_come_and_go_in_tables(cloud: Cloud) -> None:
    """Who is in a group that a rule names is in its table; who leaves has no connections left."""
    group = cloud.group("mates")
    cloud.allow(group, ingress(group=group))
    driver = cloud.driver()
    driver.prepare_instance_filter(instance(1, "mates"), [A])
    driver.prepare_instance_filter(instance(2, "mates"), [B])
    (table,) = (name for name in cloud.host.tables if name.startswith("nw4-"))
    assert cloud.host.tables[table] == ["10.31.0.11", "10.31.0.12"]
    mate = Packet(ip_address("10.31.0.12"), ip_address("10.31.0.11"), 6, 40000, 80)
    assert cloud.lets_in(mate)
    driver.unfilter_instance(instance(2, "mates"), [B])
    assert cloud.host.tables[table] == ["10.31.0.11"]
    assert "10.31.0.12" in cloud.host.ended
    assert not cloud.lets_in(mate)


def test_what_is_deferred_is_done_at_the_end(cloud: Cloud) -> None:
    """Between defer_apply_on and off pf is left alone."""
    cloud.group("web", ingress("tcp", 80))
    driver = cloud.driver()
    driver.filter_defer_apply_on()
    driver.prepare_instance_filter(instance(1, "web"), [A])
    assert cloud.host.anchors == {}
    driver.filter_defer_apply_off()
    assert cloud.lets_in(WEB)


def test_a_refusal_leaves_the_door_shut_and_the_plan_kept(cloud: Cloud) -> None:
    """When pfctl refuses, or the caller dies, the interface passes nothing; the next call does what is left."""
    cloud.group("web", ingress("tcp", 80))
    driver = cloud.driver()
    driver.setup_basic_filtering(instance(2, "web"), [B])
    cloud.host.killed_at = lambda line: "-f -" in line and "/ports/" in line
    with pytest.raises(KeyboardInterrupt):
        driver.prepare_instance_filter(instance(1, "web"), [A])
    cloud.host.killed_at = lambda _: False
    assert not cloud.pf().passes(WEB, port_link_name(A["id"]), "out")  # type: ignore[arg-type]  # a dict's value
    cloud.driver().refresh_instance_security_rules(instance(1, "web"))
    assert cloud.lets_in(WEB)


@pytest.mark.parametrize("name", SYSCTLS)
def test_a_host_whose_bridges_pass_pf_by_is_refused(cloud: Cloud, name: str) -> None:
    """Without any one of the switches by which bridges ask pf there is no driver."""
    cloud.host.sysctls[name] = "0"
    with pytest.raises(KernelRefusedError, match=name):
        cloud.driver()


@pytest.mark.parametrize(
    "main",
    [
        "",
        MAIN_RULES.replace('anchor "netwright/ports/*"\n', ""),
        MAIN_RULES.replace("ether block in quick on netwright\n", ""),
        MAIN_RULES.replace('anchor "netwright/host"\n', "").replace(
            'anchor "netwright/ports/*"\n', 'anchor "netwright/host"\nanchor "netwright/ports/*"\n'
        ),
    ],
)
def test_a_main_ruleset_that_does_not_ask_ours_is_refused(cloud: Cloud, main: str) -> None:
    """Where /etc/pf.conf lacks an anchor, or has them in another order, there is no driver; nor where pf is off."""
    cloud.host.main = main
    with pytest.raises(KernelRefusedError, match=r"/etc/pf\.conf"):
        cloud.driver()
    cloud.host.main, cloud.host.enabled = MAIN_RULES, False
    with pytest.raises(KernelRefusedError, match="pf is off"):
        cloud.driver()


@pytest.mark.parametrize("name", ["pf", "netwright.nova.firewall_freebsd.PfFirewallDriver"])
def test_it_is_found_by_name(cloud: Cloud, name: str) -> None:
    """load_driver knows it, and on a host without pf says what is missing."""
    with pytest.raises(KernelRefusedError):
        load_driver(name, StoreGroups(cloud.world), FirewallOptions(cloud.directory))
