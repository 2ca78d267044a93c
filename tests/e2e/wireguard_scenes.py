"""WireGuard into a project's network: for a kernel that has it (tests/e2e/test_wireguard.py boots one)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from asking import vpn_peers

from netwright.control import vpn_keys
from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName, NetworkId, ProjectId, VpnId, VpnPeerId
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    InNamespace,
    Vpn,
    VpnPeer,
    WireGuard,
)
from netwright.model.plan import GroupItem, Item, NetworkItem, PortItem, RulePlan, Serving
from netwright.planner import vpns as planner
from netwright.testing.namespaces import add_addresses, add_veth, eventually, ip, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.talk import speaker

RED, BLUE = (NetworkId(f"{number}0000000-0000-4000-8000-00000000000b") for number in (1, 2))
SUBNETS = tuple(sample_subnet(f"10.5{n}.0.0/24", Serving.STATIC, number=n) for n in (1, 2))
NETS = tuple(
    replace(sample_network(subnet, identity=identity), zone=zone, mtu=1500)
    for zone, (subnet, identity) in enumerate(zip(SUBNETS, (RED, BLUE), strict=True), 1)
)
GUESTS = "10.51.0.10", "10.52.0.10"
HOST, FAR = "192.0.2.10", "192.0.2.1"
RANGE = IPv4Network("10.99.0.0/24")
GROUP = GroupId("1e000000-0000-4000-8000-000000000000")
OUT = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())
PINGED = RulePlan(Direction.INGRESS, EtherType.IPV4, Icmp(8, 0), Anywhere())
OPEN = GroupItem(GROUP, stateful=True, rules=(OUT, PINGED))
KEYS = tuple(vpn_keys.new_private_key() for _ in range(2))
VPN = Vpn(
    VpnId("00000001-b9e0-4000-8000-000000000000"), ProjectId("red"), RED, "road", 51820,
    WireGuard(vpn_keys.new_private_key(), RANGE), IPv4Address(HOST),
)  # fmt: skip
PEERS = tuple(
    VpnPeer(VpnPeerId(str(at)), VPN.id, f"peer{at}", vpn_keys.public_key(key), RANGE[at + 2])
    for at, key in enumerate(KEYS)
)
LINK = "wg00000001-b9"


@dataclass(frozen=True)
class Bench:
    """A host with a guest on each of two networks; a peer of the red one's VPN far away."""

    rig: Rig
    peers: tuple[NamespaceName, ...]
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]

    def have(self, peers: tuple[VpnPeer, ...] | None = PEERS, group: GroupItem = OPEN) -> None:
        """The VPN with these peers; None: no VPN."""
        vpns = [planner.item(VPN, peers, NETS[0])] if peers is not None else []
        items: list[Item] = [*NETS, group, *self.ports, *(vpn for vpn in vpns if vpn)]
        outcome = self.rig.plan(*items)
        assert not outcome.pending, outcome

    def reaches(self, where: NamespaceName, target: str, *options: str) -> bool:
        ping = ["ping", "-c1", "-W3", *options, target]
        return run(where, ping, check=False).returncode == 0


def _plugged(number: int, net: NetworkItem, guest: NamespaceName) -> PortItem:
    port = sample_port(sample_address(net.subnets[0], GUESTS[number]), number=number + 1, network=net)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


@pytest.fixture(scope="module", params=["nftables", "iptables/nft"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        peers = tuple(stack.enter_context(namespace("peer")) for _ in PEERS)
        guests = tuple(stack.enter_context(namespace("guest")) for _ in NETS)
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), request.param))
        ip(made.host, "link", "add", "lan", "up", "type", "bridge")
        add_addresses(made.host, "lan", f"{HOST}/24")
        for at, peer in enumerate(peers):
            add_veth(made.host, f"to{at}", peer, "eth0")
            ip(made.host, "link", "set", f"to{at}", "master", "lan")
            add_addresses(peer, "eth0", f"192.0.2.{at + 1}/24")
        ports = tuple(
            _plugged(at, net, guest) for at, (net, guest) in enumerate(zip(NETS, guests, strict=True))
        )
        bench = Bench(made, peers, guests, ports)
        bench.have()
        for at, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{GUESTS[at]}/24")
            ip(guest, "route", "add", "default", "via", f"10.5{at + 1}.0.1")
        directory = tmp_path_factory.mktemp("peers")
        for at, peer in enumerate(peers):
            _come_in(directory, at, peer)
        yield bench


def _come_in(directory: Path, at: int, peer: NamespaceName) -> None:
    """As a person does with what `netwright vpn peer add` printed."""
    path = directory / f"peer{at}.conf"
    told = vpn_peers.config(VPN, PEERS[at], [SUBNETS[0].cidr], KEYS[at], planner.inner_mtu(1500))
    path.write_text(told)
    path.chmod(0o600)
    run(peer, ["wg-quick", "up", str(path)])


def test_a_peer_with_the_printed_configuration_reaches_the_projects_guest(bench: Bench) -> None:
    """Each peer pings the guest, whole packets too; the guest answers and reaches the peer by its own address."""
    bench.have()
    assert bench.reaches(bench.peers[0], GUESTS[0])
    assert bench.reaches(bench.peers[0], GUESTS[0], "-s", "1412", "-M", "do")
    assert bench.reaches(bench.peers[1], GUESTS[0])
    assert bench.reaches(bench.guests[0], str(PEERS[0].address))


def test_a_peer_reaches_nothing_else(bench: Bench) -> None:
    """Neither another project's guest, nor the host by any of its addresses, nor another peer, however it asks."""
    bench.have()
    elsewhere = (GUESTS[1], "10.51.0.1", "10.52.0.1", str(PEERS[1].address))
    key = vpn_keys.public_key(VPN.way.private_key)  # type: ignore[union-attr]  # it is WireGuard
    run(bench.peers[0], ["wg", "set", "peer0", "peer", key, "allowed-ips", "0.0.0.0/0"])
    for target in (*elsewhere, "198.51.100.1"):
        ip(bench.peers[0], "route", "replace", f"{target}/32", "dev", "peer0")
        assert not bench.reaches(bench.peers[0], target), target
    assert bench.reaches(bench.peers[0], GUESTS[0])


def test_another_projects_guest_does_not_reach_a_peer(bench: Bench) -> None:
    """Its host knows the way, and does not let it pass."""
    bench.have()
    assert not bench.reaches(bench.guests[1], str(PEERS[0].address))


def test_the_guests_groups_decide(bench: Bench) -> None:
    """A peer is outside, as far as groups go; its address can be named in a rule."""
    bench.have(group=replace(OPEN, rules=(OUT,)))
    assert not bench.reaches(bench.peers[1], GUESTS[0])


def test_a_peer_that_goes_is_out_and_others_go_on(bench: Bench) -> None:
    """The next packet of the one is lost, of the other it is not."""
    bench.have()
    assert bench.reaches(bench.peers[0], GUESTS[0])
    bench.have(PEERS[1:])
    assert not bench.reaches(bench.peers[0], GUESTS[0])
    assert bench.reaches(bench.peers[1], GUESTS[0])


def test_a_port_that_a_program_of_the_host_has_is_told_for_as_long_as_it_has_it(bench: Bench) -> None:
    """The stage fails and says why, again at every look; once the port is free the VPN is there."""
    bench.have()
    moved = planner.item(replace(VPN, public_port=51821), PEERS, NETS[0])
    assert moved
    with speaker(bench.rig.host, "0.0.0.0", 51821):
        outcome = bench.rig.plan(*NETS, OPEN, *bench.ports, moved)
        for said in (outcome, bench.rig.look()):
            assert said.failures[Stage.WIREGUARD].said == f"{LINK}: its UDP port is in use on this host"
    assert not bench.rig.look().pending
    bench.have()
    assert not bench.rig.look().pending
    # The device was down and has forgotten its sessions; a peer notices after 15 s.
    assert eventually(lambda: bench.reaches(bench.peers[1], GUESTS[0]), 60)


def test_what_is_there_is_not_written_again_and_what_strangers_did_is_mended(bench: Bench) -> None:
    """A second look writes nothing; a peer that somebody added, or whose address they changed, is put right."""
    bench.have()
    assert not bench.rig.look().written
    stranger = vpn_keys.public_key(vpn_keys.new_private_key())
    run(bench.rig.host, ["wg", "set", LINK, "peer", stranger, "allowed-ips", "0.0.0.0/0"])
    run(bench.rig.host, ["wg", "set", LINK, "peer", PEERS[0].public_key, "allowed-ips", "10.99.0.77/32"])
    bench.rig.look()
    shown = run(bench.rig.host, ["wg", "show", LINK, "allowed-ips"]).stdout.split()
    assert set(shown) == {word for peer in PEERS for word in (peer.public_key, f"{peer.address}/32")}


def test_a_fresh_agent_sweeps_what_an_earlier_one_left_and_no_more(bench: Bench) -> None:
    """Without the VPN in the plan its device and route go; somebody else's device stays."""
    bench.have()
    ip(bench.rig.host, "link", "add", "wg-theirs", "type", "wireguard")
    bench.rig.restart()
    bench.have(None)
    bench.rig.look()
    links = ip(bench.rig.host, "link")
    assert LINK not in links
    assert "wg-theirs" in links
    assert "10.99.0.0" not in ip(bench.rig.host, "route")
    ip(bench.rig.host, "link", "del", "wg-theirs")
    bench.have()
    assert dict(bench.rig.there()[Stage.WIREGUARD]) == dict(bench.rig.wanted()[Stage.WIREGUARD])
