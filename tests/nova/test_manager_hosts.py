"""Managers on their hosts: bridges, dnsmasq and rules that guests with real DHCP clients find as promised."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest
from nova.manager_hosts import BRIDGE, Host, hosts, leased
from nova.managers import ADMIN, uuid

from netwright.control.world import World
from netwright.nova.manager import FlatDHCPManager
from netwright.nova.models import FixedIpModel
from netwright.testing.namespaces import addresses_of, eventually, run


def ticked(host: Host) -> FixedIpModel:
    """10.0.0.2 after the next tick: dnsmasq's script, which tells of leases, runs when dnsmasq likes."""
    host.tick()
    return host.manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2")


def test_a_guests_lease_and_its_end_are_in_the_store() -> None:
    """A guest is given its instance's address, which is leased then; deleted and released, it is free again."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        guest = host.boot(1)
        answer = guest.ask()
        assert answer["new_ip_address"] == "10.0.0.2"
        assert answer["new_routers"] == answer["new_dhcp_server_identifier"] == "10.0.0.1"
        assert host.addresses() == {"10.0.0.1/24"}
        assert eventually(lambda: ticked(host).leased)
        found = host.manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2")
        assert (found.leased, found.allocated, found.instance_uuid) == (True, True, uuid(1))
        assert host.manager.get_dhcp_leases(ADMIN, net).split(" ")[2] == "10.0.0.2"
        host.delete(1)
        assert host.manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2").instance_uuid == uuid(1)
        assert eventually(lambda: ticked(host).instance_uuid is None)
        assert leased(guest, seconds=3) == ""


def test_an_instance_that_never_asked_frees_its_address_at_once() -> None:
    """A guest that took no lease leaves nothing to wait for."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        host.boot(1)
        host.delete(1)
        assert host.manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2").instance_uuid is None


def test_a_restarted_manager_serves_what_it_served() -> None:
    """After a restart of host and manager init_host brings DHCP back."""
    with hosts("h1") as (here, (host,)):
        with host.inside() as manager:
            manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        guest = host.boot(1)
        before = host.dnsmasq()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        with host.inside():
            host.restarted(here).init_host()
        assert leased(guest) == "10.0.0.2"
        assert set(host.dnsmasq()).isdisjoint(before)


def test_an_instance_on_another_host_is_served_by_the_networks_own() -> None:
    """A network has one gateway: an instance that another host's manager makes gets its lease from there."""
    with hosts("h1", "h2") as (_, (one, two)):
        with one.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
            assert manager.set_network_host(ADMIN, net) == "h1"
            manager.init_host()
        with two.inside() as manager:
            manager.init_host()
            info = manager.allocate_for_instance(ADMIN, instance_id=uuid(5), host="h2")
        assert two.addresses() == set()
        one.tick()
        run(two.space, ["ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])
        run(two.space, ["ip", "link", "set", BRIDGE, "up"])
        run(two.space, ["ip", "link", "set", "eth1", "master", BRIDGE])
        assert leased(two.guest(5, str(info[0]["address"]))) == "10.0.0.2"


def test_each_host_of_a_multi_host_network_serves_its_own() -> None:
    """Both hosts are gateway and DHCP server, each at an address of its own, for their own guests alone."""
    with hosts("h1", "h2") as (_, (one, two)):
        with one.inside() as manager:
            manager.create_networks(
                ADMIN, "net", cidr="10.0.0.0/24", multi_host=True, bridge_interface="eth1"
            )
        heard = {}
        for number, host in enumerate((one, two), start=1):
            answer = host.boot(number).ask()
            heard[host.name] = answer["new_dhcp_server_identifier"]
            assert answer["new_routers"] == heard[host.name]
            assert host.addresses() == {f"{heard[host.name]}/24"}
            info = host.manager.get_instance_nw_info(ADMIN, uuid(number), None, host.name)
            subnet = info[0]["network"]["subnets"][0]
            assert subnet["meta"]["dhcp_server"] == subnet["gateway"]["address"] == heard[host.name]
        assert len(set(heard.values())) == 2
        for address in heard.values():
            assert one.manager.get_fixed_ip_by_address(ADMIN, address).reserved


def test_a_network_without_a_host_is_taken_up() -> None:
    """What the old documentation promised: a live host serves a network that has none, at its periodic task."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert host.addresses() == set()
        host.tick()
        assert host.manager.get_network(ADMIN, net.id).host == "h1"
        assert host.addresses() == {"10.0.0.1/24"}


def test_a_dead_hosts_network_moves_and_it_lets_go_when_it_comes_back() -> None:
    """Another host takes the gateway over, serves the guests, and the one that was dead takes its own down."""
    told: list[tuple[str, object]] = []
    with hosts("h1", "h2") as (here, (one, two)):
        with one.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
            manager.init_host()
        one.tick()
        two.tick()
        assert (one.addresses(), two.addresses()) == ({"10.0.0.1/24"}, set())
        later = World(
            here.database, here.host, lambda: here.clock() + timedelta(seconds=90), here.new_id, here.rng
        )
        with two.inside():
            taker = FlatDHCPManager(
                later,
                on=two.manager._cloud.side._on,
                notifier=lambda event, payload: told.append((event, payload["instead_of"])),
            )
            taker.run_periodic_tasks(ADMIN)
        assert told == [("network.host.taken", "h1")]
        assert two.manager.get_network(ADMIN, net.id).host == "h2"
        assert two.addresses() == {"10.0.0.1/24"}
        one.tick()
        assert one.addresses() == set()
        assert one.dnsmasq() == []
        assert leased(two.boot(1)) == "10.0.0.2"


def test_a_deleted_network_leaves_nothing_on_its_host() -> None:
    """delete_network takes bridge, gateway and DHCP server away on the host that deletes it."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        host.tick()
        assert host.dnsmasq() != []
        with host.inside() as manager:
            manager.delete_network(ADMIN, None, net.uuid)
        assert (host.addresses(), host.dnsmasq()) == (set(), [])


def test_an_ipv6_network_is_announced_by_its_host() -> None:
    """Without IPv4 the host is gateway all the same: the guest makes itself the address that the store has."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            manager.create_networks(ADMIN, "six", cidr_v6="fd01::/64")
        guest = host.boot(1)
        assert host.addresses() == {"fd01::1/64"}
        (vif,) = host.manager.get_instance_nw_info(ADMIN, uuid(1), None, "h1")
        own = vif["network"]["subnets"][1]["ips"][0]["address"]
        assert eventually(lambda: f"{own}/64" in addresses_of(guest.namespace, "eth0"), seconds=20)


def test_an_unused_gateway_is_taken_down() -> None:
    """With teardown_unused_network_gateway a multi_host network's gateway goes with the host's last guest."""
    with hosts("h1", teardown_unused_network_gateway=True) as (_, (host,)):
        with host.inside() as manager:
            manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", multi_host=True)
        host.boot(1)
        host.boot(2)
        own = host.addresses()
        assert len(own) == 1
        host.delete(1)
        assert host.addresses() == own
        host.delete(2)
        assert host.addresses() == set()
        assert host.dnsmasq() == []
        address = own.pop().split("/")[0]
        assert not host.manager.get_fixed_ip_by_address(ADMIN, address).reserved


def test_setup_and_teardown_of_an_instances_networks() -> None:
    """setup_networks_on_host serves the instance's networks here; with teardown its guests are forgotten."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
            host.boot(1)
            manager.setup_networks_on_host(ADMIN, uuid(1), "h1")
            assert host.addresses() == {"10.0.0.1/24"}
            manager.setup_networks_on_host(ADMIN, uuid(1), "h1", teardown=True)
            manager.rpc_setup_network_on_host(ADMIN, net.id, teardown=False)
        assert "10.0.0.2" in (host.directory / "state/networks" / f"nova-{BRIDGE}.conf").read_text()


def test_names_of_other_hosts_guests_are_known() -> None:
    """With update_dns_entries an allocation tells this host's DNS server the names of all hosts' guests."""
    with hosts("h1", "h2", update_dns_entries=True) as (_, (one, two)):
        with one.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", multi_host=True)
        two.boot(2)
        one.boot(1)
        with one.inside() as manager:
            manager.periodic_update_dns(ADMIN)
            manager.update_dns(ADMIN, [net.id])
        named = (one.directory / "state/networks" / f"nova-{BRIDGE}.hosts").read_text()
        assert "vm1.novalocal" in named
        assert "vm2.novalocal" in named


@pytest.mark.parametrize("option", [{"update_dns_entries": True}, {"dns_update_periodic_interval": 0}])
def test_names_of_guests_that_come_to_another_host_are_known(option: dict[str, object]) -> None:
    """A host's DNS server knows them after its next periodic task, and those that went no more; after a start, too."""
    with hosts("h1", "h2", **option) as (world, (one, two)):

        def named() -> list[str]:
            lines = (one.directory / "state/networks" / f"nova-{BRIDGE}.hosts").read_text().splitlines()
            return sorted(line.split()[1] for line in lines)

        with one.inside() as manager:
            manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", multi_host=True)
        one.boot(1)
        one.tick()
        two.boot(2)
        one.tick()
        assert named() == ["vm1.novalocal", "vm2.novalocal"]
        two.delete(2)
        two.boot(3)
        with one.inside():
            manager = one.restarted(world, **option)
            manager.init_host()
            manager.run_periodic_tasks(ADMIN)
        assert named() == ["vm1.novalocal", "vm3.novalocal"]


def test_a_network_that_cannot_be_served_stops_no_other() -> None:
    """Beside one whose link is missing the others are served, at a start and at a tick; it is when its link is there."""
    with hosts("h1", flat_interface=None) as (world, (host,)):
        with host.inside() as manager:
            manager.create_networks(
                ADMIN, "bad", cidr="10.0.1.0/24", bridge="br101", bridge_interface="missing0"
            )
            manager.create_networks(ADMIN, "good", cidr="10.0.0.0/24", bridge_interface="eth1")
        host.tick()
        assert host.addresses() == {"10.0.0.1/24"}
        with host.inside() as manager:
            manager.delete_network(ADMIN, "10.0.0.0/24")
            assert host.addresses() == set()
            manager.create_networks(ADMIN, "good", cidr="10.0.0.0/24", bridge_interface="eth1")
            host.tick()
            assert host.addresses() == {"10.0.0.1/24"}
            run(host.space, ["ip", "link", "del", BRIDGE])
            again = host.restarted(world, flat_interface=None)
            again.init_host()
            assert host.addresses() == {"10.0.0.1/24"}
            run(host.space, ["ip", "link", "add", "missing0", "type", "veth", "peer", "name", "far0"])
            again.run_periodic_tasks(ADMIN)
        assert "10.0.1.1/24" in addresses_of(host.space, "br101")


def test_a_deleted_multi_host_network_leaves_nothing_on_its_host() -> None:
    """Its gateway there is the host's own address, and goes as any network's does."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", multi_host=True)
        host.boot(1)
        host.delete(1)
        assert host.dnsmasq() != []
        with host.inside() as manager:
            manager.delete_network(ADMIN, None, net.uuid)
        assert (host.addresses(), host.dnsmasq()) == (set(), [])


def test_a_host_without_an_address_there_takes_none_to_take_a_network_down() -> None:
    """Another host's guest of a full multi_host network goes by any host's call, whatever is torn down unused."""
    with hosts("h1", "h2", teardown_unused_network_gateway=True) as (_, (one, two)):
        with one.inside() as manager:
            manager.create_networks(ADMIN, "net", cidr="10.0.0.0/29", multi_host=True)
        for number in range(1, 5):
            two.boot(number)
        two.manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        with one.inside() as manager:
            manager.deallocate_for_instance(ADMIN, instance_id=uuid(1))
        assert one.addresses() == set()
        assert two.addresses() == {"10.0.0.3/29"}
