"""VlanManager's story, on a kernel that has VLAN devices: test_story_vlan.py runs this file in a virtual machine."""

from __future__ import annotations

from nova.managers import ADMIN
from nova.town_life import live
from nova.towns import Town, town

from netwright.nova.manager import VlanManager
from netwright.testing.namespaces import ip


def vlans(there: Town) -> list[bool]:
    """Whether each host has the network's VLAN."""
    return ["vlan100@eth1" in ip(host.space, "-o", "link") for host in there.hosts]


def test_a_projects_first_instance_brings_its_vlan_and_lives_on_both_hosts() -> None:
    """The network becomes the project's, VLAN, bridge and DHCP server come then; address and connections move."""
    with town(VlanManager, vlan=100, vlan_interface="eth1") as there:
        there.tick()
        assert vlans(there) == [False, False]
        assert there.manager.get_network(ADMIN, there.network.uuid).project_id is None
        live(there)
        assert there.manager.get_network(ADMIN, there.network.uuid).project_id == "admin"
        assert vlans(there) == [True, True]
        assert "vlan protocol 802.1Q id 100 " in ip(there.hosts[0].space, "-d", "link", "show", "vlan100")
        assert there.hosts[0].dnsmasq()
        assert not there.hosts[1].dnsmasq()


def test_when_the_host_of_a_projects_network_is_killed_the_other_takes_it_over() -> None:
    """VLAN, bridge, gateway and DHCP server are on the other host, which its guests reach; the first lets go."""
    with town(VlanManager, vlan=100, vlan_interface="eth1") as there:
        one, two = there.hosts
        lost, kept = there.boot(one, 1), there.boot(two, 2)
        there.tick()
        assert lost.lease()
        assert kept.lease()
        there.kill(one)
        there.tick()
        assert kept.reaches("10.0.0.1")
        there.evacuate(lost, two)
        assert lost.lease()
        assert lost.reaches(kept.fixed)
        there.revive(one)
        there.tick()
        assert one.addresses() == set()
        assert one.dnsmasq() == []
        assert kept.reaches("10.0.0.1")
