"""The life of an instance whose network has one gateway, whatever the network is made of."""

from __future__ import annotations

from nova.managers import ADMIN, uuid
from nova.towns import FLOATING, STREET, Town, connected, pings, talk


def live(there: Town) -> None:
    """On host h1, which is the gateway, then on h2; a neighbour on h2 is there all along."""
    one, two = there.hosts
    guest, neighbour = there.boot(one, 1), there.boot(two, 2)
    there.tick()
    for each in (guest, neighbour):
        assert each.lease()["new_routers"] == "10.0.0.1"
    there.tick()
    assert there.fixed(guest.fixed).leased
    assert guest.reaches("10.0.0.1")
    assert guest.reaches(neighbour.fixed)
    there.float_to(guest)
    assert there.reaches()
    assert there.holders() == ["h1"]
    with (
        connected(there.outside, FLOATING, guest) as outside,
        connected(neighbour.space, guest.fixed, guest) as inside,
    ):
        there.migrate(guest, two, [FLOATING])
        talk(*inside)
        talk(*outside)
    assert there.manager.get_floating_ip_by_address(ADMIN, FLOATING).host == "h2"
    assert there.holders() == ["h1"]
    assert there.reaches()
    assert pings(guest.space, STREET)
    assert guest.lease()["new_dhcp_server_identifier"] == "10.0.0.1"
    there.delete(guest)
    there.tick()
    assert there.fixed(guest.fixed).instance_uuid is None
    assert there.holders() == []
    assert not pings(there.outside, FLOATING)
    assert there.fixed(neighbour.fixed).instance_uuid == uuid(2)
