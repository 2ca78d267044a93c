"""Calls that fail half-way: what they took is given back, and what they left undone can be asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asking import ports
from nova.managers import ADMIN, ALICE, addresses, boot, flat_dhcp, instance, uuid, world_of

from netwright.model.errors import KernelRefusedError
from netwright.nova.floating_ips import LocalManager
from netwright.nova.manager import FlatDHCPManager


@contextmanager
def broken(place: Path) -> Iterator[None]:
    """MiniDNS's directory is none meanwhile."""
    aside = place.with_name("aside")
    place.rename(aside)
    place.write_text("")
    yield
    place.unlink()
    aside.rename(place)


@contextmanager
def named(place: Path, **options: object) -> Iterator[FlatDHCPManager]:
    """A manager with a network, a pool, and names in files in that directory."""
    place.mkdir()
    files: dict[str, object] = {
        "instance_dns_manager": "minidns",
        "floating_ip_dns_manager": "minidns",
        "minidns_file": place / "names.txt",
        "instance_dns_domain": "guests.org",
    }
    with flat_dhcp(**files, **options) as manager:
        manager.create_networks(ADMIN, "net", "10.0.0.0/24", bridge="br100")
        LocalManager(world_of(manager)).create_floating_ips_bulk(ADMIN, "203.0.113.0/28")
        yield manager


def names(place: Path) -> str:
    return (place / "names.txt").read_text()


def test_an_allocation_whose_names_fail_leaves_nothing(tmp_path: Path) -> None:
    """The caller is told, and neither interface nor address is left: trying again does not add to them."""
    place = tmp_path / "dns"
    with named(place) as manager:
        for _ in range(2):
            with broken(place), pytest.raises(KernelRefusedError):
                boot(manager, 1)
            assert ports.find(world_of(manager), {}) == []
        assert len(addresses(boot(manager, 1))) == 1


def test_a_further_address_whose_names_fail_leaves_the_first(tmp_path: Path) -> None:
    """Only what the failed call took is given back: the interface and its own address stay."""
    place = tmp_path / "dns"
    with named(place) as manager:
        before = addresses(boot(manager, 1))
        with broken(place), pytest.raises(KernelRefusedError):
            manager.add_fixed_ip_to_instance(ALICE, uuid(1), "h1", 1)
        assert addresses(manager.get_instance_nw_info(ADMIN, uuid(1), None, "h1")) == before


def test_a_deletion_whose_names_fail_can_be_asked_for_again(tmp_path: Path) -> None:
    """No name of an instance outlives the claim on its address: the next owner would answer to it."""
    place = tmp_path / "dns"
    with named(place) as manager:
        boot(manager, 1)
        with broken(place), pytest.raises(KernelRefusedError):
            manager.deallocate_for_instance(ADMIN, instance=instance(1))
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert "guests.org" not in names(place)


def test_a_floating_ip_whose_names_fail_can_be_given_back_again(tmp_path: Path) -> None:
    """It stays the project's for as long as it has the project's names."""
    place = tmp_path / "dns"
    with named(place) as manager:
        address = manager.allocate_floating_ip(ALICE, "alice")
        manager.create_public_dns_domain(ADMIN, "alice.org", "alice")
        manager.add_dns_entry(ALICE, address, "www", "A", "alice.org")
        with broken(place), pytest.raises(KernelRefusedError):
            manager.deallocate_floating_ip(ALICE, address)
        manager.deallocate_floating_ip(ALICE, address)
        assert "www" not in names(place)
        assert manager.get_floating_ips_by_project(ALICE) == []


def test_an_auto_assigned_floating_ip_whose_names_fail_goes_at_the_second_try(tmp_path: Path) -> None:
    """The instance's deletion can be asked for again, and leaves no name of the floating IP."""
    place = tmp_path / "dns"
    with named(place, auto_assign_floating_ip=True) as manager:
        boot(manager, 1)
        manager.create_public_dns_domain(ADMIN, "alice.org", "alice")
        (record,) = [
            one for one in LocalManager(world_of(manager)).list_floating_ips_bulk(ADMIN) if one.project_id
        ]
        manager.add_dns_entry(ALICE, str(record.address), "www", "A", "alice.org")
        with broken(place), pytest.raises(KernelRefusedError):
            manager.deallocate_for_instance(ADMIN, instance=instance(1))
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert "www" not in names(place)
        assert manager.get_floating_ip_by_address(ADMIN, record.address).project_id is None
