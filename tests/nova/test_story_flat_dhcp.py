"""FlatDHCPManager's story: one bridge, one gateway and DHCP server for two hosts' guests."""

from __future__ import annotations

from nova.managers import ADMIN, uuid
from nova.town_life import live
from nova.towns import town


def test_an_instances_life_from_its_first_lease_to_its_last() -> None:
    """Address, floating IP and open connections follow a guest to the other host; when it is gone all is free."""
    with town() as there:
        live(there)


def test_a_release_that_is_lost_frees_the_address_in_time() -> None:
    """With its DHCP server killed at the wrong moment an address waits, and after the timeout another has it."""
    with town(cidr="10.0.0.0/29", teardown_unused_network_gateway=False, force_dhcp_release=False) as there:
        one, two = there.hosts
        first = there.boot(one, 1)
        assert first.lease()
        there.tick()
        there.delete(first)
        assert there.fixed(first.fixed).instance_uuid == uuid(1)
        there.wait(601)
        there.tick()
        assert there.fixed(first.fixed).instance_uuid is None
        second = there.boot(two, 2, requested_networks=[(there.network.uuid, first.fixed)])
        there.tick()
        assert second.mac != first.mac
        assert second.lease(), "the last owner's lease stands in the way"
        there.tick()
        with one.inside() as manager:
            manager.release_fixed_ip(ADMIN, first.fixed, first.mac)
        assert there.fixed(second.fixed).leased
        assert second.reaches("10.0.0.1")


def test_when_the_host_of_the_network_is_killed_the_other_takes_it_over() -> None:
    """Its guests get gateway, DHCP server and floating IP from there, evacuated ones too; the one that is back lets go."""
    with town() as there:
        one, two = there.hosts
        lost, kept = there.boot(one, 1), there.boot(two, 2)
        there.tick()
        assert lost.lease()
        assert kept.lease()
        there.float_to(kept)
        assert there.reaches()
        there.kill(one)
        assert not kept.reaches("10.0.0.1")
        there.tick()
        assert two.addresses() == {"10.0.0.1/28"}
        assert kept.reaches("10.0.0.1")
        assert kept.lease()["new_dhcp_server_identifier"] == "10.0.0.1"
        assert there.holders() == ["h2"]
        assert there.reaches()
        there.evacuate(lost, two)
        assert lost.lease()
        assert lost.reaches(kept.fixed)
        there.revive(one)
        there.tick()
        assert one.addresses() == set()
        assert one.dnsmasq() == []
        assert there.holders() == ["h2"]
        assert there.reaches()
        assert kept.reaches("10.0.0.1")
