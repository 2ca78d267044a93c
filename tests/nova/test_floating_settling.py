"""What a host's floating IPs are settled by: the store alone, whichever face made what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network

import sqlalchemy as sa
from asking import floating_ips, networks, ports, subnets
from nova.managers import ADMIN, boot, flat_dhcp, world_of

from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.kernel import netns
from netwright.model.ids import HostName
from netwright.model.intent import GatewayPlace, VmmTap
from netwright.nova.floating_host import FloatingHost
from netwright.nova.floating_ips import LocalManager
from netwright.nova.manager import FlatDHCPManager
from netwright.testing.namespaces import namespace


@dataclass
class Bound:
    """A side that only keeps what it has: floating IPs, and the fixed ones that they lead to."""

    held: dict[str, str] = field(default_factory=dict)

    def add_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        del l3_interface_id, network
        self.held[floating_ip] = fixed_ip

    def remove_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        del fixed_ip, l3_interface_id, network
        del self.held[floating_ip]


@contextmanager
def cloud() -> Iterator[FlatDHCPManager]:
    """A manager with a network and a pool; the thread is in a namespace of its own."""
    with namespace("floating") as space, netns.inside(space), flat_dhcp(quota_floating_ips=-1) as manager:
        manager.create_networks(ADMIN, "net", "10.0.0.0/24", bridge="br100", multi_host=True)
        LocalManager(world_of(manager)).create_floating_ips_bulk(ADMIN, "203.0.113.0/25")
        yield manager


def associated(manager: FlatDHCPManager, number: int) -> tuple[str, str]:
    """A new instance's floating IP and fixed IP."""
    (vif,) = boot(manager, number, ADMIN)
    fixed = str(vif["network"]["subnets"][0]["ips"][0]["address"])  # type: ignore[index] - plain data
    address = manager.allocate_floating_ip(ADMIN, "admin")
    manager.associate_floating_ip(ADMIN, address, fixed)
    return address, fixed


def of_the_api(here: World) -> None:
    """A floating IP of a port on a host network that no manager made."""
    (network,) = networks.create(here, [NetworkRequest(gateway_place=GatewayPlace.HOST)])
    subnets.create(here, [SubnetRequest(network_id=network.value.id, cidr=IPv4Network("10.9.0.0/24"))])
    wanted = PortRequest(network_id=network.value.id, host=HostName("h1"), attachment=VmmTap())
    (port,) = ports.create(here, [wanted])
    (pool,) = networks.find(here, {"external": (True,)})
    asked = FloatingIpRequest(network_id=pool.value.id, project_id="bob", port_id=port.value.id)
    floating_ips.create(here, [asked])


def test_floating_ips_of_other_networks_stop_nobody() -> None:
    """One that stands for a port of a network that no manager made is its agent's, and takes no others along."""
    with cloud() as manager:
        here = world_of(manager)
        address, fixed = associated(manager, 1)
        of_the_api(here)
        side = Bound()
        FloatingHost(here, HostName("h1"), side).sync()
        assert side.held == {address: fixed}


def test_the_look_at_all_floating_ips_asks_as_often_for_many_as_for_few() -> None:
    """How many statements a settling takes does not depend on how many floating IPs there are."""
    with cloud() as manager:
        here = world_of(manager)
        asked: list[str] = []

        def note(*given: object) -> None:
            asked.append(str(given[2]))

        sa.event.listen(here.database.engine, "before_cursor_execute", note)
        counts = []
        for numbers in (range(2), range(2, 12)):
            given = dict(associated(manager, number) for number in numbers)
            side = Bound()
            asked.clear()
            FloatingHost(here, HostName("h1"), side).sync()
            counts.append(len(asked))
            assert given.items() <= side.held.items()
        assert counts[0] == counts[1]
