"""What becomes of connections under way when what allowed them goes: cut for good, or kept."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest

from netwright.kernel import netns
from netwright.kernel.conntrack import Conntrack
from netwright.model.ids import AddressGroupId, GroupId, LinkName, NamespaceName, PortId
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    InNamespace,
    PortRange,
    RemoteAddressGroup,
    RemoteGroup,
    Revocation,
)
from netwright.model.plan import AddressGroupItem, GroupItem, Item, MemberItem, PortItem, RulePlan, Serving
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)
from netwright.testing.talk import tell

V4 = sample_subnet("10.43.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd43::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
CLIENT, SERVER = ({4: f"10.43.0.1{n}", 6: f"fd43::1{n}"} for n in (1, 2))
FLOATING, INTERNET, UPLINK = "203.0.113.43", "192.0.2.1", "192.0.2.2"
DOOR = 4300
WEB, CALLERS, OTHER, EARS = (GroupId(f"{n:08x}-6c0f-4000-8000-000000000043") for n in (1, 2, 3, 4))
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
KINDS = [("tcp", 4), ("tcp", 6), ("udp", 4), ("udp", 6)]
IN = tuple(replace(rule, direction=Direction.INGRESS) for rule in OUT)
kinds = pytest.mark.parametrize(("kind", "version"), KINDS)
some_kinds = pytest.mark.parametrize(("kind", "version"), KINDS[::3])


OFFICES = AddressGroupId("00000001-add0-4000-8000-000000000043")


def offices(*prefixes: str) -> AddressGroupItem:
    return AddressGroupItem(OFFICES, tuple(map(ip_network, prefixes)))


def door(*, of: GroupId | None = None, offices: bool = False) -> tuple[RulePlan, ...]:
    remote = RemoteGroup(of) if of else RemoteAddressGroup(OFFICES) if offices else Anywhere()
    return tuple(
        RulePlan(Direction.INGRESS, ethertype, PortRange(number, DOOR, DOOR), remote)
        for ethertype in EtherType
        for number in (6, 17)
    )


def web(*rules: RulePlan, keeps: bool = False) -> GroupItem:
    return GroupItem(WEB, True, (*OUT, *rules), Revocation.KEEP if keeps else Revocation.CUT)


@dataclass
class Talk:
    """A connection; each end speaks of its own accord, also when it has heard nothing."""

    client: socket.socket
    server: socket.socket

    def heard(self) -> tuple[bool, bool]:
        """Whether the client hears the server, and then the server the client."""
        return _hears(self.client, self.server), _hears(self.server, self.client)

    @property
    def goes_on(self) -> bool:
        return self.heard() == (True, True)

    @property
    def is_cut(self) -> bool:
        """For good: the server's words, which its groups would let out, begin nothing anew."""
        return self.heard() == self.heard() == (False, False)


def _hears(ear: socket.socket, mouth: socket.socket) -> bool:
    try:
        tell(mouth, ear)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Bench:
    """A client, a server whose door is in the group WEB, and the internet."""

    rig: Rig
    internet: NamespaceName
    guests: tuple[NamespaceName, NamespaceName]
    ports: tuple[PortItem, PortItem]

    def plan(self, *items: Item, client: tuple[GroupId, ...] = (CALLERS,), server: object = (WEB,)) -> None:
        """`server`: its groups, or None for a port without security. The client hears whoever speaks."""
        one, two = self.ports
        groups = server if isinstance(server, tuple) else ()
        ports = replace(one, groups=(*client, EARS)), replace(two, groups=groups, secured=server is not None)
        others = [GroupItem(EARS, True, IN), *(GroupItem(group, True, OUT) for group in (CALLERS, OTHER))]
        outcome = self.rig.plan(NET, *others, *items, *ports)
        assert not outcome.pending, outcome

    @contextmanager
    def talk(self, kind: str, version: int, *, outside: bool = False) -> Iterator[Talk]:
        """From the client, or from the internet through the floating IP; it works when it begins."""
        where = self.internet if outside else self.guests[0]
        target = FLOATING if outside else SERVER[version]
        with ExitStack() as stack:
            made = self._joined(kind, where, version, target, stack)
            for one in (made.client, made.server):
                one.settimeout(0.2)
            assert made.goes_on
            yield made

    def refuses(self, kind: str, version: int) -> bool:
        """Whether a new connection to the door is refused."""
        try:
            with self.talk(kind, version):
                return False
        except (OSError, AssertionError):
            return True

    def _joined(self, kind: str, where: NamespaceName, version: int, target: str, stack: ExitStack) -> Talk:
        ear, mouth = (stack.enter_context(_opened(kind, one, version)) for one in (self.guests[1], where))
        ear.bind((SERVER[version], DOOR))
        if kind == "tcp":
            ear.listen()
            mouth.connect((target, DOOR))
            return Talk(mouth, stack.enter_context(ear.accept()[0]))
        mouth.connect((target, DOOR))
        mouth.send(b"hello")
        ear.connect(ear.recvfrom(100)[1])
        return Talk(mouth, ear)


def _opened(kind: str, where: NamespaceName, version: int) -> socket.socket:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    way = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    with netns.inside(where):
        made = socket.socket(family, way | socket.SOCK_CLOEXEC)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(0.5)
    return made


@pytest.fixture(scope="module", params=["nftables", "iptables"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        internet, one, two = (stack.enter_context(namespace(label)) for label in ("net", "guest", "guest"))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), request.param))
        add_veth(made.host, "wan", internet, "eth0")
        add_addresses(made.host, "wan", f"{UPLINK}/24")
        add_addresses(internet, "eth0", f"{INTERNET}/24")
        ip(internet, "route", "add", "203.0.113.0/24", "via", UPLINK)
        ports = _port(1, one, CLIENT), _port(2, two, SERVER)
        bench = Bench(made, internet, (one, two), ports)
        bench.plan(web())
        for guest, held in zip((one, two), (CLIENT, SERVER), strict=True):
            add_addresses(guest, "eth0", f"{held[4]}/24", f"{held[6]}/64")
            ip(guest, "route", "add", "default", "via", "10.43.0.1")
        yield bench


def _port(number: int, guest: NamespaceName, held: dict[int, str]) -> PortItem:
    addresses = sample_address(V4, held[4]), sample_address(V6, held[6])
    port = sample_port(*addresses, number=number, network=NET)
    return replace(port, attachment=InNamespace(guest, LinkName("eth0")))


Revoke = Callable[[Bench, bool], None]
"""Takes away what allows the connection; whether the group keeps."""
WAYS: dict[str, tuple[Revoke, Revoke]] = {
    "its rule is deleted": (
        lambda bench, keeps: bench.plan(web(*door(), keeps=keeps)),
        lambda bench, keeps: bench.plan(web(keeps=keeps)),
    ),
    "its port leaves the group": (
        lambda bench, keeps: bench.plan(web(*door(), keeps=keeps)),
        lambda bench, keeps: bench.plan(web(*door(), keeps=keeps), server=(OTHER,)),
    ),
    "its caller leaves the remote group": (
        lambda bench, keeps: bench.plan(web(*door(of=CALLERS), keeps=keeps)),
        lambda bench, keeps: bench.plan(web(*door(of=CALLERS), keeps=keeps), client=(OTHER,)),
    ),
    "its caller on another host leaves": (
        lambda bench, keeps: bench.plan(web(*door(of=OTHER), keeps=keeps), member(OTHER)),
        lambda bench, keeps: bench.plan(web(*door(of=OTHER), keeps=keeps)),
    ),
    "its caller's prefix leaves the address group": (
        lambda bench, keeps: bench.plan(
            web(*door(offices=True), keeps=keeps), offices("10.43.0.0/28", "fd43::/112", "192.0.2.0/24")
        ),
        lambda bench, keeps: bench.plan(
            web(*door(offices=True), keeps=keeps), offices("10.43.0.0/29", "fd43::/126", "192.0.2.0/24")
        ),
    ),
}
ways = pytest.mark.parametrize("way", WAYS)


def member(group: GroupId) -> MemberItem:
    """As if the client's addresses were, by this, those of a port elsewhere."""
    prefixes = sample_port(sample_address(V4, CLIENT[4]), sample_address(V6, CLIENT[6])).prefixes
    return MemberItem(PortId("00000043-90e7-4000-8000-000000000000"), (group,), prefixes)


def revoke_and_restart(bench: Bench, kind: str, version: int, way: str, *, keeps: bool) -> None:
    """What began before the revocation goes on or is cut, at once and under the next agent; nothing new begins."""
    allow, revoke = WAYS[way]
    allow(bench, keeps)
    with bench.talk(kind, version) as talk:
        revoke(bench, keeps)
        assert talk.goes_on if keeps else talk.is_cut
        bench.rig.restart()
        revoke(bench, keeps)
        bench.rig.revisit()
        assert talk.goes_on if keeps else talk.is_cut, "after the next agent has come"
    assert bench.refuses(kind, version)


@some_kinds
@ways
def test_cut_leaves_none(bench: Bench, kind: str, version: int, way: str) -> None:
    """However it is revoked, neither end hears the other again, though the server's own rules let it speak."""
    revoke_and_restart(bench, kind, version, way, keeps=False)


@some_kinds
@ways
def test_keep_leaves_it_running_and_refuses_new_ones(bench: Bench, kind: str, version: int, way: str) -> None:
    """A group that keeps what it revokes: the connection goes on, also under the next agent; a new one does not begin."""
    revoke_and_restart(bench, kind, version, way, keeps=True)


@kinds
def test_a_wider_prefix_in_its_place_cuts_nothing(bench: Bench, kind: str, version: int) -> None:
    """A connection goes on while another prefix of the address group still holds its caller."""
    bench.plan(web(*door(offices=True)), offices("10.43.0.0/28", "fd43::/112"))
    with bench.talk(kind, version) as talk:
        bench.plan(web(*door(offices=True)), offices("10.43.0.0/24", "::/0"))
        assert talk.goes_on


@kinds
def test_a_port_that_becomes_secured_cuts_what_no_rule_allows(bench: Bench, kind: str, version: int) -> None:
    """Port security switched on ends the connections that began without."""
    bench.plan(web(), server=None)
    with bench.talk(kind, version) as talk:
        bench.plan(web())
        assert talk.is_cut


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_translated_connections_are_cut_and_kept_too(bench: Bench, kind: str) -> None:
    """Through a floating IP from outside: kept where the group keeps, cut where it cuts."""
    there = sample_floating_ip(bench.ports[1], FLOATING)
    for keeps in (True, False):
        bench.plan(web(*door(), keeps=keeps), there)
        with bench.talk(kind, 4, outside=True) as talk:
            bench.plan(web(keeps=keeps), there)
            assert talk.goes_on if keeps else talk.is_cut


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_what_was_kept_is_cut_when_its_group_is_told_to(bench: Bench, kind: str) -> None:
    """A group that turns from keep to cut ends what it had kept."""
    bench.plan(web(*door(), keeps=True))
    with bench.talk(kind, 4) as talk:
        bench.plan(web(keeps=True))
        assert talk.goes_on
        bench.plan(web())
        assert talk.is_cut


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_another_groups_change_does_not_cut_what_is_kept(bench: Bench, kind: str) -> None:
    """A kept connection outlives a rule of a group that cuts and never allowed it."""
    more = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 1, 1), Anywhere())
    both = {"server": (WEB, OTHER)}
    shut, wide = GroupItem(OTHER, True, OUT), GroupItem(OTHER, True, (*OUT, more))
    bench.plan(web(*door(), keeps=True), wide, **both)
    with bench.talk(kind, 4) as talk:
        bench.plan(web(keeps=True), wide, **both)
        bench.plan(web(keeps=True), shut, **both)
        assert talk.goes_on


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_what_is_allowed_again_begins_again(bench: Bench, kind: str) -> None:
    """A rule that comes back lets the same two sockets' datagrams through again, and new connections begin."""
    bench.plan(web(*door()))
    with bench.talk(kind, 4) as talk:
        bench.plan(web())
        assert talk.is_cut
        bench.plan(web(*door()))
        if kind == "udp":
            assert _hears(talk.server, talk.client)
            assert talk.goes_on
    assert not bench.refuses(kind, 4)


def test_other_marks_of_a_connection_stay(bench: Bench) -> None:
    """Of a connection's mark only our own bits are touched."""

    def set_all() -> None:
        tracked = Conntrack()
        tracked.mark(list(tracked.flows()), 0x0F0F)
        tracked.close()

    def marks() -> set[int]:
        tracked = Conntrack()
        found = {flow.mark & 0xFFFF for flow in tracked.flows() if flow.original.target_port == DOOR}
        tracked.close()
        return found

    bench.plan(web(*door(), keeps=True))
    with bench.talk("tcp", 4):
        bench.rig.do(set_all)
        bench.plan(web(keeps=True))
        assert 0x0F0F in bench.rig.do(marks)
