"""The VPN forwards that VlanManager's networks bring, where agents serve them."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from asking import networks, subnets, vpns
from nova.managers import ADMIN, serving, vlan, world_of
from worlds import world

from netwright.control import classic_projects, plans
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.vpns import VpnRequest
from netwright.control.world import World
from netwright.model.errors import ConflictError
from netwright.model.ids import HostName
from netwright.model.intent import GatewayPlace, UdpForward
from netwright.model.plan import VpnItem
from netwright.model.vpn_plans import ForwardPlan
from netwright.nova.manager import VlanManager

PUBLIC = IPv4Address("192.0.2.9")


def forwards(here: World) -> list[tuple[str, str, int, IPv4Address | None]]:
    """Project, guest, public port and address of each, by port."""
    found = (record.value for record in vpns.find(here, {}))
    return sorted(
        (vpn.project_id, str(vpn.way.private_address), vpn.public_port, vpn.public_address)
        for vpn in found
        if isinstance(vpn.way, UdpForward)
    )


def test_a_vlan_network_brings_its_forward() -> None:
    """It is its project's, is moved by `vpn change`, told to the gateway's host, and goes with its network."""
    with vlan() as manager:
        here = world_of(manager)
        (first, _) = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/23", num_networks=2, network_size=256, vpn_start=1200
        )
        assert forwards(here) == [("default", "10.0.0.2", 1200, None), ("default", "10.0.1.2", 1201, None)]
        manager.add_network_to_project(ADMIN, "alice", first.uuid)
        manager.associate(ADMIN, first.uuid, {"host": "h1"})
        assert forwards(here)[0] == ("alice", "10.0.0.2", 1200, None)
        classic_projects.change_vpn(here, "alice", PUBLIC, 1194)
        assert forwards(here)[0] == ("alice", "10.0.0.2", 1194, PUBLIC)
        planned = plans.snapshot(here, HostName("h1")).items.values()
        assert [(item.public_port, item.way) for item in planned if isinstance(item, VpnItem)] == [
            (1194, ForwardPlan(IPv4Address("10.0.0.2"), 1194))
        ]
        manager.disassociate_network(ADMIN, first.uuid)
        assert forwards(here)[0][0] == "default"
        manager.delete_network(ADMIN, None, first.uuid)
        assert forwards(here) == [("default", "10.0.1.2", 1201, None)]


def test_one_port_leads_to_the_first_of_a_projects_networks() -> None:
    """`vpn change` gives all of them the port; a packet goes to the oldest, and the others have no forward."""
    with vlan() as manager:
        here = world_of(manager)
        for number in (1, 2):
            manager.create_networks(ADMIN, "net", cidr=f"10.0.{number}.0/24", project_id="alice")
        assert len(forwards(here)) == 2
        changed = classic_projects.change_vpn(here, "alice", PUBLIC, 1194)
        assert len(changed) == 2
        assert {net.vpn_public_port for net in manager.get_all_networks(ADMIN)} == {1194}
        assert forwards(here) == [("alice", "10.0.1.2", 1194, PUBLIC)]


def test_a_port_that_another_vpn_has_stays_its_own() -> None:
    """New networks have the ports behind it; a change to it is refused whole."""
    with vlan() as manager:
        here = world_of(manager)
        (theirs,) = networks.create(here, [NetworkRequest(gateway_place=GatewayPlace.HOST)])
        subnets.create(here, [SubnetRequest(network_id=theirs.value.id, cidr=ip_network("10.9.0.0/24"))])
        taken = VpnRequest(
            network_id=theirs.value.id, public_port=1001, private_address=IPv4Address("10.9.0.9")
        )
        vpns.create(here, [taken])
        made = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/23", num_networks=2, network_size=256, project_id="alice"
        )
        assert [net.vpn_public_port for net in made] == [1000, 1002]
        with pytest.raises(ConflictError, match="public_port"):
            classic_projects.change_vpn(here, "alice", PUBLIC, 1001)
        assert [net.vpn_public_port for net in manager.get_all_networks(ADMIN)] == [1000, 1002]


def test_a_manager_that_serves_its_host_forwards_there_itself() -> None:
    """No VPN is made for agents of a network that none of them serves."""
    with world() as here:
        serving(VlanManager, here).create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert vpns.find(here, {}) == []
