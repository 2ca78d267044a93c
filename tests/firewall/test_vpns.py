"""A project's VPN: a public UDP port that is a guest's, or WireGuard's; with any engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import pytest

from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName
from netwright.model.intent import (
    VPN_PRIVATE_PORT,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    InNamespace,
    PortRange,
)
from netwright.model.plan import GroupItem, Item, PortItem, RulePlan, Serving
from netwright.model.vpn_plans import WireGuardPlan
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_forward,
    sample_network,
    sample_port,
    sample_subnet,
    sample_vpn,
)
from netwright.testing.talk import Heard, ask, speaker

V4 = sample_subnet("10.45.0.0/24", Serving.STATIC)
NET = sample_network(V4)
FIXED = "10.45.0.10", "10.45.0.11"
HOST, GIVEN, FAR = "192.0.2.10", "192.0.2.50", "192.0.2.1"
OPENVPN = VPN_PRIVATE_PORT
OUT = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())
LET_IN = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, OPENVPN, OPENVPN), Anywhere())
GROUP = GroupId("1d000000-0000-4000-8000-000000000000")
OPEN = GroupItem(GROUP, stateful=True, rules=(OUT, LET_IN))
KEY = "QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA="


@dataclass(frozen=True)
class Bench:
    """A host with two guests on a network, and what is outside."""

    rig: Rig
    outside: NamespaceName
    guests: tuple[NamespaceName, ...]
    ports: tuple[PortItem, ...]

    def plan(self, *items: Item, group: GroupItem = OPEN) -> None:
        outcome = self.rig.plan(NET, group, *self.ports, *items)
        assert not outcome.pending, outcome

    def asked(
        self, address: str, port: int, *, guest: int = 0, by: NamespaceName | None = None
    ) -> Heard | None:
        """A datagram to that public port, for which the guest listens at OpenVPN's."""
        with (
            speaker(by or self.outside, "0.0.0.0") as mouth,
            speaker(self.guests[guest], "0.0.0.0", OPENVPN) as ear,
        ):
            return ask(mouth, ear, address, port)


@pytest.fixture(scope="module")
def bench(any_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        outside, *guests = (stack.enter_context(namespace(label)) for label in ("net", "guest", "guest"))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), any_engine))
        add_veth(made.host, "wan", outside, "eth0")
        add_addresses(made.host, "wan", f"{HOST}/24", f"{GIVEN}/24")
        add_addresses(outside, "eth0", f"{FAR}/24")
        ip(made.host, "route", "add", "default", "via", FAR)
        ports = tuple(_plugged(number, guest) for number, guest in enumerate(guests))
        made.plan(NET, OPEN, *ports)
        for number, guest in enumerate(guests):
            add_addresses(guest, "eth0", f"{FIXED[number]}/24")
            ip(guest, "route", "add", "default", "via", "10.45.0.1")
        yield Bench(made, outside, tuple(guests), ports)


def _plugged(number: int, guest: NamespaceName) -> PortItem:
    port = sample_port(sample_address(V4, FIXED[number]), number=number + 1, network=NET)
    return replace(port, groups=(GROUP,), attachment=InNamespace(guest, LinkName("eth0")))


@pytest.mark.parametrize("address", [None, GIVEN])
def test_a_datagram_to_the_public_port_is_the_guests_and_its_answer_comes_back(
    bench: Bench, address: str | None
) -> None:
    """The guest sees who called, and the caller hears the answer from where it called."""
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), 1000, address=address))
    public = address or HOST
    assert bench.asked(public, 1000) == Heard(FAR, public)


def test_other_ports_and_other_addresses_are_not_forwarded(bench: Bench) -> None:
    """Only that port is, only of that address, and only by UDP's number."""
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), 1000, address=GIVEN))
    assert bench.asked(GIVEN, 1001) is None
    assert bench.asked(HOST, 1000) is None
    assert bench.asked(GIVEN, OPENVPN) is None


def test_two_vpns_have_a_port_each(bench: Bench) -> None:
    """Each public port is its own guest's."""
    first = sample_vpn(NET, sample_forward(FIXED[0]), 1000)
    bench.plan(first, sample_vpn(NET, sample_forward(FIXED[1]), 1001, number=2))
    assert bench.asked(HOST, 1000, guest=0) == Heard(FAR, HOST)
    assert bench.asked(HOST, 1001, guest=1) == Heard(FAR, HOST)
    assert bench.asked(HOST, 1001, guest=0) is None


def test_a_vpn_that_went_forwards_no_more_not_even_those_who_were_in(bench: Bench) -> None:
    """The next datagram of a conversation under way finds nobody."""
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), 1000))
    with speaker(bench.outside, "0.0.0.0") as mouth, speaker(bench.guests[0], "0.0.0.0", OPENVPN) as ear:
        assert ask(mouth, ear, HOST, 1000)
        bench.plan()
        assert ask(mouth, ear, HOST, 1000) is None


def test_a_guest_of_the_network_reaches_its_vpn_by_the_public_address(bench: Bench) -> None:
    """The answer comes back from where the guest called, though both are on one bridge."""
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), 1000))
    heard = bench.asked(HOST, 1000, by=bench.guests[1])
    assert heard is not None
    assert bench.asked(HOST, 1000, by=bench.rig.host) is not None


def test_a_floating_ip_that_the_host_holds_stays_its_guests(bench: Bench) -> None:
    """A VPN at any address of the host takes no port of a floating IP."""
    floating = sample_floating_ip(bench.ports[1], "192.0.2.77")
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), OPENVPN), floating)
    assert bench.asked("192.0.2.77", OPENVPN, guest=1) == Heard(FAR, "192.0.2.77")
    assert bench.asked(HOST, OPENVPN, guest=0) == Heard(FAR, HOST)


def test_the_guests_groups_decide_who_comes_in(bench: Bench, any_engine: str) -> None:
    """A guest whose groups do not let OpenVPN in is not reached by its VPN; without filters it is."""
    bench.plan(sample_vpn(NET, sample_forward(FIXED[0]), 1002), group=replace(OPEN, rules=(OUT,)))
    assert (bench.asked(HOST, 1002) is not None) is (any_engine == "none")


def test_a_kernel_without_wireguard_is_named_in_one_line(bench: Bench) -> None:
    """The stage fails with the device's name and the module that is missing; all rules are in all the same."""
    way = WireGuardPlan(KEY, 1370, IPv4Network("10.99.0.0/24"))
    vpn = sample_vpn(NET, way, 51820)
    outcome = bench.rig.plan(NET, OPEN, *bench.ports, vpn)
    if Stage.WIREGUARD in outcome.failures:
        said = outcome.failures[Stage.WIREGUARD].said
        assert said == "wg00000001-b9: this kernel has no WireGuard (CONFIG_WIREGUARD): modprobe wireguard"
    assert set(outcome.failures) <= {Stage.WIREGUARD, Stage.ROUTES}
    bench.plan()
