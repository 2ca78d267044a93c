"""Router networks side by side that have the very same addresses: whose connection is whose."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from netwright.model.ids import (
    GroupId,
    LinkName,
    Mac,
    NamespaceName,
    NetworkId,
    bridge_name,
    dhcp_namespace,
)
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    GatewayPlace,
    InNamespace,
    PortRange,
)
from netwright.model.plan import GroupItem, NetworkItem, PortItem, RulePlan, Serving
from netwright.testing.namespaces import add_addresses, add_veth, eventually, ip, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.talk import Heard, ask, speaker

V4 = replace(sample_subnet("10.40.0.0/24", Serving.STATIC), gateway_ip=None)
V6 = replace(sample_subnet("fd40::/64", Serving.STATIC, number=2), gateway_ip=None, announced=False)
DHCP = {4: "10.40.0.1", 6: "fd40::1"}
ASKING = {4: "10.40.0.10", 6: "fd40::10"}
ANSWERING = {4: "10.40.0.11", 6: "fd40::11"}
ANY = {4: "0.0.0.0", 6: "::"}
PORT, SOURCE = 4000, 5000
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
IN = tuple(RulePlan(Direction.INGRESS, kind, PortRange(17, PORT, PORT), Anywhere()) for kind in EtherType)
SHUT = GroupItem(GroupId("00000001-6c0f-4000-8000-000000000000"), stateful=True, rules=OUT)
OPEN = GroupItem(GroupId("00000002-6c0f-4000-8000-000000000000"), stateful=True, rules=(*OUT, *IN))


@dataclass(frozen=True)
class Side:
    """A network, a guest that may only ask, and one that answers it."""

    network: NetworkItem
    asking: PortItem
    answering: PortItem

    def items(self, *groups: GroupItem) -> tuple[NetworkItem, PortItem, PortItem]:
        """With these groups for the guest that answers."""
        using = tuple(group.id for group in groups)
        return self.network, self.asking, replace(self.answering, groups=using)

    def asked(self, version: int, answering: NamespaceName | None = None, address: str = "") -> Heard | None:
        """A datagram from the one guest to the other, always from the same port to the same."""
        where = answering or _place(self.answering)
        with (
            speaker(_place(self.asking), ANY[version], SOURCE) as mouth,
            speaker(where, ANY[version], PORT) as ear,
        ):
            return ask(mouth, ear, address or ANSWERING[version], PORT)


@dataclass(frozen=True)
class Bench:
    rig: Rig
    one: Side
    other: Side

    def have(self, one: GroupItem, other: GroupItem) -> None:
        """The guests that answer have these groups, the first network's one and the second's."""
        outcome = self.rig.plan(SHUT, OPEN, *self.one.items(one), *self.other.items(other))
        assert not outcome.pending, outcome


@pytest.fixture(scope="module", params=["nftables", "iptables/nft", "iptables/legacy"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("rig")
        directory.chmod(0o755)
        made = stack.enter_context(rig(directory, request.param))
        sides = [_side(number, stack) for number in range(2)]
        bench = Bench(made, *sides)
        bench.have(OPEN, OPEN)
        for side in sides:
            for port in (side.asking, side.answering):
                add_addresses(
                    _place(port), "eth0", *(f"{held.address}/{held.prefix_length}" for held in port.addresses)
                )
        yield bench


def _side(number: int, stack: ExitStack) -> Side:
    network = replace(
        sample_network(V4, V6, identity=NetworkId(str(uuid.uuid4())), place=GatewayPlace.ROUTER),
        zone=11 + number,
        dhcp_mac=Mac(f"fa:16:3e:dd:00:{number:02x}"),
    )
    asking, answering = (
        replace(
            sample_port(
                sample_address(V4, four), sample_address(V6, six), number=10 * number + guest, network=network
            ),
            attachment=InNamespace(stack.enter_context(namespace("guest")), LinkName("eth0")),
            groups=(SHUT.id,),
        )
        for guest, (four, six) in enumerate((ASKING.values(), ANSWERING.values()), 1)
    )
    return Side(network, asking, answering)


def _place(port: PortItem) -> NamespaceName:
    assert isinstance(port.attachment, InNamespace)
    return port.attachment.namespace


@pytest.mark.parametrize("version", [4, 6])
def test_answers_come_back_on_both_networks(bench: Bench, version: int) -> None:
    """The same question on each network, to the same address, is heard there and answered."""
    bench.have(OPEN, OPEN)
    expected = Heard(ASKING[version], ANSWERING[version])
    for side in (bench.one, bench.other, bench.one, bench.other):
        assert side.asked(version) == expected


@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_on_one_network_opens_nothing_on_another(bench: Bench, version: int) -> None:
    """While a connection lives on one network, its twin on another is judged by the rules alone."""
    bench.have(OPEN, SHUT)
    assert bench.one.asked(version)
    assert bench.other.asked(version) is None
    assert bench.one.asked(version)


@pytest.mark.parametrize("version", [4, 6])
def test_a_revoked_rule_ends_the_connection_on_its_own_network_only(bench: Bench, version: int) -> None:
    """The guest that lost its rule hears no more of a live connection; its twin's other network goes on."""
    bench.have(OPEN, OPEN)
    expected = Heard(ASKING[version], ANSWERING[version])
    assert bench.one.asked(version) == bench.other.asked(version) == expected
    bench.have(SHUT, OPEN)
    assert bench.one.asked(version) is None
    assert bench.other.asked(version) == expected


@pytest.mark.parametrize("version", [4, 6])
def test_a_shut_guest_is_answered_from_the_dhcp_namespace(bench: Bench, version: int) -> None:
    """Name servers and metadata live there: their answers belong to the guest's own connections."""
    for side in (bench.one, bench.other):
        served = dhcp_namespace(side.network.id)
        assert side.asked(version, served, DHCP[version]) == Heard(ASKING[version], DHCP[version])


@pytest.mark.parametrize("version", [4, 6])
def test_a_shut_guest_is_answered_from_beyond_an_uplink(bench: Bench, version: int) -> None:
    """What joins the bridge without being a port, such as a physical link, is in the network's zone too."""
    with namespace("far") as far:
        # A name of its own: a namespace takes its links along only some time after it was deleted.
        link = f"far{version}"
        add_veth(bench.rig.host, link, far, "eth0")
        ip(bench.rig.host, "link", "set", link, "master", bridge_name(bench.one.network.id))
        address, length = {4: ("10.40.0.99", 24), 6: ("fd40::99", 64)}[version]
        add_addresses(far, "eth0", f"{address}/{length}")
        answered = Heard(ASKING[version], address)
        # A port that has just joined forwards only when the bridge has seen its carrier.
        assert eventually(lambda: bench.one.asked(version, far, address) == answered)


def test_a_second_look_writes_nothing(bench: Bench) -> None:
    """What was put is what is observed, zones among it."""
    bench.have(OPEN, OPEN)
    assert bench.rig.look().writes == 0
