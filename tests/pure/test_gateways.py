"""Who is given a network's gateway, when it moves, and what hosts hold of their own."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from asking import floating_ips, networks, ports, subnets
from worlds import HOST, OTHER_HOST, world

from netwright.control import gateways, plans, reports
from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.liveness import Liveness
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.world import World
from netwright.model.errors import ConflictError
from netwright.model.ids import HostName, LinkName, NetworkId, PortId, host_bridge_mac, port_link_name
from netwright.model.intent import GatewayHosts, GatewayPlace, HostTap, Unplugged
from netwright.model.plan import FloatingIpItem, ItemKey, NetworkItem, Noun, PortItem, ServedItem
from netwright.model.plan_parts import Gateway
from netwright.model.report import HostFacts, Report, VmmLink

CIDR = ip_network("10.60.0.0/29")
GATEWAY = "10.60.0.1"


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        yield made


def tell(here: World, host: HostName, *links: str, vmm: tuple[VmmLink, ...] = ()) -> None:
    facts = HostFacts(links=tuple(map(LinkName, links)))
    reports.receive(here, Report(host, 1, converged=True, complete=True, facts=facts, vmm_links=vmm))


def pass_time(here: World, *alive: HostName) -> None:
    """As long as it takes to be thought dead; these hosts have spoken lately."""
    for _ in range(70):
        now = here.clock()
        here.liveness.listen(now)
    for host in alive:
        here.liveness.hear(host, now)
    gateways.watch_over(here)


def made(here: World, hosts: GatewayHosts, uplink: str | None = "eth1", host: str | None = None) -> NetworkId:
    request = NetworkRequest(
        gateway_place=GatewayPlace.HOST, uplink=uplink, gateway_hosts=hosts, gateway_host=host
    )
    (network,) = networks.create(here, [request])
    subnets.create(here, [SubnetRequest(network_id=network.value.id, cidr=CIDR)])
    return network.value.id


def plugged(here: World, network: NetworkId, host: HostName) -> PortId:
    (port,) = ports.create(here, [PortRequest(network_id=network, host=host, attachment=HostTap())])
    return port.value.id


def held(here: World, network: NetworkId) -> dict[str, list[str]]:
    shown = networks.get(here, network).gateways
    return {one.host: [str(address) for address in one.addresses] for one in shown}


def item(here: World, host: HostName, network: NetworkId) -> NetworkItem | None:
    found = plans.snapshot(here, host).items.get(ItemKey(Noun.NETWORK, network))
    assert found is None or isinstance(found, NetworkItem)
    return found


def test_the_first_living_host_with_the_uplink_takes_the_gateway(here: World) -> None:
    """A host that has no such link, or is not heard of any more, is passed over; without an uplink any will do."""
    tell(here, HostName("g"), "eth1")
    pass_time(here)
    tell(here, HOST, "eth0")
    tell(here, OTHER_HOST, "eth0", "eth1")
    assert held(here, made(here, GatewayHosts.ONE)) == {OTHER_HOST: [GATEWAY]}


def test_a_gateway_waits_for_a_host(here: World) -> None:
    """Where none lives nobody holds it; the first one that speaks is given it."""
    network = made(here, GatewayHosts.ONE)
    assert held(here, network) == {}
    tell(here, HOST, "eth1")
    gateways.watch_over(here)
    assert held(here, network) == {HOST: [GATEWAY]}


def test_a_gateway_leaves_a_silent_host_and_does_not_come_back(here: World) -> None:
    """It goes to one that lives; stays with the dead where no one does; and the dead that speaks again gets a plan without it."""
    for host in (HOST, OTHER_HOST):
        tell(here, host, "eth1")
    network = made(here, GatewayHosts.ONE)
    before = plans.snapshot(here, HOST).generation
    pass_time(here)
    assert held(here, network) == {HOST: [GATEWAY]}
    pass_time(here, OTHER_HOST)
    assert held(here, network) == {OTHER_HOST: [GATEWAY]}
    tell(here, HOST, "eth1")
    gateways.watch_over(here)
    assert held(here, network) == {OTHER_HOST: [GATEWAY]}
    assert plans.delta(here, HOST, before).generation > before
    assert item(here, HOST, network) is None


def test_a_server_that_has_just_begun_takes_nobody_for_dead() -> None:
    """It has heard nothing yet of hosts that are well: it waits as long as it would for any."""
    with world() as here:
        now = here.clock()
        fresh = Liveness()
        assert not fresh.is_gone(HOST, now)
        assert not fresh.is_heard(HOST, now)
        for third in (1, 2):
            assert not fresh.is_gone(HOST, now + third * fresh.patience / 3)
        fresh.hear(OTHER_HOST, now + fresh.patience / 2)
        assert fresh.is_gone(HOST, now + fresh.patience)
        assert not fresh.is_gone(OTHER_HOST, now + fresh.patience)


def test_a_server_that_was_away_takes_nobody_for_dead(here: World) -> None:
    """Asleep for longer than hosts are waited for, it lets all speak again before any loses its gateway."""
    for host in (HOST, OTHER_HOST):
        tell(here, host, "eth1")
    network = made(here, GatewayHosts.ONE)
    gateways.watch_over(here)
    for _ in range(70):
        here.clock()
    tell(here, OTHER_HOST, "eth1")
    gateways.watch_over(here)
    assert held(here, network) == {HOST: [GATEWAY]}
    tell(here, HOST, "eth1")
    pass_time(here, OTHER_HOST)
    assert held(here, network) == {OTHER_HOST: [GATEWAY]}


def test_a_clock_that_is_set_back_makes_nobody_live() -> None:
    """A host that was heard at a moment yet to come is waited for like any, from now on."""
    with world() as here:
        fresh, now = Liveness(), here.clock()
        fresh.hear(HOST, now)
        fresh.listen(now)
        early = now - 10 * fresh.patience
        fresh.listen(early)
        for quarter in range(1, 5):
            fresh.listen(early + quarter * fresh.patience / 4)
        assert fresh.is_gone(HOST, early + fresh.patience)
        assert not fresh.is_heard(HOST, early + fresh.patience)


def test_a_named_host_keeps_the_gateway_dead_or_alive(here: World) -> None:
    """Only another name moves it; without a name the server chooses again."""
    tell(here, OTHER_HOST, "eth1")
    network = made(here, GatewayHosts.ONE, host="far")
    pass_time(here, OTHER_HOST)
    assert held(here, network) == {"far": [GATEWAY]}
    networks.update(here, network, NetworkRequest(gateway_host="near"))
    assert held(here, network) == {"near": [GATEWAY]}
    networks.update(here, network, NetworkRequest(gateway_host=None))
    pass_time(here, OTHER_HOST)
    assert held(here, network) == {OTHER_HOST: [GATEWAY]}


def test_one_host_is_planned_to_serve_all(here: World) -> None:
    """The holder has the gateway's address, all ports' leases and their floating IPs; the others a bridge."""
    for host in (HOST, OTHER_HOST):
        tell(here, host, "eth1")
    network = made(here, GatewayHosts.ONE, host=HOST)
    near, far = plugged(here, network, HOST), plugged(here, network, OTHER_HOST)
    (outside,) = networks.create(here, [NetworkRequest(external=True, uplink="eth0")])
    subnets.create(here, [SubnetRequest(network_id=outside.value.id, cidr=ip_network("203.0.113.0/24"))])
    floating = [
        floating_ips.create(here, [FloatingIpRequest(network_id=outside.value.id, port_id=port)])[0].value.id
        for port in (near, far)
    ]
    holder, other = (plans.snapshot(here, host).items for host in (HOST, OTHER_HOST))
    assert isinstance(holder[ItemKey(Noun.PORT, near)], PortItem)
    served = holder[ItemKey(Noun.SERVED, far)]
    assert isinstance(served, ServedItem)
    assert served.port == other[ItemKey(Noun.PORT, far)]
    items = [holder[ItemKey(Noun.FLOATING_IP, one)] for one in floating]
    assert [isinstance(one, FloatingIpItem) and one.on_wire for one in items] == [True, False]
    assert not [key for key in other if key.noun in {Noun.FLOATING_IP, Noun.SERVED}]
    here_item, there_item = item(here, HOST, network), item(here, OTHER_HOST, network)
    assert here_item
    assert there_item
    assert (here_item.gateway, there_item.gateway) == (Gateway.ONLY, Gateway.ELSEWHERE)
    assert (str(here_item.subnets[0].held), there_item.subnets[0].held) == (GATEWAY, None)
    assert (here_item.mac, there_item.mac) == (None, host_bridge_mac(network, OTHER_HOST))
    ports.update(here, far, PortRequest(attachment=Unplugged()))
    assert ItemKey(Noun.SERVED, far) not in plans.snapshot(here, HOST).items
    assert item(here, OTHER_HOST, network) is None


def test_each_host_holds_an_address_while_it_has_ports(here: World) -> None:
    """Taken with the first port, the guests' gateway, kept with the second, given back with the last; others see none of it."""
    network = made(here, GatewayHosts.OWN)
    assert held(here, network) == {}
    assert item(here, HOST, network) is None
    first, second = plugged(here, network, HOST), plugged(here, network, HOST)
    ((address,),) = held(here, network).values()
    found = item(here, HOST, network)
    assert found
    assert (str(found.subnets[0].held), str(found.subnets[0].gateway_ip)) == (address, address)
    assert found.mac == host_bridge_mac(network, HOST)
    port = plans.snapshot(here, HOST).items[ItemKey(Noun.PORT, second)]
    assert isinstance(port, PortItem)
    assert str(port.addresses[0].gateway_ip) == address
    ports.update(here, first, PortRequest(host=OTHER_HOST, attachment=HostTap()))
    assert held(here, network).keys() == {HOST, OTHER_HOST}
    assert held(here, network)[HOST] == [address]
    ports.delete(here, second)
    assert held(here, network).keys() == {OTHER_HOST}
    networks.update(here, network, NetworkRequest(gateway_hosts=GatewayHosts.EVERY))
    assert held(here, network) == {}
    found = item(here, HOST, network)
    assert found
    assert str(found.subnets[0].held) == GATEWAY


def test_a_host_without_an_address_left_gets_no_port(here: World) -> None:
    """Asked by a user it is refused and nothing is plugged; told by an agent, all else in its report counts."""
    network = made(here, GatewayHosts.OWN)
    requests = [PortRequest(network_id=network) for _ in range(5)]
    waiting = [record.value.id for record in ports.create(here, requests)]
    with pytest.raises(ConflictError, match="No more IP addresses"):
        ports.update(here, waiting[0], PortRequest(host=HOST, attachment=HostTap()))
    assert ports.get(here, waiting[0]).value.attachment == Unplugged()
    tell(here, HOST, "eth1", vmm=(VmmLink(port_link_name(waiting[0]), True),))
    assert ports.get(here, waiting[0]).value.attachment == Unplugged()
    ports.delete(here, waiting[1])
    tell(here, HOST, "eth1", vmm=(VmmLink(port_link_name(waiting[0]), True),))
    assert ports.get(here, waiting[0]).value.host == HOST
    assert held(here, network).keys() == {HOST}
