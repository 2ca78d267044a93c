"""What becomes of leases as DHCP servers tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from asking import networks, ports, subnets
from hypothesis import given
from hypothesis import strategies as st
from worlds import world

from netwright.control import leases
from netwright.control.leases import after_events
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.ids import HostName, Mac, NetworkId, SubnetId
from netwright.model.intent import GatewayPlace
from netwright.model.leases import LeaseChange, LeaseEvent, LeaseReport
from netwright.store.leases import LeaseKey
from netwright.wire.codec import WireError, decode_leases, encode_leases

A, B = Mac("fa:16:3e:00:00:0a"), Mac("fa:16:3e:00:00:0b")
FIVE = ip_address("10.0.0.5")
NOBODYS = NetworkId("00000000-0000-4000-8000-000000000000")


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        yield made


def network(here: World, cidr: str = "10.0.0.0/24") -> tuple[NetworkId, SubnetId]:
    request = NetworkRequest(gateway_place=GatewayPlace.ROUTER)
    made = networks.create(here, [request])[0].value.id
    subnet = subnets.create(here, [SubnetRequest(network_id=made, cidr=ip_network(cidr))])[0].value.id
    return made, subnet


def test_a_lease_is_kept_until_it_is_released(here: World) -> None:
    """Leased is what was told last; telling it again says that nothing changed."""
    net, subnet = network(here)
    assert not leases.is_leased(here, subnet, FIVE)
    assert leases.lease(here, FIVE, A, net)
    assert not leases.lease(here, FIVE, A, net)
    assert leases.is_leased(here, subnet, FIVE)
    assert leases.release(here, FIVE, A, net)
    assert not leases.release(here, FIVE, A, net)
    assert not leases.is_leased(here, subnet, FIVE)


def test_a_late_release_of_the_old_owner_leaves_the_new_one_its_lease(here: World) -> None:
    """A release counts only for the client that has the address now; without a MAC it counts for whoever has it."""
    net, subnet = network(here)
    leases.lease(here, FIVE, A, net)
    leases.lease(here, FIVE, B, net)
    assert not leases.release(here, FIVE, A, net)
    assert leases.is_leased(here, subnet, FIVE)
    assert leases.release(here, FIVE, None, net)


def test_networks_with_one_range_are_told_apart(here: World) -> None:
    """A lease is its own network's; without a network it is known only where one subnet has the address."""
    (first, of_first), (_, of_second) = network(here), network(here)
    leases.lease(here, FIVE, A, first)
    assert leases.is_leased(here, of_first, FIVE)
    assert not leases.is_leased(here, of_second, FIVE)
    assert not leases.release(here, FIVE, A)
    _, of_third = network(here, "10.3.0.0/24")
    assert leases.lease(here, ip_address("10.3.0.5"), A)
    assert leases.is_leased(here, of_third, ip_address("10.3.0.5"))
    assert [found.subnet for found in leases.of_address(here, FIVE)] == [of_first]


def test_what_is_not_ours_is_ignored(here: World) -> None:
    """Events of unknown networks, and of addresses outside of the network's subnets, change nothing."""
    net, _ = network(here)
    assert not leases.lease(here, FIVE, A, NOBODYS)
    assert not leases.lease(here, ip_address("192.0.2.1"), A, net)
    assert leases.of_network(here, net) == []


def test_a_mac_that_is_none_is_ignored(here: World) -> None:
    """Text that is no MAC address is not kept, and what is told beside it is."""
    net, _ = network(here)
    wrong, right = (
        LeaseEvent(LeaseChange.TAKEN, net, FIVE + at, mac) for at, mac in enumerate((Mac("'; DROP"), A))
    )
    assert [found.mac for found in leases.record(here, [wrong, right])] == [A]


def test_stale_leases_are_those_that_no_port_stands_for(here: World) -> None:
    """A lease is stale when it is old and no port has both its address and its MAC."""
    net, subnet = network(here)
    port = ports.create(here, [PortRequest(network_id=net)])[0].value
    leases.lease(here, port.fixed_ips[0].address, port.mac, net)
    other = next(ip for ip in ip_network("10.0.0.0/24").hosts() if ip != port.fixed_ips[0].address)
    leases.lease(here, other, A, net)
    now = here.clock() + timedelta(hours=1)
    assert [found.address for found in leases.stale(here, now)] == [other]
    assert leases.stale(here, now - timedelta(days=1)) == []
    leases.forget(here, [LeaseKey(subnet, other)])
    assert leases.stale(here, now) == []
    ports.delete(here, port.id)
    assert [found.mac for found in leases.stale(here, now)] == [port.mac]


def test_a_thousand_leases_are_one_batch(here: World) -> None:
    """A batch of any size is kept whole, and a network's leases come by address."""
    net, _ = network(here, "10.0.0.0/20")
    told = [
        LeaseEvent(
            LeaseChange.TAKEN,
            net,
            ip_address("10.0.1.0") + number,
            Mac(f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}"),
        )
        for number in range(1500)
    ]
    assert len(leases.record(here, told[::-1])) == 1500
    assert [found.address for found in leases.of_network(here, net)] == [event.address for event in told]
    assert leases.record(here, told) == []


KEY = LeaseKey(SubnetId("s"), FIVE)
EVENTS = st.lists(
    st.builds(
        LeaseEvent,
        st.sampled_from(LeaseChange),
        st.just("n"),
        st.just(FIVE),
        st.sampled_from([A, B]),
    ),
    max_size=12,
)


@given(EVENTS, st.integers(0, 12))
def test_events_told_again_lead_to_the_same(events: list[LeaseEvent], at: int) -> None:
    """Whoever was killed and tells the last events again changes nothing about who has the address."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    once = after_events({}, [(KEY, event) for event in events], now)
    assert after_events(once, [(KEY, event) for event in events[at:]], now) == once


def test_reports_survive_the_wire() -> None:
    """A report of leases comes back as it was, with and without MAC; anything else is refused."""
    told = LeaseReport(
        HostName("h1"),
        (
            LeaseEvent(LeaseChange.TAKEN, "n", FIVE, A),
            LeaseEvent(LeaseChange.RELEASED, "", ip_address("fd00::5"), None),
        ),
    )
    assert decode_leases(encode_leases(told)) == told
    for wrong in (b"", b"[]", encode_leases(told).replace(b"10.0.0.5", b"10.0.0.500")):
        with pytest.raises(WireError):
            decode_leases(wrong)
