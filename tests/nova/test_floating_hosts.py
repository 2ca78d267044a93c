"""Floating IPs on hosts whose managers serve them by linux_net: packets from the street, moves, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from nova.manager_hosts import BRIDGE, Host, hosts
from nova.managers import ADMIN, instance, uuid

from netwright.control.world import World
from netwright.model.errors import InvalidError
from netwright.model.ids import NamespaceName
from netwright.nova import exception
from netwright.nova.floating_ips import LocalManager
from netwright.testing.namespaces import (
    add_bridge,
    add_veth,
    addresses_of,
    eventually,
    ip,
    namespace,
    plug,
    run,
)

FLOATING = "203.0.113.10"
STREET = "203.0.113.254"


@dataclass
class Street:
    """Hosts with a public link `eth0` each, and who is out there."""

    world: World
    hosts: list[Host]
    outside: NamespaceName
    stack: ExitStack

    def reaches(self, address: str = FLOATING) -> bool:
        """Whether somebody out there gets an answer from it."""
        run(self.outside, ["ip", "neigh", "flush", "all"])
        return eventually(lambda: self.answers(address))

    def answers(self, address: str = FLOATING) -> bool:
        return run(self.outside, ["ping", "-c1", "-W1", address], check=False).returncode == 0

    def guest(self, host: Host, number: int) -> NamespaceName:
        """The instance's guest, on that host, with its address and the host as its gateway."""
        (vif,) = host.manager.get_vifs_by_instance(ADMIN, uuid(number))
        (network,) = host.manager.get_all_networks(ADMIN)
        where = self.stack.enter_context(namespace("guest"))
        plug(host.space, BRIDGE, f"vnet{number}", where, vif.address)
        info = host.manager.get_instance_nw_info(ADMIN, uuid(number), None, host.name)
        subnet: Any = info[0]["network"]["subnets"][0]  # type: ignore[index] - plain data
        ip(where, "addr", "add", f"{subnet['ips'][0]['address']}/{network.cidr.prefixlen}", "dev", "eth0")
        (gateway,) = [one for one in host.addresses() if one.startswith("10.")]
        ip(where, "route", "replace", "default", "via", gateway.split("/")[0])
        return where


@contextmanager
def street(*names: str, **options: Any) -> Iterator[Street]:
    """With one multi_host network, and one floating IP that is the administrator's."""
    with ExitStack() as stack:
        here, made = stack.enter_context(hosts(*names, use_ipv6=False, **options))
        outside = stack.enter_context(namespace("street"))
        add_bridge(outside, "street0", f"{STREET}/24")
        for number, host in enumerate(made):
            add_veth(outside, f"s{number}", host.space, "eth0", f"02:00:00:00:02:{number:02x}")
            ip(outside, "link", "set", f"s{number}", "master", "street0")
            ip(host.space, "addr", "add", f"203.0.113.{number + 1}/24", "dev", "eth0")
        found = Street(here, made, outside, stack)
        made[0].manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", multi_host=True)
        LocalManager(here, options=made[0].manager.options).create_floating_ips_bulk(ADMIN, FLOATING)
        made[0].manager.allocate_floating_ip(ADMIN, "admin")
        yield found


def boot(host: Host, number: int) -> str:
    """The fixed IP of a new instance there."""
    with host.inside() as manager:
        info: Any = manager.allocate_for_instance(
            ADMIN, instance_id=uuid(number), instance=instance(number, host.name), host=host.name
        )
    return str(info[0]["network"]["subnets"][0]["ips"][0]["address"])


def test_a_floating_ip_leads_to_its_instance_and_nowhere_else() -> None:
    """From outside the guest answers at its floating IP, sends as it, and no more once that is taken away."""
    with street("h1") as there:
        (host,) = there.hosts
        fixed = boot(host, 1)
        guest = there.guest(host, 1)
        assert not there.answers()
        with host.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        assert there.reaches()
        assert f"{FLOATING}/32" in addresses_of(host.space, "eth0")
        assert run(guest, ["ping", "-c1", "-W2", STREET], check=False).returncode == 0
        with host.inside() as manager:
            manager.disassociate_floating_ip(ADMIN, FLOATING)
        assert not there.answers()
        assert f"{FLOATING}/32" not in addresses_of(host.space, "eth0")


def test_an_instance_takes_its_floating_ip_to_another_host() -> None:
    """Between start and finish no host answers for it; afterwards the second one does, and only that."""
    with street("h1", "h2") as there:
        one, two = there.hosts
        fixed = boot(one, 1)
        there.guest(one, 1)
        with one.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        assert there.reaches()
        moves = {"source": "h1", "dest": "h2", "floating_addresses": [FLOATING], "project_id": "admin"}
        with one.inside() as manager:
            manager.migrate_instance_start(ADMIN, uuid(1), **moves)
        assert not there.answers()
        with two.inside() as manager:
            manager.setup_networks_on_host(ADMIN, uuid(1), "h2")
            manager.migrate_instance_finish(ADMIN, uuid(1), **moves)
        ip(one.space, "link", "del", "vnet1")
        there.guest(two, 1)
        assert there.reaches()
        held = [f"{FLOATING}/32" in addresses_of(host.space, "eth0") for host in there.hosts]
        assert held == [False, True]


def test_a_dead_host_lets_go_when_it_comes_back() -> None:
    """What moved while a host was away is not on it after its manager's start, with nothing left in memory."""
    with street("h1", "h2") as there:
        one, two = there.hosts
        fixed = boot(one, 1)
        with one.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        assert f"{FLOATING}/32" in addresses_of(one.space, "eth0")
        moves = {"source": "h1", "dest": "h2", "floating_addresses": [FLOATING]}
        with two.inside() as manager:
            manager.migrate_instance_start(ADMIN, uuid(1), **moves)
            manager.migrate_instance_finish(ADMIN, uuid(1), **moves)
        ip(one.space, "addr", "add", "203.0.113.77/32", "dev", "eth0")
        with one.inside():
            one.restarted(there.world, use_ipv6=False).init_host()
        mine = addresses_of(one.space, "eth0")
        assert f"{FLOATING}/32" not in mine
        assert "203.0.113.77/32" in mine
        assert f"{FLOATING}/32" in addresses_of(two.space, "eth0")


def test_a_restarted_manager_has_its_floating_ips() -> None:
    """init_host brings back address and rules that a reboot took, and leaves others' alone."""
    with street("h1") as there:
        (host,) = there.hosts
        fixed = boot(host, 1)
        there.guest(host, 1)
        with host.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        ip(host.space, "addr", "del", f"{FLOATING}/32", "dev", "eth0")
        with host.inside():
            host.restarted(there.world, use_ipv6=False).init_host()
        assert there.reaches()


def test_what_is_done_elsewhere_is_done_here_at_the_next_tick() -> None:
    """Another process's association and disassociation reach the instance's host by its periodic tasks."""
    with street("h1", "h2") as there:
        one, two = there.hosts
        fixed = boot(one, 1)
        there.guest(one, 1)
        with two.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        one.tick()
        assert there.reaches()
        with two.inside() as manager:
            manager.disassociate_floating_ip(ADMIN, FLOATING)
        one.tick()
        assert not there.answers()


def test_the_remote_calls_do_their_hosts_part() -> None:
    """_associate_floating_ip and _disassociate_floating_ip, on the instance's host, need no tick."""
    with street("h1", "h2") as there:
        one, two = there.hosts
        fixed = boot(one, 1)
        there.guest(one, 1)
        with two.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        with one.inside() as manager:
            manager._associate_floating_ip(ADMIN, FLOATING, fixed, "eth0", uuid(1))
        assert there.reaches()
        with one.inside() as manager:
            manager._disassociate_floating_ip(ADMIN, FLOATING, "eth0", uuid(1))
            manager._disassociate_floating_ip(ADMIN, FLOATING, "eth0", uuid(1))
        assert not there.answers()


def test_an_interface_that_is_missing_is_told_and_takes_nothing_along() -> None:
    """Associating is NoFloatingIpInterface and undone in the store; a start goes on without it."""
    with street("h1") as there:
        (host,) = there.hosts
        fixed = boot(host, 1)
        with host.inside() as manager:
            LocalManager(there.world).create_floating_ips_bulk(ADMIN, "198.51.100.9", interface="eth9")
            manager.deallocate_floating_ip(ADMIN, FLOATING)
            LocalManager(there.world).delete_floating_ips_bulk(ADMIN, FLOATING)
            address = manager.allocate_floating_ip(ADMIN, "admin")
            with pytest.raises(exception.NoFloatingIpInterface):
                manager.associate_floating_ip(ADMIN, address, fixed)
            assert manager.get_floating_ip_by_address(ADMIN, address).fixed_address is None
            assert address not in run(host.space, ["iptables-save"]).stdout
            LocalManager(there.world).associate_floating_ip(ADMIN, address, fixed)
            again = host.restarted(there.world, use_ipv6=False)
            again.init_host()
            assert host.dnsmasq()
            run(host.space, ["ip", "link", "add", "eth9", "type", "bridge"])
            again.run_periodic_tasks(ADMIN)
        assert f"{address}/32" in addresses_of(host.space, "eth9")


def test_what_was_asked_of_the_host_is_done_by_any_manager() -> None:
    """The calls that nova's API sent to the instance's host do the whole, and refuse what the store has otherwise."""
    with street("h1") as there:
        (host,) = there.hosts
        fixed = boot(host, 1)
        there.guest(host, 1)
        with host.inside() as manager:
            for link, who in (("eth9", uuid(1)), ("eth0", uuid(2))):
                with pytest.raises(InvalidError):
                    manager._associate_floating_ip(ADMIN, FLOATING, fixed, link, who)
            assert manager.get_floating_ip_by_address(ADMIN, FLOATING).fixed_address is None
            manager._associate_floating_ip(ADMIN, FLOATING, fixed, "eth0", uuid(1))
        assert there.reaches()
        with host.inside() as manager:
            with pytest.raises(InvalidError):
                manager._disassociate_floating_ip(ADMIN, FLOATING, "eth0", uuid(2))
            manager._disassociate_floating_ip(
                ADMIN, address=FLOATING, interface="eth0", instance_uuid=uuid(1)
            )
        assert not there.answers()


def test_an_auto_assigned_floating_ip_that_the_host_refuses_is_its_pools_again() -> None:
    """The boot fails, and leaves the project no floating IP that nobody shows it."""
    with street("h1", auto_assign_floating_ip=True) as there:
        (host,) = there.hosts
        LocalManager(there.world).create_floating_ips_bulk(ADMIN, "198.51.100.9", interface="eth9")
        with host.inside() as manager:
            with pytest.raises(exception.NoFloatingIpInterface):
                manager.allocate_for_instance(
                    ADMIN, instance_id=uuid(1), instance=instance(1, "h1"), host="h1", project_id="alice"
                )
            assert manager.get_vifs_by_instance(ADMIN, uuid(1)) == []
            assert manager.get_floating_ip_by_address(ADMIN, "198.51.100.9").project_id is None


@pytest.mark.parametrize("call", ["deallocate", "remove"])
def test_a_fixed_ip_that_goes_takes_its_floating_ip_off_the_host_at_once(call: str) -> None:
    """No tick is waited for: the fixed IP's next owner is not reached by it."""
    with street("h1") as there:
        (host,) = there.hosts
        fixed = boot(host, 1)
        with host.inside() as manager:
            manager.associate_floating_ip(ADMIN, FLOATING, fixed)
            assert f"{FLOATING}/32" in addresses_of(host.space, "eth0")
            if call == "deallocate":
                manager.deallocate_fixed_ip(ADMIN, fixed)
            else:
                manager.remove_fixed_ip_from_instance(ADMIN, uuid(1), "h1", fixed)
        assert f"{FLOATING}/32" not in addresses_of(host.space, "eth0")
        assert FLOATING not in run(host.space, ["iptables-save"]).stdout
