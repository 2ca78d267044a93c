"""Addresses are given once each, at the same cost whatever the size of the pool."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

import pytest
import sqlalchemy as sa
from asking import networks, subnets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import world

from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.model.ids import SubnetId
from netwright.model.intent import GatewayPlace, Pool
from netwright.store import addresses
from netwright.store.addresses import Holder

ANYONE = Holder()


def subnet_of(here, cidr: str) -> SubnetId:
    network = networks.create(here, [NetworkRequest(gateway_place=GatewayPlace.ROUTER)])[0].value.id
    request = SubnetRequest(network_id=network, cidr=ip_network(cidr), enable_dhcp=False)
    return subnets.create(here, [request])[0].value.id


@given(
    bounds=st.lists(st.integers(1, 60), min_size=2, max_size=6, unique=True).map(sorted),
    seed=st.integers(0, 1000),
    named=st.sets(st.integers(1, 60), max_size=10),
    family=st.sampled_from(["10.0.0.0/26", "fd00::/122"]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_pool_gives_each_of_its_addresses_once(bounds, seed, named, family) -> None:
    """Taken until nothing is left, pools give exactly their addresses that were not taken by name before."""
    base = ip_network(family).network_address
    pools = [Pool(base + low, base + high) for low, high in zip(bounds[::2], bounds[1::2], strict=False)]
    wanted = {
        base + at for low, high in zip(bounds[::2], bounds[1::2], strict=False) for at in range(low, high + 1)
    }
    rng = random.Random(seed)
    with world() as here:
        subnet = subnet_of(here, family)
        with here.work() as work:
            for at in named:
                assert addresses.take(work.connection, subnet, base + at, ANYONE)
                assert not addresses.take(work.connection, subnet, base + at, ANYONE)
            given_out = []
            while (found := addresses.take_free(work.connection, subnet, pools, ANYONE, rng)) is not None:
                given_out.append(found)
    assert len(given_out) == len(set(given_out))
    assert set(given_out) == wanted - {base + at for at in named}


def test_the_last_address_of_a_large_pool_is_found_at_once() -> None:
    """In a nearly full /20 the one free address costs a handful of statements, as an address of an empty /8 does."""
    with world() as here:
        small, large = subnet_of(here, "10.0.0.0/20"), subnet_of(here, "11.0.0.0/8")
        pool = Pool(ip_address("10.0.0.1"), ip_address("10.0.15.254"))
        with here.work() as work:
            for number in range(int(pool.start), int(pool.end) + 1):
                if number % 4096 != 4000:
                    addresses.take(work.connection, small, ip_address(number), ANYONE)
            said: list[str] = []
            sa.event.listen(work.connection, "before_cursor_execute", lambda *given: said.append(given[2]))
            last = addresses.take_free(work.connection, small, [pool], ANYONE, random.Random(1))
            assert len(said) < 10
            said.clear()
            whole = [Pool(ip_address("11.0.0.1"), ip_address("11.255.255.254"))]
            assert addresses.take_free(work.connection, large, whole, ANYONE, random.Random(1)) is not None
            assert len(said) < 3
    assert last == ip_address(int(ip_address("10.0.0.0")) + 4000)


@given(st.ip_addresses())
def test_a_key_is_its_address(address) -> None:
    """Keys are 16 bytes, and the address can be read back (IPv4-mapped IPv6 addresses apart)."""
    key = addresses.key_of(address)
    assert len(key) == 16
    if address.version == 4 or address.ipv4_mapped is None:
        assert addresses.address_of(key) == address


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.data())
def test_keys_sort_as_addresses_do(version, data) -> None:
    """The order of the keys is the order of the addresses, so that a pool is a range of keys."""
    one, other = data.draw(st.ip_addresses(v=version)), data.draw(st.ip_addresses(v=version))
    assert (one < other) == (addresses.key_of(one) < addresses.key_of(other))
