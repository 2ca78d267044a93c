"""The multi_host network's story: each host is gateway and DHCP server of its own guests."""

from __future__ import annotations

from nova.managers import ADMIN
from nova.towns import FLOATING, STREET, connected, pings, talk, town

from netwright.testing.namespaces import eventually


def test_an_instance_moves_between_hosts_that_share_an_address() -> None:
    """Its gateway is where it is: address, floating IP and open connections go along, and it is free after its end."""
    with town(multi_host=True, share_address=True, bridge_interface="eth1") as there:
        one, two = there.hosts
        guest, neighbour = there.boot(one, 1), there.boot(two, 2)
        for each in (guest, neighbour):
            assert each.lease()["new_routers"] == "10.0.0.1"
        there.tick()
        assert there.fixed(guest.fixed).leased
        assert [host.addresses() for host in there.hosts] == [{"10.0.0.1/28"}] * 2
        assert guest.reaches(neighbour.fixed)
        there.float_to(guest)
        assert there.holders() == ["h1"]
        assert there.reaches()
        with (
            connected(there.outside, FLOATING, guest) as outside,
            connected(neighbour.space, guest.fixed, guest) as inside,
        ):
            there.migrate(guest, two, [FLOATING])
            talk(*inside)
            talk(*outside)
        assert there.holders() == ["h2"]
        assert there.reaches()
        assert eventually(lambda: pings(guest.space, STREET))
        assert guest.lease()
        there.tick()
        assert there.fixed(guest.fixed).leased
        there.delete(guest)
        there.tick()
        assert there.fixed(guest.fixed).instance_uuid is None
        assert there.holders() == []


def test_a_guest_that_moved_and_never_asked_again_leaves_nothing_behind() -> None:
    """Its lease ended where it was first; deleted on the other host it is free at once, and another instance has it."""
    with town(multi_host=True) as there:
        one, two = there.hosts
        guest = there.boot(one, 1)
        assert guest.lease()
        there.tick()
        there.migrate(guest, two)
        there.delete(guest)
        assert there.fixed(guest.fixed).instance_uuid is None
        again = there.boot(one, 2, requested_networks=[(there.network.uuid, guest.fixed)])
        there.tick()
        assert again.lease()


def test_of_a_killed_host_the_instances_live_on_at_the_other() -> None:
    """Evacuated they have address, gateway and floating IP there; the host that is back has nothing of theirs."""
    with town(multi_host=True) as there:
        one, two = there.hosts
        lost, kept = there.boot(one, 1), there.boot(two, 2)
        assert lost.lease()
        gateway = kept.lease()["new_routers"]
        there.float_to(lost)
        assert there.reaches()
        there.kill(one)
        assert kept.reaches(gateway)
        there.evacuate(lost, two, [FLOATING])
        assert lost.lease()["new_routers"] == gateway
        assert lost.reaches(kept.fixed)
        assert there.holders() == ["h2"]
        assert there.reaches()
        there.revive(one)
        there.tick()
        assert there.holders() == ["h2"]
        assert there.reaches()
        assert not there.manager.get_fixed_ip_by_address(ADMIN, lost.fixed).reserved
