"""Random security groups, real packets: the kernel against a reference evaluator written from the API's text."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import count

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from netwright.kernel.conntrack import Conntrack
from netwright.model.ids import GroupId
from netwright.model.intent import (
    Address,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Remote,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wired, silent_guests, wired

GUESTS = 4
V4 = sample_subnet("10.31.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd31::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
GROUPS = tuple(GroupId(f"{number:08x}-6c0f-4000-8000-000000000000") for number in range(1, 5))
PREFIXES = {
    EtherType.IPV4: (
        "0.0.0.0/0",
        "10.31.0.0/24",
        "10.31.0.10/32",
        "10.31.0.12/31",
        "10.31.0.8/30",
        "192.0.2.0/24",
    ),
    EtherType.IPV6: ("::/0", "fd31::/64", "fd31::10/128", "fd31::12/127", "fd31::/123", "2001:db8::/32"),
}
PORTS = (1, 22, 53, 80, 81, 443, 8080, 65535)
PORTED = (6, 17, 33, 132, 136)
OTHERS = (2, 47, 50, 89, 253)
ICMP_TYPES = {4: (0, 3, 5, 8, 11, 13, 42), 6: (1, 2, 3, 128, 129, 144, 200)}
ECHO = {4: (8, 0), 6: (128, 129)}
SOURCES = count(20000)


@dataclass(frozen=True)
class Probe:
    """A packet that one guest sends another: a protocol with a port, or a type and code, or neither."""

    sender: int
    receiver: int
    version: int
    protocol: int
    port: int = 0
    icmp: tuple[int, int] = (0, 0)
    source: int = 0
    """Its source port or ICMP identifier, unique, so that no tracker takes one probe for another's answer."""


@dataclass(frozen=True)
class Config:
    """`using` and `secured`: each guest's groups, and whether its port has security."""

    groups: tuple[GroupItem, ...]
    using: tuple[frozenset[GroupId], ...]
    secured: tuple[bool, ...]
    probes: tuple[Probe, ...]


# The reference evaluator.


def passes(config: Config, probe: Probe) -> bool:
    """Whether a connection may begin: the sender's groups let it out and the receiver's let it in."""
    return _allowed(config, probe, Direction.EGRESS) and _allowed(config, probe, Direction.INGRESS)


def answers(config: Config, probe: Probe, back: Probe) -> bool:
    """Whether the answer to a packet that passed comes back: groups that remember, or rules, allow it."""
    return all(
        _remembers(config, guest) or _allowed(config, back, way)
        for guest, way in ((probe.receiver, Direction.EGRESS), (probe.sender, Direction.INGRESS))
    )


def _remembers(config: Config, guest: int) -> bool:
    return any(group.stateful for group in config.groups if group.id in config.using[guest])


def _allowed(config: Config, probe: Probe, way: Direction) -> bool:
    near, far = probe.sender, probe.receiver
    if way is Direction.INGRESS:
        near, far = far, near
    if not config.secured[near]:
        return True
    rules = (rule for group in config.groups if group.id in config.using[near] for rule in group.rules)
    return any(rule.direction is way and _fits(config, rule, probe, far) for rule in rules)


def _fits(config: Config, rule: RulePlan, probe: Probe, far: int) -> bool:
    return (
        rule.ethertype.value == f"IPv{probe.version}"
        and _is_about(config, rule.remote, far, probe.version)
        and _speaks_of(rule.match, probe)
    )


def _is_about(config: Config, remote: Remote, far: int, version: int) -> bool:
    if isinstance(remote, RemotePrefix):
        return address_of(far, version) in remote.prefix
    return remote == Anywhere() or remote.group in config.using[far]


def _speaks_of(match: Match, probe: Probe) -> bool:
    match match:
        case IpProtocol(number):
            return probe.protocol == number
        case PortRange(number, first, last):
            return probe.protocol == number and probe.port in range(first, last + 1)
        case Icmp(kind, code):
            is_icmp = probe.protocol == {4: 1, 6: 58}[probe.version]
            return is_icmp and kind in (None, probe.icmp[0]) and code in (None, probe.icmp[1])
    return match == AnyProtocol()


# What is generated.


def matches(ethertype: EtherType) -> st.SearchStrategy[Match]:
    version = 4 if ethertype is EtherType.IPV4 else 6
    ends = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(sorted)
    types = st.sampled_from(ICMP_TYPES[version])
    return st.one_of(
        st.just(AnyProtocol()),
        st.just(Icmp()),
        st.sampled_from((6, 17, *OTHERS, 1 if version == 4 else 58)).map(IpProtocol),
        st.builds(lambda number, pair: PortRange(number, *pair), st.sampled_from(PORTED), ends),
        st.builds(lambda number: PortRange(number, 80, 80), st.sampled_from((6, 17))),
        st.builds(Icmp, types),
        st.builds(Icmp, types, st.integers(0, 2)),
    )


def remotes(ethertype: EtherType) -> st.SearchStrategy[Remote]:
    return st.one_of(
        st.just(Anywhere()),
        st.sampled_from(PREFIXES[ethertype]).map(ip_network).map(RemotePrefix),
        st.sampled_from(GROUPS).map(RemoteGroup),
    )


def rules(ethertype: EtherType) -> st.SearchStrategy[RulePlan]:
    return st.builds(
        RulePlan, st.sampled_from(Direction), st.just(ethertype), matches(ethertype), remotes(ethertype)
    )


def aims(match: Match, version: int) -> st.SearchStrategy[tuple[int, int, tuple[int, int]]]:
    """Protocol, port, ICMP type and code at which a rule's edges show."""
    types, nothing = st.sampled_from(ICMP_TYPES[version]), st.just((0, 0))
    match match:
        case PortRange(number, first, last):
            edges = sorted({max(first - 1, 1), first, (first + last) // 2, last, min(last + 1, 65535)})
            return st.tuples(st.just(number), st.sampled_from(edges), nothing)
        case IpProtocol(number) if number not in (1, 58):
            return st.tuples(st.just(number), st.sampled_from(PORTS), nothing)
        case Icmp(kind, code) if kind is not None:
            codes = st.sampled_from((0, 1, 2) if code is None else (code, code, 1 - min(code, 1)))
            return st.tuples(st.just({4: 1, 6: 58}[version]), st.just(0), st.tuples(st.just(kind), codes))
        case _:
            icmp = st.tuples(st.just({4: 1, 6: 58}[version]), st.just(0), st.tuples(types, st.integers(0, 2)))
            others = st.tuples(st.sampled_from((6, 17, *PORTED, *OTHERS)), st.sampled_from(PORTS), nothing)
            return st.one_of(icmp, others)


@st.composite
def probes(draw: st.DrawFn, groups: Sequence[GroupItem]) -> Probe:
    """Most are aimed at some rule."""
    sender, receiver = draw(st.permutations(range(GUESTS)))[:2]
    listed = [rule for group in groups for rule in group.rules]
    chance = RulePlan(Direction.INGRESS, draw(st.sampled_from(EtherType)), AnyProtocol(), Anywhere())
    rule = draw(st.sampled_from((*listed, chance)))
    version = 4 if rule.ethertype is EtherType.IPV4 else 6
    protocol, port, icmp = draw(aims(rule.match, version))
    if icmp[0] in ECHO[version]:
        icmp = icmp[0], 0
    return Probe(sender, receiver, version, protocol, port if protocol in PORTED else 0, icmp)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    some = st.one_of(rules(EtherType.IPV4), rules(EtherType.IPV6))
    out = [RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType]
    groups = []
    for group in GROUPS:
        # Most groups let everything out, as a new group does, so that many probes reach the ingress rules.
        base = draw(st.sampled_from((out, out, out, [])))
        listed = tuple({*base, *draw(st.lists(some, min_size=1, max_size=7))})
        groups.append(GroupItem(group, draw(st.sampled_from((True, True, True, False))), listed))
    secured = tuple(draw(st.sampled_from((True,) * 7 + (False,))) for _ in range(GUESTS))
    member = st.one_of(
        *[st.sets(st.sampled_from(GROUPS), min_size=least, max_size=3) for least in (0, 1, 1, 1, 2)]
    )
    using = tuple(frozenset(draw(member)) if guarded else frozenset() for guarded in secured)
    aimed = st.lists(probes(groups), min_size=12, max_size=16, unique_by=trackable)
    return Config(tuple(groups), using, secured, tuple(draw(aimed)))


def trackable(probe: Probe) -> object:
    """Trackers know protocols without ports by their addresses alone: one packet a pair, or the next is an answer."""
    if probe.protocol in OTHERS:
        return frozenset((probe.sender, probe.receiver)), probe.version, probe.protocol
    return probe


# What is sent.


def address_of(guest: int, version: int) -> Address:
    return V4.cidr[10 + guest] if version == 4 else V6.cidr[16 + guest]


def frame_of(wired_: Wired, probe: Probe, flags: int = frames.SYN) -> bytes:
    """The probe's packet as a whole frame; `flags` are TCP's."""
    source, target = (wired_.end(guest, probe.version) for guest in (probe.sender, probe.receiver))
    ports = (probe.source, probe.port)
    match probe.protocol:
        case frames.TCP:
            return frames.tcp(source, target, ports, flags)
        case frames.UDP:
            return frames.udp(source, target, ports, b"probe")
        case frames.ICMP | frames.ICMPV6:
            return frames.icmp(source, target, *probe.icmp, rest=struct.pack(">HH", probe.source, 1))
        case protocol:
            head = struct.pack(">HH", *ports) if protocol in PORTED else bytes(4)
            return frames.ip(source, target, protocol, _body(source, target, protocol, head))


def _body(source: End, target: End, protocol: int, head: bytes) -> bytes:
    """Something that a tracker takes for the protocol: the ports (where there are any) come first."""
    if protocol == 136:
        return head + struct.pack(">HH", 8, frames.summed(source, target, 136, head + b"\0\x08\0\0"))
    return head.ljust(24, b"\0")


def answer_to(probe: Probe) -> Probe | None:
    """What a peer would answer, where trackers know such a thing."""
    back = replace(probe, sender=probe.receiver, receiver=probe.sender)
    if probe.protocol in (frames.TCP, frames.UDP):
        return replace(back, port=probe.source, source=probe.port)
    if probe.protocol in (frames.ICMP, frames.ICMPV6) and probe.icmp[0] == ECHO[probe.version][0]:
        return replace(back, icmp=(ECHO[probe.version][1], 0))
    return None


@dataclass(frozen=True)
class Bench:
    rig: Rig
    wired: Wired

    def take(self, config: Config) -> None:
        """The host as the configuration says, with no connection remembered."""
        ports = (
            replace(port, groups=tuple(sorted(using)), secured=secured)
            for port, using, secured in zip(self.wired.ports, config.using, config.secured, strict=True)
        )
        outcome = self.rig.plan(NET, *config.groups, *ports)
        assert not outcome.failures, outcome
        self.rig.do(forget_connections)

    def arrived(self, probes_: Iterable[Probe], flags: int = frames.SYN) -> set[Probe]:
        """Those of the probes that reach their receivers."""
        sent = {probe: frame_of(self.wired, probe, flags) for probe in probes_}
        seen = self.wired.exchange([(probe.sender, frame) for probe, frame in sent.items()])
        return {probe for probe, frame in sent.items() if frame in seen[probe.receiver]}


def forget_connections() -> None:
    tracked = Conntrack()
    tracked.end(list(tracked.flows()))
    tracked.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bare = [_port(number) for number in range(GUESTS)]
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*bare))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig")))
        made.plan(NET, *ports)
        yield Bench(made, stack.enter_context(wired(*ports)))


def _port(guest: int) -> PortItem:
    held = sample_address(V4, str(address_of(guest, 4))), sample_address(V6, str(address_of(guest, 6)))
    return sample_port(*held, number=guest + 1, network=NET)


def told(config: Config) -> str:
    """The configuration as a person reads it."""
    guests = enumerate(zip(config.using, config.secured, strict=True))
    lines = [f"guest {number}: {sorted(using)} secured={secured}" for number, (using, secured) in guests]
    for group in config.groups:
        lines.append(f"{group.id} stateful={group.stateful}")
        lines += [f"    {rule}" for rule in group.rules]
    return "\n".join(lines)


PROFILE = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@PROFILE
@given(config=configs())
def test_the_kernel_passes_what_the_rules_allow_and_nothing_else(bench: Bench, config: Config) -> None:
    """For random groups, each packet between guests arrives exactly if both ends' rules say so; so do answers."""
    note(told(config))
    bench.take(config)
    sent = [replace(probe, source=next(SOURCES)) for probe in config.probes]
    arrived, wanted = bench.arrived(sent), {probe for probe in sent if passes(config, probe)}
    assert arrived == wanted, f"leaked {arrived - wanted}, lost {wanted - arrived}"

    pairs = {back: probe for probe in arrived if (back := answer_to(probe))}
    heard = bench.arrived(pairs, frames.SYN_ACK)
    right = {back for back, probe in pairs.items() if answers(config, probe, back)}
    assert heard == right, f"answers leaked {heard - right}, lost {right - heard}"
