"""Bringing a nova-network deployment: a generated database of its schema, its odd rows, and doing it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import sqlalchemy as sa
from asking import floating_ips, groups, ports
from nova.managers import ADMIN
from nova.old_nova import (
    FIXED_IPS,
    FLOATING_IPS,
    GROUPS,
    INSTANCES,
    MEMBERS,
    NETWORKS,
    RULES,
    VIFS,
    OldNova,
    old_nova,
    sample,
    uuid,
)
from worlds import world

from netwright.control import classic_networks, plans
from netwright.control.world import World
from netwright.model.errors import InvalidError
from netwright.model.intent import Direction, EtherType, Icmp, IpProtocol, PortRange, RemoteGroup, VmmTap
from netwright.nova.import_nova import State, Step, bring
from netwright.nova.import_read import old_database
from netwright.nova.manager import VlanManager
from netwright.nova.options import NetworkOptions

OPTIONS = NetworkOptions(host="h1", my_ip="192.0.2.1")


@contextmanager
def both(*missing: str) -> Iterator[tuple[OldNova, World]]:
    with old_nova(*missing) as old, world() as here:
        yield old, here


def brought(old: OldNova, here: World, *, apply: bool = True) -> list[Step]:
    with old_database(old.url) as opened:
        return bring(here, opened, OPTIONS, apply=apply)


def refused(steps: list[Step]) -> dict[tuple[str, str], str]:
    return {(one.table, one.id): one.why for one in steps if one.state is State.REFUSED}


def dump(here: World) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the store but stamps."""
    with here.look() as connection:
        tables = sa.inspect(connection).get_table_names()
        return {
            name: sorted(map(str, connection.execute(sa.text(f"SELECT * FROM {name}"))))  # noqa: S608
            for name in tables
        }


def test_a_deployment_is_brought_whole() -> None:
    """Networks, interfaces, fixed and floating IPs keep their ids, addresses, owners and hosts."""
    with both() as (old, here):
        sample(old)
        steps = brought(old, here)
        assert refused(steps) == {}
        manager = VlanManager(here, options=OPTIONS)
        flat, vlan, multi = manager.get_all_networks(ADMIN)
        assert (flat.uuid, flat.label, str(flat.cidr), str(flat.cidr_v6)) == (
            uuid(9001), "net1", "10.0.0.0/24", "fd00:1::/64",
        )  # fmt: skip
        assert (flat.id, flat.bridge, flat.bridge_interface, str(flat.gateway)) == (
            1,
            "br101",
            "eth1",
            "10.0.0.1",
        )
        assert (vlan.vlan, vlan.project_id, vlan.host, str(vlan.vpn_private_address), vlan.vpn_public_port) == (
            102, "bob", "h2", "10.0.1.2", 1000,
        )  # fmt: skip
        assert multi.multi_host
        port = ports.get(here, manager.get_vifs_by_instance(ADMIN, uuid(1))[0].uuid).value
        assert (port.id, port.mac, port.device_id, port.host, port.attachment) == (
            uuid(5001), "fa:16:3e:00:00:01", uuid(1), "h1", VmmTap(),
        )  # fmt: skip
        four = [str(fixed.address) for fixed in port.fixed_ips if fixed.address.version == 4]
        assert four == ["10.0.0.7", "10.0.0.8"]
        assert any(str(fixed.address).startswith("fd00:1::") for fixed in port.fixed_ips)
        leased = manager.get_fixed_ip_by_address(ADMIN, "10.0.0.7")
        assert (leased.allocated, leased.leased, leased.instance_uuid) == (True, True, uuid(1))
        waiting = manager.get_fixed_ip_by_address(ADMIN, "10.0.0.20")
        assert (waiting.allocated, waiting.leased, waiting.instance_uuid) == (False, True, uuid(1))
        assert manager.get_fixed_ip_by_address(ADMIN, "10.0.2.3").host == "h1"
        for reserved in ("10.0.0.0", "10.0.0.1", "10.0.0.50", "10.0.0.255", "10.0.1.2"):
            assert manager.get_fixed_ip_by_address(ADMIN, reserved).reserved
        found = manager.get_floating_ip_by_address(ADMIN, "203.0.113.3")
        assert (found.project_id, str(found.fixed_address), found.instance_uuid, found.pool, found.interface) == (
            "alice", "10.0.0.7", uuid(1), "pub", "eth0",
        )  # fmt: skip
        assert manager.get_floating_ip_by_address(ADMIN, "203.0.113.5").auto_assigned
        assert manager.get_floating_ip_by_address(ADMIN, "203.0.113.4").fixed_address is None
        assert manager.get_floating_ip_by_address(ADMIN, "203.0.113.14").project_id is None
        assert manager.get_floating_ip_pools(ADMIN) == ["pub"]


def test_security_groups_let_in_what_they_let_in() -> None:
    """Rules are the same in both families where nova made no difference; a default group that nova had is as
    closed as nova's, and instances are in the groups that they were in."""
    with both() as (old, here):
        sample(old)
        brought(old, here)
        found = {record.value.name: record.value for record in groups.find(here, {"project_id": ("alice",)})}
        web, default = found["web"], found["default"]
        into = {
            name: {
                (rule.ethertype, rule.match, type(rule.remote))
                for rule in group.rules
                if rule.direction is Direction.INGRESS
            }
            for name, group in found.items()
        }
        assert {one[:2] for one in into["web"]} == {
            (EtherType.IPV4, PortRange(6, 80, 443)),
            (EtherType.IPV6, Icmp()),
        }
        assert into["default"] == {(kind, IpProtocol(17), RemoteGroup) for kind in EtherType}
        assert web.description == "Web servers"
        by_instance = {
            record.value.device_id: record.value.security_groups
            for record in ports.find(here, {})
            if record.value.device_id
        }
        assert by_instance == {uuid(1): (web.id,), uuid(2): (default.id,), uuid(3): ()}


def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    """Without apply the steps are those of the real run, and the store and its generation stay as they were."""
    with both() as (old, here):
        sample(old)
        before, generation = dump(here), plans.generation(here)
        tried = brought(old, here, apply=False)
        assert (dump(here), plans.generation(here)) == (before, generation)
        assert brought(old, here) == tried
        assert Counter(one.state for one in tried)[State.MADE] == len(tried)


def test_a_second_run_changes_nothing() -> None:
    """What was brought is there: no step makes anything, and the store and its generation stay the same."""
    with both() as (old, here):
        sample(old)
        brought(old, here)
        before, generation = dump(here), plans.generation(here)
        again = brought(old, here)
        assert {one.state for one in again} == {State.THERE}
        assert (dump(here), plans.generation(here)) == (before, generation)


def test_what_came_later_is_brought_by_a_later_run() -> None:
    """An instance, a floating IP and an association that are new in the old database are all that is made."""
    with both() as (old, here):
        rows = sample(old)
        brought(old, here)
        old.instance(4, rows["flat"], "10.0.0.30")
        old.add(FLOATING_IPS, address="203.0.113.15", pool="pub", interface="eth0")
        old.change(FLOATING_IPS, 6, project_id="alice", fixed_ip_id=old.fixed["10.0.0.30"])
        made = [(one.table, one.what) for one in brought(old, here) if one.state is State.MADE]
        assert made == [
            ("virtual_interfaces", "fa:16:3e:00:00:04"),
            ("fixed_ips", "10.0.0.30"),
            ("floating_ips", "203.0.113.6"),
            ("floating_ips", "203.0.113.15"),
        ]


def test_deleted_rows_are_passed_over() -> None:
    """A row whose `deleted` is not 0 is neither brought nor named, whatever is in it."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/28")
        for table, values in {
            NETWORKS: {"uuid": "\n", "label": "gone"},
            VIFS: {"address": "x", "instance_uuid": "y"},
            INSTANCES: {"uuid": "z"},
            GROUPS: {"name": "gone"},
            FLOATING_IPS: {"address": "gone"},
        }.items():
            identity = old.add(table, **values)
            old.change(table, identity, deleted=identity)
        steps = brought(old, here)
        assert [(one.table, one.id, one.state) for one in steps] == [("networks", str(network), State.MADE)]


HOSTILE = "a\nb; rm -rf /"


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (NETWORKS, {"uuid": "nonsense", "label": "x", "cidr": "10.9.0.0/24"}),
        (NETWORKS, {"uuid": uuid(1), "label": HOSTILE, "cidr": "10.9.0.0/24"}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/240"}),
        (NETWORKS, {"uuid": uuid(1), "label": "x"}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "bridge": HOSTILE}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "gateway": "10.9.9.9", "dhcp_server": "10.9.9.9"}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "vlan": 5000}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "host": HOSTILE}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.0.0.0/25", "gateway": "10.0.0.1"}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "vpn_public_port": 99999}),
        (NETWORKS, {"uuid": uuid(1), "label": "x", "cidr": "10.9.0.0/24", "priority": 10**15}),
        (GROUPS, {"name": HOSTILE, "project_id": "alice"}),
        (GROUPS, {"name": "x"}),
        (RULES, {"parent_group_id": 77, "protocol": "tcp", "cidr": "0.0.0.0/0"}),
        (RULES, {"parent_group_id": 1, "protocol": HOSTILE, "cidr": "0.0.0.0/0"}),
        (RULES, {"parent_group_id": 1, "protocol": "tcp", "from_port": 9, "to_port": 1, "cidr": "0.0.0.0/0"}),
        (RULES, {"parent_group_id": 1, "protocol": "tcp", "cidr": "10.0.0.5/0"}),
        (RULES, {"parent_group_id": 1, "protocol": "tcp", "cidr": HOSTILE}),
        (RULES, {"parent_group_id": 1, "protocol": "tcp", "cidr": "fd00::%x accept/64"}),
        (VIFS, {"uuid": "x", "address": "fa:16:3e:99:00:01", "network_id": 1, "instance_uuid": uuid(1)}),
        (VIFS, {"uuid": uuid(1), "address": HOSTILE, "network_id": 1, "instance_uuid": uuid(1)}),
        (VIFS, {"uuid": uuid(1), "address": "fa:16:3e:99:00:01", "network_id": 77, "instance_uuid": uuid(1)}),
        (VIFS, {"uuid": uuid(1), "address": "fa:16:3e:99:00:01", "network_id": 1, "instance_uuid": uuid(77)}),
        (FIXED_IPS, {"address": HOSTILE, "network_id": 1}),
        (FIXED_IPS, {"address": "10.7.0.1", "network_id": 1, "allocated": True, "instance_uuid": uuid(1), "virtual_interface_id": 1}),
        (FIXED_IPS, {"address": "10.0.0.99", "network_id": 1, "host": HOSTILE}),
        (INSTANCES, {"uuid": HOSTILE, "project_id": "alice"}),
        (INSTANCES, {"uuid": uuid(55), "project_id": "alice", "host": "../../etc"}),
        (FLOATING_IPS, {"address": HOSTILE, "pool": "pub"}),
        (FLOATING_IPS, {"address": "fd00::1", "pool": "pub"}),
        (FLOATING_IPS, {"address": "198.51.100.1", "pool": HOSTILE, "interface": "eth0"}),
        (FLOATING_IPS, {"address": "198.51.100.1", "pool": "pub", "interface": HOSTILE}),
        (FLOATING_IPS, {"address": "198.51.100.1", "pool": "pub", "interface": "eth0", "fixed_ip_id": 99999}),
        (FLOATING_IPS, {"address": "198.51.100.1", "pool": "pub", "interface": "eth0", "project_id": HOSTILE}),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_named_and_stops_nothing(table: sa.Table, values: dict[str, object]) -> None:
    """Hostile and impossible rows are refused by table and id with a reason; all the others are brought."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/26")
        old.add(GROUPS, name="good", project_id="alice")
        old.instance(1, network, "10.0.0.7")
        old.add(FLOATING_IPS, address="203.0.113.1", pool="pub", interface="eth0")
        identity = old.add(table, **values)
        steps = brought(old, here)
        ((where, why),) = refused(steps).items()
        assert where == (table.name, str(identity))
        assert why
        good = {one.table for one in steps if one.state is State.MADE}
        assert good >= {"networks", "virtual_interfaces", "fixed_ips", "security_groups", "floating_ips"}


def test_odd_names_do_not_keep_an_instance_out() -> None:
    """A display name of control characters is left out, and a host name becomes a label."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/28")
        old.instance(1, network, "10.0.0.7", display_name="\x1b[2J", hostname="Web_1.Example")
        assert refused(brought(old, here)) == {}
        (port,) = ports.find(here, {"device_id": (uuid(1),)})
        assert port.value.name == ""
        assert port.value.dns_name


def test_addresses_with_many_holes_are_given_out_as_before() -> None:
    """A network of which every second address is reserved gives out the others, and none of those."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/24")
        for number in range(3, 255, 2):
            old.change(FIXED_IPS, old.fixed[f"10.0.0.{number}"], reserved=True)
        assert refused(brought(old, here)) == {}
        del network
        manager = VlanManager(here, options=replace(OPTIONS))
        free = [
            number
            for number in range(256)
            if not manager.get_fixed_ip_by_address(ADMIN, f"10.0.0.{number}").reserved
        ]
        assert free == list(range(2, 255, 2))


def test_an_older_schema_is_read() -> None:
    """Columns and tables that an older release did not have are no hindrance; no network table is refused."""
    with both("security_groups", "security_group_rules", "security_group_instance_association") as (
        old,
        here,
    ):
        network = old.network(1, "10.0.0.0/28")
        old.instance(1, network, "10.0.0.7")
        with old.engine.begin() as connection:
            for column in ("mtu", "dhcp_server", "enable_dhcp", "share_address"):
                connection.execute(sa.text(f"ALTER TABLE networks DROP COLUMN {column}"))
        assert refused(brought(old, here)) == {}
        (record,) = classic_networks.find(here, {})
        assert (record.classic.dhcp_server, record.classic.enable_dhcp) == (IPv4Address("10.0.0.1"), True)
    with old_nova("networks") as other, pytest.raises(InvalidError), old_database(other.url):
        pass


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle9://x", "sqlite:///{0}/none.db", "sqlite:///{0}", "sqlite://", ""]
)
def test_a_database_that_is_not_there_is_bad_input(url: str, tmp_path: Path) -> None:
    """A URL without a driver, or of nothing, is an InvalidError, and no file is made."""
    with pytest.raises(InvalidError), old_database(url.format(tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_bad_input(tmp_path: Path) -> None:
    """What SQLite does not take for one is an InvalidError that says so."""
    path = tmp_path / "nova.db"
    path.write_text("no database\n" * 100)
    with pytest.raises(InvalidError, match="not a database"), old_database(f"sqlite:///{path}"):
        pass


def test_a_lease_file_names_only_interfaces() -> None:
    """An address that waits, whose interface nova had forgotten, is kept from others and is in no lease file."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/28")
        old.instance(1, network, "10.0.0.7")
        old.change(FIXED_IPS, old.fixed["10.0.0.8"], instance_uuid=uuid(1), leased=True)
        brought(old, here)
        manager = VlanManager(here)
        assert manager.get_fixed_ip_by_address(ADMIN, "10.0.0.8").leased
        assert "10.0.0.8" not in manager.get_dhcp_leases(ADMIN, {"id": network})


def test_nothing_is_written_to_the_old_database() -> None:
    """Its file is the same, byte for byte, after it was brought."""
    with both() as (old, here):
        sample(old)
        path = Path(old.url.removeprefix("sqlite:///"))
        before = path.read_bytes()
        brought(old, here)
        assert path.read_bytes() == before


def test_a_floating_ip_that_the_store_gave_to_another_is_refused() -> None:
    """A pool's address that is another project's in the store by now stays that project's."""
    with both() as (old, here):
        old.add(FLOATING_IPS, address="203.0.113.1", pool="pub", interface="eth0", project_id="alice")
        old.network(1, "10.0.0.0/28")
        brought(old, here)
        manager = VlanManager(here, options=OPTIONS)
        manager.deallocate_floating_ip(ADMIN, "203.0.113.1")
        manager.allocate_floating_ip(ADMIN, "bob", pool="pub")
        assert list(refused(brought(old, here))) == [("floating_ips", "1")]
        (record,) = floating_ips.find(here, {})
        assert record.value.project_id == "bob"


def test_members_of_unknown_groups_are_no_members() -> None:
    """An association with a group that was not brought leaves the instance without it, and lets nothing in."""
    with both() as (old, here):
        network = old.network(1, "10.0.0.0/28")
        old.add(MEMBERS, security_group_id=99, instance_uuid=uuid(1))
        old.instance(1, network, "10.0.0.7")
        assert refused(brought(old, here)) == {}
        (port,) = ports.find(here, {"device_id": (uuid(1),)})
        assert port.value.security_groups == ()
