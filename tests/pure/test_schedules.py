"""What hosts make of networks that were taken from their DHCP agents."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from asking import networks, ports, subnets
from worlds import HOST, OTHER_HOST, world

from netwright.control import plans, reports, schedules
from netwright.control.agents import DHCP, Agents, id_of
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.ids import HostName
from netwright.model.intent import GatewayPlace, HostTap
from netwright.model.plan import HostPlan, NetworkItem, PlanDelta, Serving
from netwright.model.report import Report


def serving(plan: HostPlan) -> set[Serving]:
    """How the plan's networks give addresses."""
    items = [item for item in plan.items.values() if isinstance(item, NetworkItem)]
    return {subnet.serving for item in items for subnet in item.subnets}


def schedule(here: World, host: HostName, network: str, *, put: bool) -> None:
    with here.work() as work:
        (agent,) = Agents().find(work.connection, {"id": (id_of(host, DHCP),)})
        act = schedules.put if put else schedules.take
        act(work, schedules.NETWORKS, agent, network)


@pytest.mark.parametrize("place", [GatewayPlace.HOST, GatewayPlace.ROUTER])
def test_a_host_answers_no_dhcp_on_a_network_that_was_taken_from_it(place: GatewayPlace) -> None:
    """Its plan changes in that alone, at once and only there, and changes back when the network is put back."""
    with world() as here:
        for host in (HOST, OTHER_HOST):
            reports.receive(here, Report(host, 1, converged=True, complete=True))
        network = networks.create(here, [NetworkRequest(gateway_place=place)])[0].value.id
        subnets.create(here, [SubnetRequest(network_id=network, cidr=ip_network("10.0.0.0/24"))])
        for host in (HOST, OTHER_HOST):
            ports.create(here, [PortRequest(network_id=network, host=host, attachment=HostTap())])
        before = plans.snapshot(here, HOST)
        assert serving(before) == {Serving.DHCPV4}
        schedule(here, HOST, network, put=False)
        delta = plans.delta(here, HOST, before.generation)
        assert isinstance(delta, PlanDelta)
        assert any(isinstance(item, NetworkItem) for item in delta.changed)
        assert serving(plans.snapshot(here, HOST)) == {Serving.STATIC}
        assert serving(plans.snapshot(here, OTHER_HOST)) == {Serving.DHCPV4}
        schedule(here, HOST, network, put=True)
        assert plans.snapshot(here, HOST).items == before.items
