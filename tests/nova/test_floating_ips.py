"""Floating IPs by nova's calls: pools, projects, instances, quotas, notifications, migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest
from asking import floating_ips as api_floating_ips
from asking import networks
from nova.managers import ADMIN, ALICE, BOB, addresses, boot, flat, flat_dhcp, uuid, world_of
from structlog.testing import capture_logs

from netwright.control import plans, quotas
from netwright.control.floating_ips import FloatingIpRequest
from netwright.model.errors import InvalidError
from netwright.model.ids import HostName
from netwright.model.plan import FloatingIpItem
from netwright.nova import exception
from netwright.nova.floating_ips import FloatingIP, LocalManager
from netwright.nova.manager import FlatDHCPManager, VlanManager
from netwright.nova.notifications import log_notification
from netwright.store import hosts
from netwright.store.changes import generation

RANGE = "203.0.113.0/28"
OTHER = "h2"


class Heard(list[tuple[str, Mapping[str, object]]]):
    """A notifier that keeps what it is told."""

    def __call__(self, event: str, payload: Mapping[str, object]) -> None:
        self.append((event, payload))

    @property
    def events(self) -> list[str]:
        return [event.removeprefix("network.floating_ip.") for event, _ in self]


@contextmanager
def cloud(ip_range: str = RANGE, **options: object) -> Iterator[FlatDHCPManager]:
    """A manager with one network of fixed IPs, and one pool."""
    with flat_dhcp(public_interface="eth9", **options) as manager:
        manager.create_networks(ADMIN, "net", "10.0.0.0/24", bridge="br100", multi_host=True)
        bulk(manager).create_floating_ips_bulk(ADMIN, ip_range)
        yield manager


def bulk(manager: FlatDHCPManager) -> LocalManager:
    return LocalManager(world_of(manager), options=manager.options)


def heard(manager: FlatDHCPManager) -> Heard:
    """From now on the manager tells this."""
    ears = Heard()
    manager._cloud = replace(manager._cloud, notify=ears)
    return ears


def booted(manager: FlatDHCPManager, number: int, context: object = ALICE, **more: object) -> str:
    """A new instance's fixed IP."""
    return addresses(boot(manager, number, context, **more))[0]


def planned(manager: FlatDHCPManager, host: str = "h1") -> dict[str, str]:
    """Floating IPs in a host's plan, and what they lead to."""
    items = plans.snapshot(world_of(manager), HostName(host)).items.values()
    return {str(one.address): str(one.fixed_address) for one in items if isinstance(one, FloatingIpItem)}


def test_a_floating_ip_goes_from_its_pool_to_an_instance_and_back() -> None:
    """Allocated, associated, disassociated, deallocated: each step is in the host's plan and is notified."""
    with cloud() as manager:
        told = heard(manager)
        fixed = booted(manager, 1)
        address = manager.allocate_floating_ip(ALICE, "alice")
        assert IPv4Address(address) in {IPv4Address("203.0.113.0") + at for at in range(1, 15)}
        assert planned(manager) == {}
        assert manager.associate_floating_ip(ALICE, address, fixed) is None
        assert planned(manager) == {address: fixed}
        found = manager.get_floating_ip_by_address(ALICE, address)
        assert (found.project_id, str(found.fixed_address), found.instance_uuid, found.host) == (
            "alice",
            fixed,
            uuid(1),
            "h1",
        )
        assert (found.pool, found.interface, found.auto_assigned) == ("nova", "eth9", False)
        assert manager.get_floating_ip(ALICE, found.id) == found
        assert manager.get_floating_ips_by_project(ALICE) == [found]
        assert manager.get_floating_ips_by_fixed_address(ALICE, fixed) == [address]
        assert manager.get_instance_id_by_floating_address(ALICE, address) == uuid(1)
        assert manager.is_floating_ip_associated(ALICE, address)
        manager.disassociate_floating_ip(ALICE, address)
        assert planned(manager) == {}
        manager.deallocate_floating_ip(ALICE, address)
        assert manager.get_floating_ips_by_project(ALICE) == []
        assert manager.get_floating_ip_by_address(ALICE, address).project_id is None
        assert told.events == ["allocate", "associate", "disassociate", "deallocate"]
        assert told[1][1] == {"project_id": "alice", "floating_ip": address, "instance_id": uuid(1)}


def test_an_allocated_floating_ip_is_the_networking_apis_too() -> None:
    """Both faces show one and the same floating IP, and either may give it back."""
    with cloud() as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        (record,) = api_floating_ips.find(world_of(manager), {"project_id": ("alice",)})
        assert str(record.value.address) == address
        api_floating_ips.delete(world_of(manager), record.value.id)
        assert manager.get_floating_ips_by_project(ALICE) == []
        (pool,) = networks.find(world_of(manager), {"external": (True,)})
        asked = FloatingIpRequest(network_id=pool.value.id, project_id="alice")
        (made,) = api_floating_ips.create(world_of(manager), [asked])
        assert [one.address for one in manager.get_floating_ips_by_project(ALICE)] == [made.value.address]


def test_an_association_moves_to_another_instance() -> None:
    """Associating again with another fixed IP takes it from the first, whose uuid is told; the same is nothing."""
    with cloud() as manager:
        one, two = booted(manager, 1), booted(manager, 2)
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, one)
        told = heard(manager)
        assert manager.associate_floating_ip(ALICE, address, one) is None
        assert told == []
        assert manager.associate_floating_ip(ALICE, address, two) == uuid(1)
        assert planned(manager) == {address: two}
        assert told.events == ["disassociate", "associate"]


def test_others_floating_ips_are_out_of_reach() -> None:
    """A project neither sees, nor frees, nor moves another's floating IP; an administrator does."""
    with cloud() as manager:
        fixed = booted(manager, 1)
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, fixed)
        with pytest.raises(exception.FloatingIpNotFoundForAddress):
            manager.get_floating_ip_by_address(BOB, address)
        for call in (manager.deallocate_floating_ip, manager.disassociate_floating_ip):
            with pytest.raises(exception.Forbidden):
                call(BOB, address)
        with pytest.raises(exception.Forbidden):
            manager.associate_floating_ip(BOB, address, booted(manager, 2, BOB))
        assert manager.get_floating_ips_by_fixed_address(BOB, fixed) == []
        assert planned(manager) == {address: fixed}
        manager.disassociate_floating_ip(ADMIN, address)
        manager.deallocate_floating_ip(ADMIN, address)
        assert manager.get_floating_ips_by_project(ALICE) == []


def test_a_floating_ip_stands_only_for_the_projects_own_fixed_ips() -> None:
    """A project cannot lead its floating IP to another project's instance, or to an address without one."""
    with cloud() as manager:
        theirs = booted(manager, 1, BOB)
        address = manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.Forbidden):
            manager.associate_floating_ip(ALICE, address, theirs)
        with pytest.raises(exception.FixedIpNotFoundForAddress):
            manager.associate_floating_ip(ALICE, address, "10.0.0.200")
        with pytest.raises(exception.Forbidden):
            manager.associate_floating_ip(
                ADMIN, "203.0.113.9" if address != "203.0.113.9" else "203.0.113.8", theirs
            )
        assert planned(manager) == {}


def test_giving_back_twice_is_harmless() -> None:
    """A second deallocation changes nothing, and the address that somebody else has since is not taken."""
    with cloud("203.0.113.4") as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.deallocate_floating_ip(ALICE, address)
        manager.deallocate_floating_ip(ALICE, address)
        assert manager.allocate_floating_ip(BOB, "bob") == address
        with pytest.raises(exception.Forbidden):
            manager.deallocate_floating_ip(ALICE, address)
        assert [str(one.address) for one in manager.get_floating_ips_by_project(BOB)] == [address]
        with pytest.raises(exception.FloatingIpNotFoundForAddress):
            manager.deallocate_floating_ip(ALICE, "198.51.100.1")


def test_what_is_in_use_is_not_given_back() -> None:
    """An associated floating IP is not freed; one that is not associated cannot be disassociated."""
    with cloud() as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.FloatingIpNotAssociated):
            manager.disassociate_floating_ip(ALICE, address)
        manager.associate_floating_ip(ALICE, address, booted(manager, 1))
        with pytest.raises(exception.FloatingIpAssociated):
            manager.deallocate_floating_ip(ALICE, address)


def test_a_second_floating_ip_of_one_fixed_ip_is_refused() -> None:
    """What leaves a fixed IP has one public address, so it has one floating IP."""
    with cloud() as manager:
        fixed = booted(manager, 1)
        one, two = (manager.allocate_floating_ip(ALICE, "alice") for _ in range(2))
        manager.associate_floating_ip(ALICE, one, fixed)
        with pytest.raises(exception.FloatingIpAssociateFailed):
            manager.associate_floating_ip(ALICE, two, fixed)
        assert planned(manager) == {one: fixed}


def test_the_quota_counts_in_the_same_transaction() -> None:
    """A project gets as many as its quota allows, its own or the option's; a refusal leaves nothing behind."""
    with cloud(quota_floating_ips=2) as manager:
        first = manager.allocate_floating_ip(ALICE, "alice")
        manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.FloatingIpLimitExceeded):
            manager.allocate_floating_ip(ALICE, "alice")
        assert len(manager.get_floating_ips_by_project(ALICE)) == 2
        manager.deallocate_floating_ip(ALICE, first)
        manager.allocate_floating_ip(ALICE, "alice")
        quotas.set_limit(world_of(manager), "alice", quotas.FLOATING_IPS, 3)
        manager.allocate_floating_ip(ALICE, "alice")
        quotas.set_limit(world_of(manager), "alice", quotas.FLOATING_IPS, 0)
        with pytest.raises(exception.FloatingIpLimitExceeded):
            manager.allocate_floating_ip(ALICE, "alice")


def test_an_empty_pool_and_an_unknown_one_are_told_apart() -> None:
    """Nothing left is NoMoreFloatingIps; no such pool is FloatingIpPoolNotFound."""
    with cloud("203.0.113.4/30") as manager:
        got = {manager.allocate_floating_ip(ALICE, "alice") for _ in range(2)}
        assert got == {"203.0.113.5", "203.0.113.6"}
        with pytest.raises(exception.NoMoreFloatingIps):
            manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.FloatingIpPoolNotFound):
            manager.allocate_floating_ip(ALICE, "alice", pool="moon")


def test_a_pool_of_two_interfaces_gives_addresses_of_both() -> None:
    """Ranges of one pool through different interfaces are one pool, each address with its interface."""
    with cloud("203.0.113.4") as manager:
        bulk(manager).create_floating_ips_bulk(ADMIN, "198.51.100.4", interface="eth8")
        bulk(manager).create_floating_ips_bulk(ADMIN, "192.0.2.4", pool="other")
        got = {manager.allocate_floating_ip(ALICE, "alice") for _ in range(2)}
        assert got == {"203.0.113.4", "198.51.100.4"}
        by_link = {one.interface: str(one.address) for one in manager.get_floating_ips_by_project(ALICE)}
        assert by_link == {"eth9": "203.0.113.4", "eth8": "198.51.100.4"}
        assert manager.get_floating_ip_pools(ALICE) == manager.get_floating_pools(ALICE) == ["nova", "other"]
        assert manager.allocate_floating_ip(ALICE, "alice", pool="other") == "192.0.2.4"


def test_a_deleted_instance_leaves_its_floating_ips_to_its_project() -> None:
    """The instance goes: what was associated with it is its project's, and stands for nothing."""
    with cloud() as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, booted(manager, 1))
        told = heard(manager)
        manager.deallocate_for_instance(ALICE, instance_id=uuid(1))
        (left,) = manager.get_floating_ips_by_project(ALICE)
        assert (str(left.address), left.fixed_address, left.instance_uuid) == (address, None, None)
        assert told.events == ["disassociate"]
        assert planned(manager) == {}
        manager.deallocate_for_instance(ALICE, instance_id=uuid(1))


def test_a_fixed_ip_that_is_taken_away_takes_the_association_along() -> None:
    """No floating IP leads to an address that its interface has not got any more."""
    with cloud() as manager:
        fixed = booted(manager, 1)
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, fixed)
        manager.deallocate_fixed_ip(ADMIN, fixed)
        assert manager.get_floating_ip_by_address(ALICE, address).fixed_address is None
        assert planned(manager) == {}


def test_an_auto_assigned_floating_ip_comes_and_goes_with_its_instance() -> None:
    """It counts against no quota, is in no list, cannot be taken, and is the pool's again afterwards."""
    with cloud(auto_assign_floating_ip=True, quota_floating_ips=0) as manager:
        told = heard(manager)
        info = boot(manager, 1)
        ((ip,),) = [subnet["ips"] for subnet in info[0]["network"]["subnets"] if subnet["ips"]]  # type: ignore[index] - plain data
        (floating,) = ip["floating_ips"]
        address = floating["address"]
        assert planned(manager) == {address: ip["address"]}
        assert manager.get_floating_ips_by_project(ALICE) == []
        assert manager.get_floating_ip_by_address(ALICE, address).auto_assigned
        with pytest.raises(exception.CannotDisassociateAutoAssignedFloatingIP):
            manager.disassociate_floating_ip(ALICE, address)
        manager.deallocate_floating_ip(ALICE, address)
        assert manager.associate_floating_ip(ALICE, address, booted(manager, 2)) is None
        assert planned(manager)[address] == ip["address"]
        manager.deallocate_for_instance(ALICE, instance_id=uuid(1))
        assert manager.get_floating_ip_by_address(ALICE, address).project_id is None
        assert told.events[:2] == ["allocate", "associate"]
        assert told.events[-2:] == ["disassociate", "deallocate"]


def test_without_an_address_to_assign_the_instance_gets_nothing() -> None:
    """Where auto-assignment finds no free floating IP the boot fails, and no interface or fixed IP is left."""
    with cloud("203.0.113.4", auto_assign_floating_ip=True) as manager:
        boot(manager, 1)
        with pytest.raises(exception.NoMoreFloatingIps):
            boot(manager, 2)
        assert manager.get_vifs_by_instance(ADMIN, uuid(2)) == []


def test_a_migration_never_has_a_floating_ip_on_two_hosts() -> None:
    """It leaves its host's plan at the start, is on none, and arrives when the first host has said so."""
    with cloud() as manager:
        fixed = booted(manager, 1)
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, fixed)
        world = world_of(manager)
        with world.work() as work:
            hosts.see(work.connection, HostName("h1"), work.now)
        moves = {"source": "h1", "dest": OTHER, "floating_addresses": [address], "project_id": "alice"}
        manager.migrate_instance_start(ALICE, uuid(1), **moves)
        assert planned(manager) == planned(manager, OTHER) == {}
        held = manager.get_floating_ip_by_address(ALICE, address)
        assert (str(held.fixed_address), held.instance_uuid, held.host) == (fixed, uuid(1), None)
        with pytest.raises(exception.FloatingIpAssociated):
            manager.deallocate_floating_ip(ALICE, address)
        manager._patience_s = 0.0
        with pytest.raises(exception.FloatingIpAssociateFailed):
            manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert planned(manager) == planned(manager, OTHER) == {}
        with world.work() as work:
            said = hosts.get(work.connection, HostName("h1"))
            assert said is not None
            hosts.save(work.connection, replace(said, generation=generation(work.connection)))
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert planned(manager) == {}
        assert planned(manager, OTHER) == {address: fixed}


def test_a_host_that_died_is_not_waited_for() -> None:
    """A host of which nothing was heard for a minute holds no migration up."""
    with cloud() as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.associate_floating_ip(ALICE, address, booted(manager, 1))
        world = world_of(manager)
        with world.work() as work:
            hosts.see(work.connection, HostName("h1"), work.now.replace(year=2025))
        moves = {"source": "h1", "dest": OTHER, "floating_addresses": [address]}
        manager.migrate_instance_start(ALICE, uuid(1), **moves)
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert address in planned(manager, OTHER)


def test_only_the_instances_own_floating_ips_migrate() -> None:
    """Stale addresses, and a move from a host to itself, change nothing."""
    with cloud() as manager:
        one, two = (manager.allocate_floating_ip(ALICE, "alice") for _ in range(2))
        first, second = booted(manager, 1), booted(manager, 2)
        manager.associate_floating_ip(ALICE, one, first)
        manager.associate_floating_ip(ALICE, two, second)
        before = planned(manager)
        there = SimpleNamespace(address=two)
        manager.migrate_instance_start(
            ALICE, uuid(1), floating_addresses=[there, "203.0.113.1"], source="h1", dest=OTHER
        )
        manager.migrate_instance_start(ALICE, uuid(1), floating_addresses=[one], source="h1", dest="h1")
        assert planned(manager) == before


def test_a_network_with_one_gateway_keeps_its_floating_ips_there() -> None:
    """Where the gateway does not move with the instance, a migration leaves the association alone."""
    with flat_dhcp(public_interface="eth9") as manager:
        manager.create_networks(ADMIN, "net", "10.0.0.0/24", bridge="br100")
        bulk(manager).create_floating_ips_bulk(ADMIN, RANGE)
        address = manager.allocate_floating_ip(ALICE, "alice")
        fixed = booted(manager, 1)
        manager.associate_floating_ip(ALICE, address, fixed)
        moves = {"source": "h1", "dest": OTHER, "floating_addresses": [address]}
        manager.migrate_instance_start(ALICE, uuid(1), **moves)
        held = manager.get_floating_ip_by_address(ALICE, address)
        assert (str(held.fixed_address), held.host) == (fixed, "h1")
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert str(manager.get_floating_ip_by_address(ALICE, address).fixed_address) == fixed


def test_flat_managers_have_no_floating_ips() -> None:
    """FlatManager answers with nothing; the other two find FloatingIP's calls before NetworkManager's."""
    with flat() as manager:
        assert manager.get_floating_ip(ADMIN, 1) is None
        assert manager.get_floating_pools(ADMIN) == manager.get_floating_ip_pools(ADMIN) == {}
        assert manager.get_floating_ips_by_project(ADMIN) == []
        assert manager.get_floating_ips_by_fixed_address(ADMIN, "10.0.0.3") == []
        assert manager.get_floating_ip_by_address(ADMIN, "203.0.113.1") is None
        assert manager.allocate_floating_ip(ADMIN, "alice") is None
        manager.associate_floating_ip(ADMIN, "203.0.113.1", "10.0.0.3")
        manager.disassociate_floating_ip(ADMIN, "203.0.113.1")
        manager.deallocate_floating_ip(ADMIN, "203.0.113.1")
    for kind in (FlatDHCPManager, VlanManager):
        names = [one.__name__ for one in kind.__mro__]
        assert names.index("RPCAllocateFixedIP") < names.index("FloatingIP") < names.index("NetworkManager")
        assert issubclass(kind, FloatingIP)


@pytest.mark.parametrize("wrong", ["203.0.113", "fd00::1", "1 or 2", "", "203.0.113.1\n"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """Anything but an IPv4 address is InvalidAddress, whoever asks."""
    with cloud() as manager:
        for call in (manager.get_floating_ip_by_address, manager.deallocate_floating_ip):
            with pytest.raises(InvalidError):
                call(ADMIN, wrong)


def test_a_number_is_an_address() -> None:
    """nova's id of a floating IP is its address as a number, and larger ones are not found."""
    with cloud() as manager:
        found = manager.get_floating_ip(ADMIN, int(IPv4Address("203.0.113.3")))
        assert (str(found.address), found.project_id) == ("203.0.113.3", None)
        for large in (1 << 32, "9" * 5000):
            with pytest.raises(exception.FloatingIpNotFoundForAddress):
                manager.get_floating_ip(ADMIN, large)
        with pytest.raises(InvalidError):
            manager.get_floating_ip(ADMIN, "\u00b2")


def test_the_ready_made_notifier_writes_a_line() -> None:
    """log_notification is one structured event with the payload's fields."""
    with capture_logs() as lines:
        log_notification(
            "network.floating_ip.allocate", {"project_id": "alice", "floating_ip": "203.0.113.1"}
        )
    (line,) = lines
    assert (line["notification"], line["project_id"]) == ("network.floating_ip.allocate", "alice")


def test_a_floating_ip_that_is_given_back_has_no_names(tmp_path: Path) -> None:
    """The DNS calls are the manager's own; deallocation deletes every name of the address in every domain."""
    names = {"floating_ip_dns_manager": "minidns", "minidns_file": tmp_path / "names.txt"}
    with cloud(**names) as manager:
        manager.create_public_dns_domain(ADMIN, "example.org", "alice")
        manager.create_private_dns_domain(ADMIN, "guests.example.net", "nova")
        assert [one["domain"] for one in manager.get_dns_domains(ADMIN)] == ["example.org"]
        address = manager.allocate_floating_ip(ALICE, "alice")
        for name in ("www", "mail", "old"):
            manager.add_dns_entry(ALICE, address, name, "A", "example.org")
        manager.delete_dns_entry(ALICE, "old", "example.org")
        manager.add_dns_entry(ALICE, "203.0.113.200", "other", "A", "example.org")
        manager.modify_dns_entry(ALICE, "203.0.113.201", "other", "example.org")
        assert sorted(manager.get_dns_entries_by_address(ALICE, address, "example.org")) == ["mail", "www"]
        manager.deallocate_floating_ip(ALICE, address)
        assert manager.get_dns_entries_by_address(ALICE, address, "example.org") == []
        assert manager.get_dns_entries_by_name(ALICE, "other", "example.org") == ["203.0.113.201"]
        manager.delete_dns_domain(ADMIN, "example.org")
        assert manager.get_dns_domains(ADMIN) == []
