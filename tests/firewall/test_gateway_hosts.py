"""Two hosts on one wire: one of them is gateway for the guests of both, or each for its own; with any engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from netwright.model.ids import (
    FloatingIpId,
    GroupId,
    HostName,
    LinkName,
    NamespaceName,
    bridge_mac,
    host_bridge_mac,
)
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, Icmp, InNamespace
from netwright.model.plan import (
    FloatingIpItem,
    GroupItem,
    Item,
    NetworkItem,
    PortItem,
    RulePlan,
    ServedItem,
    Serving,
    SubnetPlan,
)
from netwright.model.plan_parts import Gateway
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_addresses, add_veth, eventually, ip, namespace, run, start
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wire

V4 = sample_subnet("10.41.0.0/24")
V6 = sample_subnet("fd41::/64", Serving.SLAAC, number=2)
WIRE, OUT = LinkName("eth1"), LinkName("eth0")
NET = replace(sample_network(V4, V6), uplink=WIRE)
OWN = "10.41.0.201", "10.41.0.202"
OWN6 = "fd41::201", "fd41::202"
GROUP = GroupId("1c000000-0000-4000-8000-000000000000")
RULES = (
    *(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType),
    RulePlan(Direction.INGRESS, EtherType.IPV4, Icmp(8, 0), Anywhere()),
)
FLOATING = "203.0.113.77"
BESIDE = "198.51.100.1", "198.51.100.2"
"""The hosts' own addresses on the wire."""


@dataclass(frozen=True)
class Bench:
    """Two hosts and a guest on each; `world` is what is beyond both hosts' eth0."""

    rigs: tuple[Rig, Rig]
    guests: tuple[NamespaceName, NamespaceName]
    world: NamespaceName

    def have(self, at: int, *items: Item) -> None:
        outcome = self.rigs[at].plan(GroupItem(GROUP, True, RULES), *items)
        assert not outcome.pending, outcome

    def one(self, holder: int) -> None:
        """That host is gateway for both guests."""
        ports = [self.port(at) for at in (0, 1)]
        other = 1 - holder
        self.have(other, seen(Gateway.ELSEWHERE, other), ports[other])
        floating = FloatingIpItem(
            FloatingIpId("f"), ip_address(FLOATING), ip_address("10.41.0.12"), ports[1].id, NETWORK, 7, OUT
        )
        self.have(holder, seen(Gateway.ONLY, holder), ports[holder], ServedItem(ports[other]), floating)

    def own(self) -> None:
        for at in (0, 1):
            self.have(at, seen(Gateway.OWN, at), self.port(at))

    def port(self, at: int) -> PortItem:
        held = sample_address(V4, f"10.41.0.1{at + 1}"), sample_address(V6, f"fd41::f816:3eff:fe00:{at + 1}")
        port = sample_port(*held, number=at + 1, network=NET)
        return replace(port, attachment=InNamespace(self.guests[at], LinkName("eth0")), groups=(GROUP,))

    def lease(self, at: int, directory: Path) -> tuple[str, str]:
        """What a real client gets there: its address, and the router that it is told of, which it then uses."""
        home = directory / str(at)
        home.mkdir(exist_ok=True)
        client = DhcpClient(self.guests[at], home)
        client.forget()
        told = client.ask()
        assert told, f"no lease for guest {at}"
        ip(self.guests[at], "route", "replace", "default", "via", told["new_routers"])
        ip(self.guests[at], "route", "replace", "169.254.169.254", "via", told["new_routers"])
        assert told["new_domain_name_servers"] == told["new_dhcp_server_identifier"] == told["new_routers"]
        return told["new_ip_address"], told["new_routers"]

    def reaches(self, where: NamespaceName, target: str) -> bool:
        """Within some tries: what another host held may still be in a neighbour table."""
        ping = ["ping", "-c1", "-W1", target]
        return eventually(lambda: run(where, ping, check=False).returncode == 0, 10)

    def metadata(self, at: int) -> str:
        url = "http://169.254.169.254/latest/meta-data/local-ipv4"
        return run(self.guests[at], ["curl", "-sf", "--retry", "3", "--max-time", "5", url]).stdout


def seen(gateway: Gateway, at: int) -> NetworkItem:
    """The network as the planner makes it for that host."""

    def subnet(bare: SubnetPlan, own: str) -> SubnetPlan:
        if gateway is Gateway.OWN:
            return replace(bare, gateway_ip=ip_address(own), held=ip_address(own))
        if gateway is Gateway.ELSEWHERE:
            return replace(bare, held=None, announced=False)
        return bare

    mac = None if gateway is Gateway.ONLY else host_bridge_mac(NETWORK, HostName(str(at)))
    subnets = subnet(V4, OWN[at]), subnet(V6, OWN6[at])
    return replace(NET, subnets=subnets, mac=mac, gateway=gateway)


@pytest.fixture(scope="module")
def bench(any_engine: str) -> Iterator[Bench]:
    with ExitStack() as stack:
        rigs = tuple(stack.enter_context(rig(_readable(stack), any_engine)) for _ in range(2))
        add_veth(rigs[0].host, WIRE, rigs[1].host, WIRE)
        world = stack.enter_context(namespace("world"))
        ip(world, "link", "add", "lan", "up", "type", "bridge")
        add_addresses(world, "lan", "192.0.2.1/24", "203.0.113.1/24")
        for at, made in enumerate(rigs):
            add_addresses(made.host, WIRE, f"{BESIDE[at]}/24")
            add_veth(made.host, OUT, world, f"to{at}")
            ip(world, "link", "set", f"to{at}", "master", "lan")
            add_addresses(made.host, OUT, f"192.0.2.1{at}/24")
            ip(made.host, "route", "add", "default", "via", "192.0.2.1")
        guests = tuple(stack.enter_context(namespace("guest")) for _ in range(2))
        yield Bench((rigs[0], rigs[1]), (guests[0], guests[1]), world)


def _readable(stack: ExitStack) -> Path:
    """A directory that dnsmasq, which is not root for long, may look into."""
    made = Path(stack.enter_context(TemporaryDirectory(prefix="nwt-")))
    made.chmod(0o755)
    return made


def test_one_host_serves_the_guests_of_both(bench: Bench, tmp_path: Path) -> None:
    """Leases, names' server, metadata, the way out and floating IPs are there for guests of either host; then of the other."""
    for holder in (0, 1):
        bench.one(holder)
        for at in (0, 1):
            assert bench.lease(at, tmp_path) == (f"10.41.0.1{at + 1}", "10.41.0.1")
            assert bench.reaches(bench.guests[at], "10.41.0.1")
            assert bench.reaches(bench.guests[at], "192.0.2.1")
            assert bench.metadata(at) == f"10.41.0.1{at + 1}"
        assert bench.reaches(bench.world, FLOATING)
        assert "10.41.0.1/" not in ip(bench.rigs[1 - holder].host, "address")
        assert FLOATING not in ip(bench.rigs[1 - holder].host, "address")
        for made in bench.rigs:
            outcome = made.look()
            assert (outcome.writes, outcome.pending) == (0, {})


def test_the_way_out_is_the_holders(bench: Bench, tmp_path: Path) -> None:
    """What a guest sends out comes from the address of the host that holds the gateway, and of no other."""
    for holder in (0, 1):
        bench.one(holder)
        bench.lease(0, tmp_path)
        for at in (0, 1):
            with closing(Wire(bench.world, f"to{at}")) as wire:
                assert bench.reaches(bench.guests[0], "192.0.2.1")
                pings = [frame for frame in wire.waiting() if frame[23:24] == b"\x01"]
            sources = {str(ip_address(frame[26:30])) for frame in pings}
            assert sources == ({f"192.0.2.1{holder}"} if at == holder else set())


def test_a_host_that_is_not_the_gateway_guards_itself(bench: Bench, tmp_path: Path) -> None:
    """It has no address of the network's; a guest that speaks to the host's own address past the gateway is not heard."""
    bench.one(1)
    bench.lease(0, tmp_path)
    guest, host = bench.guests[0], bench.rigs[0].host
    listed = ip(host, "-o", "address", "show", "dev", NET.bridge)
    assert "10.41.0." not in listed
    assert "a9fe" not in listed
    server = start(host, ["socat", "TCP4-LISTEN:22,fork,reuseaddr", "SYSTEM:echo here"])
    say = ["socat", "-T2", "-", "TCP4:192.0.2.10:22,connect-timeout=2"]
    mac = host_bridge_mac(NETWORK, HostName("0"))
    ip(guest, "neighbour", "replace", "10.41.0.9", "lladdr", mac, "dev", "eth0")
    try:
        assert eventually(lambda: "here" in run(guest, say, check=False).stdout)
        ip(guest, "route", "replace", "192.0.2.10", "via", "10.41.0.9")
        assert "here" not in run(guest, say, check=False).stdout
    finally:
        ip(guest, "route", "delete", "192.0.2.10")
        server.kill()
        server.wait()


def test_hosts_keep_what_they_have_on_the_wire(bench: Bench, tmp_path: Path) -> None:
    """Their own addresses there answer and ask as before; guests that go out by that very wire do so as the gateway."""
    for change in (lambda: bench.one(0), lambda: bench.one(1), bench.own):
        change()
        for at in (0, 1):
            assert bench.reaches(bench.rigs[at].host, BESIDE[1 - at])
            bench.lease(at, tmp_path)
        assert bench.reaches(bench.guests[0], BESIDE[1])


def test_what_guests_say_to_one_another_is_not_translated(bench: Bench, tmp_path: Path) -> None:
    """To one, to many and to all, over IPv4 and IPv6: on the wire it bears the guest's own address."""
    targets = (
        "UDP4-DATAGRAM:10.41.0.12:5353",
        "UDP4-DATAGRAM:224.0.0.251:5353,ip-multicast-if=10.41.0.11",
        "UDP4-DATAGRAM:255.255.255.255:5353,broadcast,so-bindtodevice=eth0",
        "UDP6-DATAGRAM:[fd41::f816:3eff:fe00:2]:5353",
        "UDP6-DATAGRAM:[ff02::fb%eth0]:5353,bind=[fd41::f816:3eff:fe00:1]",
    )
    for change in (lambda: bench.one(0), bench.own):
        change()
        bench.lease(0, tmp_path)
        assert eventually(lambda: GUEST6 in ip(bench.guests[0], "-6", "address", "show", "-tentative"), 30)
        for target in targets:
            expected = GUEST6 if target.startswith("UDP6") else "10.41.0.11"
            assert sources_of(bench, target) == {expected}, target


GUEST6 = "fd41::f816:3eff:fe00:1"


def sources_of(bench: Bench, target: str) -> set[str]:
    """Whom the first guest's words are from, on the wire between the hosts."""
    said: list[bytes] = []
    with closing(Wire(bench.rigs[1].host, WIRE)) as wire:

        def heard() -> bool:
            run(bench.guests[0], ["socat", "-u", "-", target], stdin="hello all")
            said.extend(frame for frame in wire.waiting() if b"hello all" in frame)
            return bool(said)

        assert eventually(heard), target
    six = said[0][12:14] == b"\x86\xdd"
    return {str(ip_address(frame[22:38] if six else frame[26:30])) for frame in said}


def test_each_host_serves_its_own_guests_at_its_own_address(bench: Bench, tmp_path: Path) -> None:
    """Also while the wire between the hosts is cut; guests of both meet as soon as it is back."""
    bench.own()
    for at in (0, 1):
        assert bench.lease(at, tmp_path) == (f"10.41.0.1{at + 1}", OWN[at])
        assert bench.reaches(bench.guests[at], OWN[at])
        assert bench.metadata(at) == f"10.41.0.1{at + 1}"
    assert bench.reaches(bench.guests[0], "10.41.0.12")
    ip(bench.rigs[0].host, "link", "set", WIRE, "down")
    for at in (0, 1):
        assert bench.lease(at, tmp_path) == (f"10.41.0.1{at + 1}", OWN[at])
        assert bench.reaches(bench.guests[at], "192.0.2.1")
    ip(bench.rigs[0].host, "link", "set", WIRE, "up")
    assert bench.reaches(bench.guests[0], "10.41.0.12")


def test_router_advertisements_come_from_the_own_host_alone(bench: Bench) -> None:
    """A guest hears one router: its own host's with `own`; with `one` the gateway's MAC, whoever holds it."""
    for change, own in ((bench.own, True), (lambda: bench.one(1), False), (lambda: bench.one(0), False)):
        change()
        for at in (0, 1):
            expected = host_bridge_mac(NETWORK, HostName(str(at))) if own else bridge_mac(NETWORK)
            found: set[str] = set()

            def heard(at: int = at, found: set[str] = found) -> bool:
                said = run(bench.guests[at], ["rdisc6", "-m", "-w", "1000", "eth0"], check=False).stdout
                found.update(line.split()[-1].lower() for line in said.splitlines() if "link-layer" in line)
                return bool(found)

            assert eventually(heard, 20)
            assert found == {expected}
