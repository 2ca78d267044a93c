"""What nova's own tests held it to and no other test here has; docs/nova/edge-cases.md has them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nova.clouds import DRIVERS, Cloud, cloud, vif
from nova.clouds import instance as guest
from nova.manager_hosts import BRIDGE, hosts, leased
from nova.managers import ADMIN, ALICE, addresses, flat_dhcp, instance, uuid, world_of
from worlds import world

from netwright.control import classic_fixed_ips
from netwright.model.errors import ConflictError, InvalidError, NetwrightError, NotFoundError
from netwright.nova import exception
from netwright.nova.floating_ips import LocalManager
from netwright.nova.linux_host import linux_host
from netwright.nova.manager import FlatDHCPManager
from netwright.nova.options import NetworkOptions
from netwright.testing import frames
from netwright.testing.frames import End

A, B = (vif(number, f"10.31.0.{10 + number}") for number in (1, 2))


def test_an_allocation_by_the_name_that_remote_calls_had() -> None:
    """_rpc_allocate_fixed_ip gives the address that is asked for, and the host's dnsmasq knows it at once."""
    with hosts("h1") as (_, (host,)), host.inside() as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        asked = {"network_id": net.id, "address": "10.0.0.9", "vpn": False, "instance": instance(1)}
        assert manager._rpc_allocate_fixed_ip(ADMIN, instance_id=uuid(1), **asked) == "10.0.0.9"
        with pytest.raises(exception.FixedIpAlreadyInUse):
            manager._rpc_allocate_fixed_ip(ADMIN, instance_id=uuid(2), **{**asked, "instance": instance(2)})
        assert host.dnsmasq()
        served = (host.directory / "state/networks" / f"nova-{BRIDGE}.conf").read_text()
        assert "vm1.novalocal,10.0.0.9" in served
        assert "vm2" not in served


def test_an_interfaces_second_address_is_served_when_the_first_has_gone() -> None:
    """add_fixed_ip_to_instance leaves the guest its address; remove_fixed_ip_from_instance has it get the other."""
    with hosts("h1") as (_, (host,)):
        with host.inside() as manager:
            (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        client = host.boot(1)
        assert leased(client) == "10.0.0.2"
        with host.inside() as manager:
            info = manager.add_fixed_ip_to_instance(ADMIN, uuid(1), "h1", net.id)
        assert addresses(info) == ["10.0.0.2", "10.0.0.3"]
        assert leased(client) == "10.0.0.2"
        with host.inside() as manager:
            info = manager.remove_fixed_ip_from_instance(ADMIN, uuid(1), "h1", "10.0.0.2")
        assert addresses(info) == ["10.0.0.3"]
        client.forget()
        assert leased(client) == "10.0.0.3"


def test_an_address_without_an_interface_is_given_back_in_peace() -> None:
    """One that an operator reserved stays reserved, and one that nobody ever had stays free: nothing is released."""
    with hosts("h1") as (world, (host,)), host.inside() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        host.boot(1)
        kept = manager.get_fixed_ip(ADMIN, "10.0.0.7")
        classic_fixed_ips.reserve(world, kept.address)
        for address in ("10.0.0.7", "10.0.0.8"):
            manager.deallocate_fixed_ip(ADMIN, address)
            manager.release_fixed_ip(ADMIN, address)
        assert manager.get_fixed_ip(ADMIN, "10.0.0.7").reserved
        assert not manager.get_fixed_ip(ADMIN, "10.0.0.8").allocated
        assert host.dnsmasq()


def test_a_floating_ip_given_back_twice_counts_once() -> None:
    """The second deallocation gives the project no place in its quota that it has not."""
    with flat_dhcp(quota_floating_ips=2, public_interface="eth9") as manager:
        LocalManager(world_of(manager), options=manager.options).create_floating_ips_bulk(
            ADMIN, "203.0.113.0/28"
        )
        first, _ = (manager.allocate_floating_ip(ALICE, "alice") for _ in range(2))
        for _ in range(2):
            manager.deallocate_floating_ip(ALICE, first)
        manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.FloatingIpLimitExceeded):
            manager.allocate_floating_ip(ALICE, "alice")


@pytest.mark.parametrize("name", exception.__all__)
def test_what_is_expected_has_a_status(name: str) -> None:
    """Each of nova's refusals has its HTTP status (a MAC that cannot be had was the server's fault), and is one of
    the house's own by its class."""
    refusal = getattr(exception, name)
    assert refusal.code == 500 if name.startswith("VirtualInterface") else 400 <= refusal.code < 500
    assert issubclass(refusal, NetwrightError)
    assert issubclass(refusal, InvalidError | NotFoundError | ConflictError)


def test_the_network_driver_is_linux_net() -> None:
    """By nova's module, ours, or the bare name; a manager of a host by another one is refused, as nova ended."""
    with world() as here:
        for name in ("nova.network.linux_net", "netwright.nova.linux_net", "linux_net"):
            FlatDHCPManager(here, on=linux_host(NetworkOptions(network_driver=name)))
        with pytest.raises(InvalidError) as refused:
            FlatDHCPManager(here, on=linux_host(NetworkOptions(network_driver="site.network.own")))
        assert refused.value.field == "network_driver"


@pytest.fixture(params=DRIVERS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path / "run", request.param) as made:
        yield made


def test_a_vpn_image_lifts_no_filter(host: Cloud) -> None:
    """Whatever image an instance says that it has, it sends as itself alone."""
    driver, who = host.driver(), {**guest(1, "default"), "image_ref": "0", "image_id": "0"}
    host.plug(A, B)
    guests = host.wired((who, A), (guest(2), B))
    driver.setup_basic_filtering(who, [A])
    driver.prepare_instance_filter(who, [A])
    near, far = guests.end(0), guests.end(1)
    assert guests.arrives(0, 1, frames.udp(near, far, (7, 7), b"x"))
    assert not guests.arrives(0, 1, frames.udp(End(near.mac, near.address + 7), far, (7, 7), b"x"))
