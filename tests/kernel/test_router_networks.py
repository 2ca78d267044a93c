"""Two projects' networks with the same addresses, side by side on one host."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.kernel import netns
from netwright.kernel.conntrack import Conntrack
from netwright.model.ids import GroupId, LinkName, Mac, NamespaceName, NetworkId, bridge_name, dhcp_namespace
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, GatewayPlace, InNamespace
from netwright.model.plan import GroupItem, NetworkItem, PortItem, RulePlan
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_addresses, ip, namespaces, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.talk import Heard, ask, speaker

SUBNET = replace(sample_subnet("10.35.0.0/24"), gateway_ip=None)
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
IN = tuple(RulePlan(Direction.INGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
OPEN = GroupItem(GROUP, stateful=True, rules=(*OUT, *IN))
ADDRESSES = ("10.35.0.10", "10.35.0.11")
HELD = "10.35.0.1"
PORT = 4000


@dataclass(frozen=True)
class Bench:
    """`guests[network][number]`: the namespace of that guest, with the same address on each network."""

    rig: Rig
    networks: tuple[NetworkItem, ...]
    ports: tuple[PortItem, ...]
    guests: tuple[tuple[NamespaceName, NamespaceName], ...]

    def plan(self, group: GroupItem = OPEN) -> None:
        outcome = self.rig.plan(*self.networks, group, *self.ports)
        assert not outcome.pending, outcome

    def asked(self, asking: NamespaceName, listening: NamespaceName, address: str) -> Heard | None:
        with speaker(asking) as mouth, speaker(listening, port=PORT) as ear:
            return ask(mouth, ear, address, PORT)


def _network(zone: int) -> NetworkItem:
    bare = sample_network(SUBNET, identity=NetworkId(str(uuid.uuid4())), place=GatewayPlace.ROUTER)
    return replace(bare, zone=zone, dhcp_mac=Mac(f"fa:16:3e:ff:00:0{zone}"))


def _port(network: NetworkItem, number: int, guest: NamespaceName, address: str) -> PortItem:
    port = sample_port(sample_address(SUBNET, address), number=number, network=network)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("rig")
    for path in (directory, *list(directory.parents)[:-2]):
        path.chmod(0o755)  # dnsmasq reads as a user of its own
    networks = _network(1), _network(2)
    with ExitStack() as stack:
        names = stack.enter_context(namespaces(*["guest"] * 4))
        made = stack.enter_context(rig(directory))
        guests = names[:2], names[2:]
        ports = tuple(
            _port(networks[place // 2], place + 1, guest, ADDRESSES[place % 2])
            for place, guest in enumerate(names)
        )
        bench = Bench(made, networks, ports, guests)
        bench.plan()
        for place, guest in enumerate(names):
            add_addresses(guest, "eth0", f"{ADDRESSES[place % 2]}/24")
        yield bench


def test_each_network_keeps_to_itself(bench: Bench) -> None:
    """The same address is another guest on each network, also while both speak at once from the same ports."""
    bench.plan()
    with ExitStack() as stack:
        talks = [
            (stack.enter_context(speaker(near, port=PORT)), stack.enter_context(speaker(far, port=PORT)))
            for near, far in bench.guests
        ]
        for _ in range(3):
            for mouth, ear in talks:
                assert ask(mouth, ear, ADDRESSES[1], PORT) == Heard(*ADDRESSES)


def test_connections_are_tracked_in_each_networks_own_zone(bench: Bench) -> None:
    """Equal connections of two networks are two entries."""
    bench.plan()
    for near, far in bench.guests:
        assert bench.asked(near, far, ADDRESSES[1])

    def zones() -> set[int]:
        with closing(Conntrack()) as tracked:
            return {flow.zone for flow in tracked.flows() if str(flow.original.source) == ADDRESSES[0]}

    assert bench.rig.do(zones) == {1, 2}


def test_no_guest_reaches_the_host_or_another_network(bench: Bench) -> None:
    """The host has no address there, and what a guest sends to the bridge's MAC goes nowhere."""
    bench.plan()
    guest, bridge = bench.guests[0][0], bridge_name(bench.networks[0].id)
    assert ip(bench.rig.host, "address", "show", "dev", bridge).count("inet") == 0
    add_addresses(bench.rig.host, "lo", "192.0.2.1/32")
    mac = run(bench.rig.host, ["cat", f"/sys/class/net/{bridge}/address"]).stdout.strip()
    ip(guest, "neighbour", "replace", "10.35.0.77", "lladdr", mac, "dev", "eth0")
    ip(guest, "route", "replace", "default", "via", "10.35.0.77", "dev", "eth0")
    assert bench.asked(guest, bench.rig.host, "192.0.2.1") is None
    dropped = run(bench.rig.host, ["nft", "list", "chain", "inet", "netwright", "input"]).stdout
    assert "@routed counter packets 1 " in dropped
    assert "10.35." not in ip(bench.rig.host, "route")


def test_both_networks_are_served_by_dhcp(bench: Bench, tmp_path: Path) -> None:
    """Each network's own namespace answers its own guest, with the same address."""
    bench.plan()
    for network, (guest, _) in zip(bench.networks, bench.guests, strict=True):
        assert DhcpClient(guest, tmp_path).ask()["new_ip_address"] == ADDRESSES[0]
        assert ADDRESSES[0] not in ip(dhcp_namespace(network.id), "address")
        assert HELD in ip(dhcp_namespace(network.id), "address")


def test_a_dhcp_port_that_is_off_serves_nobody(bench: Bench, tmp_path: Path) -> None:
    """Its network's namespace goes with its daemon while another's answers on; switched on again it serves."""
    bench.plan()
    one, other = bench.networks
    silent = replace(one, dhcp_mac=None, subnets=tuple(replace(each, held=None) for each in one.subnets))
    outcome = bench.rig.plan(silent, other, OPEN, *bench.ports)
    assert not outcome.pending, outcome
    assert not (netns.DIRECTORY / dhcp_namespace(one.id)).exists()
    assert DhcpClient(bench.guests[1][0], tmp_path).ask()["new_ip_address"] == ADDRESSES[0]
    bench.plan()
    assert DhcpClient(bench.guests[0][0], tmp_path).ask()["new_ip_address"] == ADDRESSES[0]


def test_a_revoked_rule_ends_connections_of_every_zone(bench: Bench) -> None:
    """Established exchanges stop on both networks when their rule goes."""
    bench.plan()
    with ExitStack() as stack:
        talks = [
            (stack.enter_context(speaker(near)), stack.enter_context(speaker(far, port=PORT)))
            for near, far in bench.guests
        ]
        assert all(ask(mouth, ear, ADDRESSES[1], PORT) for mouth, ear in talks)
        bench.plan(replace(OPEN, rules=OUT))
        assert not any(ask(mouth, ear, ADDRESSES[1], PORT) for mouth, ear in talks)
