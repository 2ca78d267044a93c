"""A network and a group, and ports in it on any host."""

from __future__ import annotations

from ipaddress import ip_network

from asking import groups, networks, ports, rules, subnets

from netwright.control.groups import GroupRequest
from netwright.control.networks import NetworkRequest
from netwright.control.port_checks import PairRequest
from netwright.control.ports import PortRequest
from netwright.control.rules import RuleRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.ids import GroupId, HostName, PortId
from netwright.model.intent import Direction, HostTap


def prepare(here: World) -> tuple[str, GroupId]:
    """A network, and a group whose rules let its own members in."""
    network = networks.create(here, [NetworkRequest()])[0].value.id
    subnets.create(here, [SubnetRequest(network_id=network, cidr=ip_network("10.0.0.0/16"))])
    group = groups.create(here, [GroupRequest(name="web")])[0].value.id
    rules.create(here, [RuleRequest(group_id=group, direction=Direction.INGRESS, remote_group_id=group)])
    return network, group


def plug(here: World, network: str, group: GroupId, host: HostName, count: int = 1) -> list[PortId]:
    request = PortRequest(
        network_id=network,
        host=host,
        attachment=HostTap(),
        security_groups=(group,),
        allowed_address_pairs=(PairRequest(ip_network("192.0.2.7/32")),),
    )
    return [record.value.id for record in ports.create(here, [request] * count)]
