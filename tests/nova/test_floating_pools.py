"""Pools of floating IPs in bulk, and ranges of addresses as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network

import pytest
from asking import networks, subnets
from hypothesis import given
from hypothesis import strategies as st
from nova.managers import ADMIN
from worlds import world

from netwright.control.address_ranges import Run, covered, hosts_of, joined, without
from netwright.control.fixed_ips import is_usable
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.model.errors import InvalidError
from netwright.nova import exception
from netwright.nova.floating_ips import LocalManager
from netwright.nova.options import NetworkOptions

ENDS = st.integers(min_value=int(IPv4Address("203.0.0.0")), max_value=int(IPv4Address("203.0.2.255")))
RUNS = st.lists(st.tuples(ENDS, ENDS).map(lambda ends: (min(ends), max(ends))), max_size=6)


@contextmanager
def local() -> Iterator[LocalManager]:
    with world() as here:
        yield LocalManager(here, options=NetworkOptions(host="h1", public_interface="eth9"))


def listed(manager: LocalManager) -> list[str]:
    return [str(one.address) for one in manager.list_floating_ips_bulk(ADMIN)]


def hosts_between(first: int, last: int) -> list[str]:
    return [f"203.0.113.{number}" for number in range(first, last + 1)]


def test_a_range_is_its_prefixes_hosts() -> None:
    """A prefix brings its hosts, without network and broadcast address; a single address brings itself."""
    with local() as manager:
        assert manager.create_floating_ips_bulk(ADMIN, "203.0.113.16/29", "pub", "eth1") == 6
        assert manager.create_floating_ips_bulk(ADMIN, "203.0.113.40") == 1
        assert listed(manager) == [*hosts_between(17, 22), "203.0.113.40"]
        found = {str(one.address): (one.pool, one.interface) for one in manager.list_floating_ips_bulk(ADMIN)}
        assert found["203.0.113.17"] == ("pub", "eth1")
        assert found["203.0.113.40"] == ("nova", "eth9")


@pytest.mark.parametrize(
    "wrong", ["203.0.113.0/31", "203.0.113.4/32", "10.0.0.0/8", "fd00::/64", "203.0.113", "", "a\nb", "1-2"]
)
def test_ranges_that_cannot_be_are_refused(wrong: str) -> None:
    """Prefixes of fewer than four addresses, more than a million, IPv6 and nonsense make nothing."""
    with local() as manager:
        with pytest.raises(InvalidError):
            manager.create_floating_ips_bulk(ADMIN, wrong)
        assert listed(manager) == []
        assert manager.get_floating_ip_pools(ADMIN) == []


@pytest.mark.parametrize(
    ("pool", "interface"), [("", "eth0; reboot"), ("nova", "a" * 16), ("no\nva", "eth0")]
)
def test_names_that_cannot_be_are_refused(pool: str, interface: str) -> None:
    """A pool's name is a line of text, and an interface's what a kernel takes."""
    with local() as manager, pytest.raises(InvalidError):
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.4", pool, interface)


def test_an_address_is_in_one_pool_only() -> None:
    """A range of which a pool has one address already makes nothing, whatever its pool."""
    with local() as manager:
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.20")
        for pool in ("nova", "other"):
            with pytest.raises(exception.FloatingIpExists):
                manager.create_floating_ips_bulk(ADMIN, "203.0.113.0/24", pool)
        assert listed(manager) == ["203.0.113.20"]


def test_a_part_of_a_range_goes_and_comes_back() -> None:
    """Deleting the middle of a range leaves its ends, and the middle can be made again, there or elsewhere."""
    with local() as manager:
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.0/28")
        assert manager.delete_floating_ips_bulk(ADMIN, "203.0.113.4/30") == 2
        assert listed(manager) == [*hosts_between(1, 4), *hosts_between(7, 14)]
        with pytest.raises(exception.FloatingIpNotFoundForAddress):
            manager.delete_floating_ips_bulk(ADMIN, "203.0.113.5")
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.5")
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.6", pool="other")
        assert listed(manager) == hosts_between(1, 14)
        assert manager.delete_floating_ips_bulk(ADMIN, "203.0.113.0/24") == 14
        assert listed(manager) == []
        assert manager.get_floating_ip_pools(ADMIN) == []


def test_many_holes_are_no_matter() -> None:
    """Every second address of a range can go, each by itself."""
    with local() as manager:
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.0/25")
        for number in range(2, 127, 2):
            manager.delete_floating_ips_bulk(ADMIN, f"203.0.113.{number}")
        assert listed(manager) == [f"203.0.113.{number}" for number in range(1, 127, 2)]


def test_a_projects_floating_ip_is_not_deleted() -> None:
    """A range with an allocated address stays whole."""
    with local() as manager:
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.0/29")
        address = manager.allocate_floating_ip(ADMIN, "alice")
        with pytest.raises(exception.FloatingIpInUse, match=address):
            manager.delete_floating_ips_bulk(ADMIN, "203.0.113.0/29")
        assert listed(manager) == hosts_between(1, 6)
        manager.deallocate_floating_ip(ADMIN, address)
        manager.delete_floating_ips_bulk(ADMIN, "203.0.113.0/29")
        assert listed(manager) == []


def test_a_large_range_needs_no_row_for_an_address() -> None:
    """Nearly a million addresses are one subnet, and one of them is found and given out at once."""
    with local() as manager:
        assert manager.create_floating_ips_bulk(ADMIN, "10.0.0.0/13") == 524_286
        assert len(subnets.find(manager._cloud.world, {})) == 1
        assert manager.allocate_floating_ip(ADMIN, "alice").startswith("10.")
        assert manager.get_floating_ip_by_address(ADMIN, "10.7.255.254").project_id is None


def test_an_external_network_is_a_pool() -> None:
    """A network made external by the Networking API is a pool of its name, and outlives its last range."""
    with local() as manager:
        here = manager._cloud.world
        (made,) = networks.create(here, [NetworkRequest(name="public", external=True, uplink="eth1")])
        subnets.create(here, [SubnetRequest(network_id=made.value.id, cidr=IPv4Network("203.0.113.0/29"))])
        assert manager.get_floating_ip_pools(ADMIN) == ["public"]
        assert listed(manager) == hosts_between(2, 6)
        assert manager.allocate_floating_ip(ADMIN, "alice", pool="public") in hosts_between(2, 6)
        here_again = manager.list_floating_ips_bulk(ADMIN, host="h1")
        assert here_again == []


def test_bulk_lists_one_hosts() -> None:
    """With a host's name, only the floating IPs of instances there are listed."""
    with local() as manager:
        manager.create_floating_ips_bulk(ADMIN, "203.0.113.4")
        manager.allocate_floating_ip(ADMIN, "alice")
        assert manager.list_floating_ips_bulk(ADMIN, host="h1") == []


def numbers(runs: list[Run]) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


@given(RUNS)
def test_covers_hold_every_address_and_no_two_overlap(runs: list[Run]) -> None:
    """The prefixes of ranges are disjoint, the ranges in them are all there is, and every address is usable."""
    covers = covered(runs)
    assert numbers([run for _, own in covers for run in own]) == numbers(runs)
    for at, (prefix, own) in enumerate(covers):
        assert not any(prefix.overlaps(other) for other, _ in covers[at + 1 :])
        assert all(is_usable(prefix, IPv4Address(end)) for run in own for end in run)


@given(RUNS, st.tuples(ENDS, ENDS).map(lambda ends: (min(ends), max(ends))))
def test_what_is_cut_out_is_gone(runs: list[Run], cut: Run) -> None:
    """Joined ranges have the same addresses; without a cut they have the same but those."""
    assert numbers(joined(runs)) == numbers(runs)
    assert numbers(without(runs, cut)) == numbers(runs) - numbers([cut])


def test_a_prefixs_hosts() -> None:
    """A single address is its own host; other prefixes keep network and broadcast address back."""
    assert hosts_of(IPv4Network("10.0.0.4/32")) == (int(IPv4Address("10.0.0.4")),) * 2
    assert hosts_of(IPv4Network("10.0.0.0/30")) == (
        int(IPv4Address("10.0.0.1")),
        int(IPv4Address("10.0.0.2")),
    )
