"""Floating IPs whose fixed IPs go, or get another one, while their instance moves or stays."""

from __future__ import annotations

import pytest
from asking import floating_ips as api_floating_ips
from asking import networks
from nova.managers import ADMIN, ALICE, addresses, boot, uuid, world_of
from nova.test_floating_ips import OTHER, booted, cloud, planned

from netwright.control.floating_ips import FloatingIpRequest
from netwright.model.ids import PortId
from netwright.nova import exception
from netwright.nova.manager import FlatDHCPManager


def migrating(manager: FlatDHCPManager) -> tuple[str, str, dict[str, object]]:
    """A fixed IP, the floating IP that is between two hosts with it, and the move's arguments."""
    fixed = booted(manager, 1)
    address = manager.allocate_floating_ip(ALICE, "alice")
    manager.associate_floating_ip(ALICE, address, fixed)
    moves: dict[str, object] = {"source": "h1", "dest": OTHER, "floating_addresses": [address]}
    manager.migrate_instance_start(ALICE, uuid(1), **moves)
    return fixed, address, moves


def test_a_fixed_ip_is_kept_for_the_floating_ip_that_moves_with_it() -> None:
    """Between two hosts, too, a fixed IP has one floating IP: a second is refused, and the move comes to its end."""
    with cloud() as manager:
        fixed, address, moves = migrating(manager)
        second = manager.allocate_floating_ip(ALICE, "alice")
        with pytest.raises(exception.FloatingIpAssociateFailed):
            manager.associate_floating_ip(ALICE, second, fixed)
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert planned(manager, OTHER) == {address: fixed}


def test_a_fixed_ip_that_goes_during_a_move_stops_no_move() -> None:
    """The floating IP stands for nothing then, and the instance arrives all the same."""
    with cloud() as manager:
        fixed, address, moves = migrating(manager)
        manager.deallocate_fixed_ip(ADMIN, fixed)
        assert manager.get_floating_ip_by_address(ALICE, address).fixed_address is None
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert manager.get_floating_ip_by_address(ALICE, address).fixed_address is None
        manager.deallocate_floating_ip(ALICE, address)


def test_what_the_api_did_during_a_move_stops_no_move() -> None:
    """A floating IP whose fixed IP has another one by now, made by the Networking API, stands for nothing."""
    with cloud() as manager:
        fixed, address, moves = migrating(manager)
        (pool,) = networks.find(world_of(manager), {"external": (True,)})
        port = PortId(manager.get_vifs_by_instance(ADMIN, uuid(1))[0].uuid)
        asked = FloatingIpRequest(network_id=pool.value.id, project_id="alice", port_id=port)
        (made,) = api_floating_ips.create(world_of(manager), [asked])
        manager.migrate_instance_finish(ALICE, uuid(1), **moves)
        assert planned(manager, OTHER) == {str(made.value.address): fixed}
        assert manager.get_floating_ip_by_address(ALICE, address).fixed_address is None


def test_an_auto_assigned_floating_ip_goes_with_its_fixed_ip() -> None:
    """It is its pool's again: no project keeps what no list shows it."""
    with cloud(auto_assign_floating_ip=True) as manager:
        info = boot(manager, 1)
        (address,) = planned(manager)
        fixed = addresses(info)[0]
        manager.remove_fixed_ip_from_instance(ALICE, uuid(1), "h1", fixed)
        assert manager.get_floating_ip_by_address(ADMIN, address).project_id is None
