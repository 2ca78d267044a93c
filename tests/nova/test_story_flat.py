"""FlatManager's story: an administrator's bridges, no DHCP, addresses that are written into guests."""

from __future__ import annotations

from nova.managers import ADMIN, uuid
from nova.towns import connected, talk, town

from netwright.nova.manager import FlatManager
from netwright.testing.namespaces import add_addresses


def test_an_instances_life_without_a_dhcp_server() -> None:
    """Told its address by a file it is reached at it on either host, its connections go along, and it ends free at once."""
    with town(FlatManager, bridge="br100", flat_injected=True) as there:
        one, two = there.hosts
        guest, neighbour = there.boot(one, 1), there.boot(two, 2)
        assert there.manager.get_network(ADMIN, there.network.uuid).injected
        assert guest.client.ask(seconds=3) == {}
        for each in (guest, neighbour):
            add_addresses(each.space, "eth0", f"{each.fixed}/28")
        assert guest.reaches(neighbour.fixed)
        with connected(neighbour.space, guest.fixed, guest) as inside:
            there.migrate(guest, two)
            talk(*inside)
        (vif,) = there.manager.get_vifs_by_instance(ADMIN, uuid(1))
        assert vif.address == guest.mac
        assert there.manager.allocate_floating_ip(ADMIN, "admin") is None
        there.delete(guest)
        assert there.fixed(guest.fixed).instance_uuid is None
        again = there.boot(one, 3, requested_networks=[(there.network.uuid, guest.fixed)])
        add_addresses(again.space, "eth0", f"{again.fixed}/28")
        assert again.mac != guest.mac
        assert again.reaches(neighbour.fixed)
        there.kill(one)
        assert neighbour.reaches(neighbour.fixed)
        there.evacuate(again, two)
        assert again.reaches(neighbour.fixed)
