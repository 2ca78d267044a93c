"""The life of fixed IPs: allocated, leased, given back, released; lost releases, reuse, quotas."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from asking import networks, ports
from nova.managers import (
    ADMIN,
    ALICE,
    BOB,
    addresses,
    boot,
    flat,
    flat_dhcp,
    instance,
    serving,
    uuid,
    vlan,
    world_of,
)

from netwright.control import classic_fixed_ips, leases, plans, quotas
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.world import World
from netwright.model.errors import ConflictError, InvalidError
from netwright.model.ids import HostName, Mac
from netwright.model.intent import GatewayPlace, VmmTap
from netwright.model.leases import LeaseChange, LeaseEvent
from netwright.model.plan import NetworkItem
from netwright.nova import exception
from netwright.nova.manager import FlatDHCPManager, NetworkManager
from netwright.nova.models import NetworkModel


def network(manager: NetworkManager, label: str = "net", **more: object) -> NetworkModel:
    given: dict[str, object] = {"cidr": "10.0.0.0/24", "bridge": "br100", **more}
    return manager.create_networks(ADMIN, label, **given)[0]


def state(manager: NetworkManager, address: str) -> tuple[str | None, bool, bool]:
    """Whose it is, whether it is allocated, and whether it is leased."""
    found = manager.get_fixed_ip_by_address(ADMIN, address)
    return found.instance_uuid, found.allocated, found.leased


def test_an_instance_gets_an_interface_on_each_network() -> None:
    """Without a request it is on all networks, in their order; each interface is a port plugged on its host."""
    with flat_dhcp() as manager:
        one, two = network(manager), network(manager, cidr="10.0.1.0/24")
        info = boot(manager, 1)
        assert addresses(info) == ["10.0.0.2", "10.0.1.2"]
        vifs = manager.get_vifs_by_instance(ADMIN, uuid(1))
        assert [(vif.network_id, vif.instance_uuid) for vif in vifs] == [(one.id, uuid(1)), (two.id, uuid(1))]
        port = ports.get(world_of(manager), vifs[0].uuid).value
        assert (port.device_id, port.host, port.attachment, port.mac) == (
            uuid(1),
            "h1",
            VmmTap(),
            vifs[0].address,
        )
        assert port.dns_name == "vm1"
        assert manager.get_vif_by_mac_address(ADMIN, vifs[1].address.upper()) == vifs[1]
        assert manager.get_vif_by_mac_address(ADMIN, "fa:16:3e:00:00:00") is None


def test_interfaces_follow_the_order_of_the_request() -> None:
    """Requested networks are taken in their order, by uuid or number, with the address that is asked for."""
    with flat_dhcp() as manager:
        one, two = network(manager), network(manager, cidr="10.0.1.0/24")
        asked = [(two.uuid, "10.0.1.77"), (one.id, None)]
        assert addresses(boot(manager, 1, requested_networks=asked)) == ["10.0.1.77", "10.0.0.2"]
        models = SimpleNamespace(objects=[SimpleNamespace(network_id=one.uuid, address="10.0.0.99")])
        assert addresses(boot(manager, 2, requested_networks=models)) == ["10.0.0.99"]


def test_without_networks_there_are_no_interfaces() -> None:
    """An instance boots without a network where none is defined; flat managers pass VLANs over."""
    with flat_dhcp() as manager:
        assert boot(manager, 1) == []


def test_an_unknown_network_leaves_nothing_behind() -> None:
    """A request that fails at its second network leaves no interface, address or port of the first."""
    with flat_dhcp() as manager:
        one = network(manager)
        for asked in ([(one.uuid, None), (uuid(99), None)], [(one.uuid, None), (one.uuid, "10.0.9.9")]):
            with pytest.raises(
                exception.NetworkNotFound if asked[1][1] is None else exception.FixedIpNotFound
            ):
                boot(manager, 1, requested_networks=asked)
        assert manager.get_vifs_by_instance(ADMIN, uuid(1)) == []
        assert ports.find(world_of(manager), {}) == []
        assert state(manager, "10.0.0.2") == (None, False, False)


def test_macs_of_the_hypervisor_are_used_or_refused() -> None:
    """Supplied MACs are taken; too few of them, or one in use, and no interface is left."""
    with flat_dhcp() as manager:
        network(manager)
        network(manager, cidr="10.0.1.0/24")
        macs = {"fa:16:3e:00:00:01", "fa:16:3e:00:00:02"}
        info = boot(manager, 1, macs=macs)
        assert {vif["address"] for vif in info} == macs
        crossed = {"FA-16-3E-00-00-01", "FA-16-3E-00-00-02"}
        for wrong in ({"fa:16:3e:00:00:03"}, macs, crossed):
            with pytest.raises(exception.VirtualInterfaceCreateException):
                boot(manager, 2, macs=wrong)
        with pytest.raises(InvalidError):
            boot(manager, 2, requested_networks=[("x",)])
        assert manager.get_vifs_by_instance(ADMIN, uuid(2)) == []


def test_random_macs_are_tried_until_one_is_free() -> None:
    """A collision is tried again, anywhere in the deployment; after the last attempt nothing is left."""
    with flat_dhcp(create_unique_mac_address_attempts=3) as manager:
        network(manager)
        network(manager, cidr="10.0.1.0/24")
        here = world_of(manager)
        taken = [str(vif["address"]) for vif in boot(manager, 1)]
        scripted = _Scripted([taken[0], taken[1], "fa:16:3e:00:00:07", "fa:16:3e:00:00:08"])
        retrying = _with_rng(manager, here, scripted)
        assert {vif["address"] for vif in boot(retrying, 2)} == {"fa:16:3e:00:00:07", "fa:16:3e:00:00:08"}
        failing = _with_rng(manager, here, _Scripted([taken[0]] * 3))
        with pytest.raises(exception.VirtualInterfaceMacAddressException):
            boot(failing, 3)
        assert manager.get_vifs_by_instance(ADMIN, uuid(3)) == []


class _Scripted:
    """Random choices that come out as written: MACs, then whatever else is asked."""

    def __init__(self, macs: list[str]) -> None:
        self._macs = iter(macs)

    def randbytes(self, count: int) -> bytes:
        return bytes.fromhex(next(self._macs).replace(":", ""))[-count:]


def _with_rng(manager: NetworkManager, here: World, rng: object) -> FlatDHCPManager:
    other = World(here.database, here.host, here.clock, here.new_id, rng)
    return FlatDHCPManager(other, options=manager.options)


def test_a_certain_address_is_given_or_refused_by_name() -> None:
    """One that is in use, reserved, or not the network's is refused, each by nova's exception."""
    with flat_dhcp() as manager:
        net = network(manager)
        assert manager.allocate_fixed_ip(ALICE, uuid(1), net, address="10.0.0.50", host="h1") == "10.0.0.50"
        for address, refusal in (
            ("10.0.0.50", exception.FixedIpAlreadyInUse),
            ("10.0.0.1", exception.FixedIpNotFoundForNetwork),
            ("10.0.0.255", exception.FixedIpNotFoundForNetwork),
            ("10.0.1.7", exception.FixedIpNotFoundForNetwork),
            ("10.0.0.x", exception.FixedIpInvalid),
        ):
            with pytest.raises(refusal):
                manager.allocate_fixed_ip(ALICE, uuid(2), net, address=address, host="h1")
            with pytest.raises(refusal):
                manager.validate_networks(ALICE, [(net.uuid, address)])
        manager.validate_networks(ALICE, [(net.uuid, None), (net.id, "10.0.0.51")])
        with pytest.raises(exception.NetworkNotFound):
            manager.validate_networks(ALICE, [(uuid(9), None)])


def test_a_port_of_the_api_keeps_its_address() -> None:
    """An address that a port of the Networking API has is not given out, and is in use if asked for."""
    with flat_dhcp() as manager:
        net = network(manager)
        here = world_of(manager)
        (port,) = ports.create(here, [PortRequest(network_id=net.uuid)])
        address = str(port.value.fixed_ips[0].address)
        with pytest.raises(exception.FixedIpAlreadyInUse):
            manager.allocate_fixed_ip(ALICE, uuid(1), net, address=address, host="h1")
        with pytest.raises(ConflictError):
            manager.delete_network(ADMIN, None, net.uuid)


def test_what_the_api_takes_away_is_free() -> None:
    """An address that the Networking API takes from an interface's port, or a port that it deletes, is free here."""
    with flat_dhcp() as manager:
        network(manager)
        here = world_of(manager)
        for number in (1, 2):
            boot(manager, number)
        one, two = (manager.get_vifs_by_instance(ADMIN, uuid(number))[0].uuid for number in (1, 2))
        ports.update(here, one, PortRequest(fixed_ips=()))
        ports.delete(here, two)
        for address in ("10.0.0.2", "10.0.0.3"):
            assert state(manager, address) == (None, False, False)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert ports.find(here, {}) == []


def test_a_call_without_an_instance_touches_nothing() -> None:
    """Ports of the Networking API that are no instance's are not those of an instance without a uuid."""
    with flat_dhcp() as manager:
        net = network(manager)
        here = world_of(manager)
        ports.create(here, [PortRequest(network_id=net.uuid)])
        for call in (
            lambda: manager.deallocate_for_instance(ADMIN, instance={}),
            lambda: manager.allocate_fixed_ip(ADMIN, "", net),
            lambda: manager.allocate_for_instance(ADMIN, instance_id=""),
        ):
            with pytest.raises(InvalidError):
                call()
        assert manager.get_vifs_by_instance(ADMIN, "") == []
        assert len(ports.find(here, {})) == 1


def test_a_second_address_shares_the_interface() -> None:
    """One more fixed IP on the same network is the same interface's; with five an interface is full."""
    with flat_dhcp() as manager:
        net = network(manager)
        boot(manager, 1)
        info = manager.add_fixed_ip_to_instance(ALICE, uuid(1), "h1", net.id)
        assert addresses(info) == ["10.0.0.2", "10.0.0.3"]
        assert len(info) == 1
        for _ in range(3):
            manager.add_fixed_ip_to_instance(ALICE, uuid(1), "h1", net.uuid)
        with pytest.raises(exception.FixedIpAssociateFailed):
            manager.add_fixed_ip_to_instance(ALICE, uuid(1), "h1", net.uuid)


def test_one_address_is_taken_away_again() -> None:
    """remove_fixed_ip_from_instance takes that one; another instance's is no error of this one's."""
    with flat_dhcp() as manager:
        net = network(manager)
        boot(manager, 1)
        manager.add_fixed_ip_to_instance(ALICE, uuid(1), "h1", net.id)
        assert addresses(manager.remove_fixed_ip_from_instance(ALICE, uuid(1), "h1", "10.0.0.2")) == [
            "10.0.0.3"
        ]
        assert state(manager, "10.0.0.2") == (None, False, False)
        for number, address in ((1, "10.0.0.2"), (2, "10.0.0.3")):
            with pytest.raises(exception.FixedIpNotFoundForSpecificInstance) as refused:
                manager.remove_fixed_ip_from_instance(ALICE, uuid(number), "h1", address)
            assert refused.value.code == 400


def test_an_exhausted_network_says_so() -> None:
    """When all are in use, waiting ones included, NoMoreFixedIps; what is given back goes round again."""
    with flat_dhcp() as manager:
        network(manager, cidr="10.0.0.0/29")
        for number in range(5):
            boot(manager, number)
        with pytest.raises(exception.NoMoreFixedIps):
            boot(manager, 9)
        manager.lease_fixed_ip(ADMIN, "10.0.0.4")
        manager.deallocate_for_instance(ADMIN, instance=instance(2))
        with pytest.raises(exception.NoMoreFixedIps):
            boot(manager, 9)
        manager.release_fixed_ip(ADMIN, "10.0.0.4")
        assert addresses(boot(manager, 9)) == ["10.0.0.4"]


def test_what_was_given_back_is_reused_last() -> None:
    """A freed address comes back only after all others have been given out, the longest free first."""
    with flat_dhcp() as manager:
        network(manager, cidr="10.0.0.0/29")
        boot(manager, 1)
        boot(manager, 2)
        for number in (2, 1):
            manager.deallocate_for_instance(ADMIN, instance=instance(number))
        given = [addresses(boot(manager, number))[0][-1] for number in (3, 4, 5, 6, 7)]
        assert given == ["4", "5", "6", "2", "3"]


def test_an_address_waits_for_the_end_of_its_lease() -> None:
    """Given back while leased, it is kept with its instance until the release; never leased, it is free at once."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        boot(manager, 2)
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        assert state(manager, "10.0.0.2") == (uuid(1), True, True)
        for number in (1, 2):
            manager.deallocate_for_instance(ADMIN, instance=instance(number))
        assert state(manager, "10.0.0.2") == (uuid(1), False, True)
        assert state(manager, "10.0.0.3") == (None, False, False)
        assert ports.find(world_of(manager), {}) == []
        manager.release_fixed_ip(ADMIN, "10.0.0.2", "fa:16:3e:00:00:99")
        assert state(manager, "10.0.0.2") == (None, False, False)


def test_what_an_agent_tells_of_leases_is_heard() -> None:
    """Lease events of a host's agent count as lease_fixed_ip and release_fixed_ip do; it is asked for them."""
    with flat_dhcp() as manager:
        net = network(manager)
        here = world_of(manager)
        mac = Mac(str(boot(manager, 1)[0]["address"]))
        address = manager.get_fixed_ip(ADMIN, "10.0.0.2").address
        leases.record(here, [LeaseEvent(LeaseChange.TAKEN, net.uuid, address, mac)])
        assert state(manager, "10.0.0.2") == (uuid(1), True, True)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        leases.record(here, [LeaseEvent(LeaseChange.RELEASED, net.uuid, address, mac)])
        assert state(manager, "10.0.0.2") == (None, False, False)
        boot(manager, 2)
        (other,) = networks.create(here, [NetworkRequest(gateway_place=GatewayPlace.HOST)])
        ports.create(here, [PortRequest(network_id=other.value.id, host="h1", attachment=VmmTap())])
        items = plans.snapshot(here, HostName("h1")).items.values()
        told = {item.id: item.lease_events for item in items if isinstance(item, NetworkItem)}
        assert told == {net.uuid: True, other.value.id: False}


def test_a_release_of_an_allocated_address_only_ends_the_lease() -> None:
    """The guest let its lease end, and the address is still its own."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.release_fixed_ip(ADMIN, "10.0.0.2", manager.get_vifs_by_instance(ADMIN, uuid(1))[0].address)
        assert state(manager, "10.0.0.2") == (uuid(1), True, False)


def test_words_about_nobodys_address_change_nothing() -> None:
    """A lease or release of an address that no instance has is noticed in the log, and nothing is written."""
    with flat_dhcp() as manager:
        network(manager)
        with world_of(manager).look() as connection:
            before = connection.exec_driver_sql("SELECT count(*) FROM classic_fixed_ips").scalar_one()
        for address in ("10.0.0.7", "10.9.9.9"):
            manager.lease_fixed_ip(ADMIN, address)
            manager.release_fixed_ip(ADMIN, address)
        with world_of(manager).look() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM classic_fixed_ips").scalar_one() == before


@pytest.mark.parametrize("teller", ["own", "unknown", "none"])
def test_a_release_by_the_owner_frees_a_waiting_address(teller: str) -> None:
    """Of an address that waits, the owner's MAC, one that nobody has, or none at all, ends the waiting."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        own = manager.get_vifs_by_instance(ADMIN, uuid(1))[0].address
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_fixed_ip(ADMIN, "10.0.0.2")
        assert state(manager, "10.0.0.2") == (uuid(1), False, True)
        told = {"own": own, "unknown": "fa:16:3e:00:00:42", "none": None}[teller]
        manager.release_fixed_ip(ADMIN, "10.0.0.2", told)
        assert state(manager, "10.0.0.2") == (None, False, False)


def test_a_release_by_another_instance_is_ignored() -> None:
    """A late word from an instance that had the address before, gone or not, does not take it from the one that has it."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        boot(manager, 2)
        others = manager.get_vifs_by_instance(ADMIN, uuid(2))[0].address
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        for late in (others, "fa:16:3e:00:00:42"):
            manager.release_fixed_ip(ADMIN, "10.0.0.2", late)
            assert state(manager, "10.0.0.2") == (uuid(1), True, True)
        manager.deallocate_fixed_ip(ADMIN, "10.0.0.2")
        manager.release_fixed_ip(ADMIN, "10.0.0.2", others)
        assert state(manager, "10.0.0.2") == (uuid(1), False, True)


def test_a_lost_release_ends_with_the_timeout() -> None:
    """After fixed_ip_disassociate_timeout the host that serves the network frees it; no other host, no sooner."""
    with flat_dhcp(fixed_ip_disassociate_timeout=600) as manager:
        net = network(manager)
        boot(manager, 1)
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        manager._disassociate_stale_fixed_ips(ADMIN)
        assert state(manager, "10.0.0.2") == (uuid(1), False, True)
        here = world_of(manager)
        later = World(
            here.database, here.host, lambda: here.clock() + timedelta(seconds=601), here.new_id, here.rng
        )
        assert serving(FlatDHCPManager, later, host="h1").set_network_host(ADMIN, net) == "h1"
        for host, expected in (("h2", (uuid(1), False, True)), ("h1", (None, False, False))):
            serving(FlatDHCPManager, later, host=host)._disassociate_stale_fixed_ips(ADMIN)
            assert state(manager, "10.0.0.2") == expected


def test_the_server_frees_what_agents_guests_left() -> None:
    """Where agents serve, the manager beside the server frees whatever waited too long."""
    with flat_dhcp(fixed_ip_disassociate_timeout=1) as manager:
        network(manager)
        boot(manager, 1)
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        manager.run_periodic_tasks(ADMIN)
        assert state(manager, "10.0.0.2") == (None, False, False)


def test_a_stale_address_of_a_multi_host_network_is_the_instances_hosts() -> None:
    """Where each host serves its own guests, the guest's host frees what waited too long."""
    with flat_dhcp() as manager:
        network(manager, multi_host=True)
        boot(manager, 1, host="h2")
        (address,) = addresses(manager.get_instance_nw_info(ADMIN, uuid(1), None, None))
        manager.lease_fixed_ip(ADMIN, address)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        here = world_of(manager)
        later = here.clock() + timedelta(seconds=1)
        assert classic_fixed_ips.free_stale(here, later, HostName("h1")) == 0
        assert classic_fixed_ips.free_stale(here, later, HostName("h2")) == 1


def test_flat_addresses_are_free_at_once() -> None:
    """Without DHCP there is no lease to wait for."""
    with flat() as manager:
        network(manager)
        boot(manager, 1)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert state(manager, "10.0.0.2") == (None, False, False)
        assert manager.timeout_fixed_ips is False


def test_without_teardown_an_address_waits() -> None:
    """deallocate_fixed_ip with teardown=False ends the allocation only, as for a dead host's instance."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        manager.deallocate_fixed_ip(ADMIN, "10.0.0.2", teardown=False)
        assert state(manager, "10.0.0.2") == (uuid(1), False, False)


def test_deallocating_twice_is_no_error() -> None:
    """An instance without interfaces, one that is gone, and an address that is free are given back in peace."""
    with flat_dhcp() as manager:
        network(manager)
        boot(manager, 1)
        for _ in range(2):
            manager.deallocate_for_instance(ADMIN, instance_id=uuid(1))
            manager.deallocate_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(77))


def test_fixed_ips_have_a_quota() -> None:
    """A project has as many allocated fixed IPs as it may; what it gives back counts no more, leased or not."""
    with flat_dhcp(quota_fixed_ips=2) as manager:
        network(manager)
        boot(manager, 1)
        boot(manager, 2)
        with pytest.raises(exception.FixedIpLimitExceeded) as refused:
            boot(manager, 3)
        assert (refused.value.code, refused.value.limit) == (403, 2)
        boot(manager, 4, BOB)
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        boot(manager, 3)
        quotas.set_limit(world_of(manager), "alice", "fixed_ips", 3)
        boot(manager, 5)
        quotas.set_limit(world_of(manager), "alice", "fixed_ips", None)
        with pytest.raises(exception.FixedIpLimitExceeded):
            boot(manager, 6)
        for resource, limit in (("servers", 1), ("fixed_ips", -2)):
            with pytest.raises(InvalidError):
                quotas.set_limit(world_of(manager), "alice", resource, limit)


def test_vlan_networks_have_no_quota_of_fixed_ips() -> None:
    """Under VlanManager the project's network is the limit."""
    with vlan(quota_fixed_ips=0) as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert addresses(boot(manager, 1)) == ["10.0.0.3"]


def test_an_operator_reserves_an_address() -> None:
    """A reserved address is given to nobody, shows as reserved, and can be had again when it is unreserved."""
    with flat_dhcp() as manager:
        network(manager)
        here = world_of(manager)
        classic_fixed_ips.reserve(here, manager.get_fixed_ip(ADMIN, "10.0.0.2").address)
        assert manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2").reserved
        assert addresses(boot(manager, 1)) == ["10.0.0.3"]
        two = manager.get_fixed_ip(ADMIN, "10.0.0.2").address
        three = manager.get_fixed_ip(ADMIN, "10.0.0.3").address
        with pytest.raises(exception.FixedIpAlreadyInUse):
            classic_fixed_ips.reserve(here, three)
        with pytest.raises(exception.FixedIpNotFoundForAddress):
            classic_fixed_ips.unreserve(here, three)
        classic_fixed_ips.unreserve(here, two)
        assert state(manager, "10.0.0.2") == (None, False, False)
        with pytest.raises(exception.FixedIpNotFoundForAddress):
            manager.get_fixed_ip_by_address(ADMIN, "10.9.9.9")


def test_the_vpns_address_is_for_the_vpn() -> None:
    """vpn=True has the network's reserved private address; given back, it is reserved again."""
    with vlan() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert addresses(boot(manager, 1, vpn=True)) == ["10.0.0.2"]
        with pytest.raises(exception.FixedIpAlreadyInUse):
            boot(manager, 2, vpn=True)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        found = manager.get_fixed_ip_by_address(ADMIN, "10.0.0.2")
        assert (found.reserved, found.instance_uuid, found.allocated) == (True, None, False)
        assert addresses(boot(manager, 3, vpn=True)) == ["10.0.0.2"]
