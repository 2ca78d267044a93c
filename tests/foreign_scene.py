"""A host with guests, an outside and a floating IP, other people's rules on it, and what then really passes."""

from __future__ import annotations

import select
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from netwright.agent.doctor import Diagnosis, examine
from netwright.kernel import netns
from netwright.model.ids import GroupId, LinkName, NamespaceName, bridge_mac, bridge_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, InNamespace
from netwright.model.plan import GroupItem, RulePlan, Serving
from netwright.render.foreign import Finding, Row, Verdict, line
from netwright.render.foreign_traffic import Kind
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespaces, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_network,
    sample_port,
    sample_subnet,
)

V4 = sample_subnet("10.44.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd44::/64", Serving.STATIC, number=2)
NETWORK = sample_network(V4, V6)
BRIDGE = bridge_name(NETWORK.id)
OPEN = GroupItem(
    GroupId("00000001-6c0f-4000-8000-000000000000"),
    stateful=True,
    rules=tuple(RulePlan(way, kind, AnyProtocol(), Anywhere()) for way in Direction for kind in EtherType),
)
OUTSIDE = {4: "9.9.9.9", 6: "2600::9"}
FLOATING = "203.0.113.50"
SILENCE = 0.25
"""Seconds after which nothing is expected any more."""

Way = tuple[Kind, int]
LABELS = {Kind.TO_HOST: "DNS (udp)"}
"""The probe that is sent; of other traffic it is UDP."""


@dataclass(frozen=True, slots=True)
class End:
    where: NamespaceName
    address: str
    port: int = 0


@dataclass(frozen=True)
class Scene:
    rig: Rig
    guests: tuple[NamespaceName, ...]
    outside: NamespaceName
    directory: Path

    @property
    def host(self) -> NamespaceName:
        return self.rig.host

    def ways(self) -> Mapping[Way, tuple[End, End]]:
        """Who speaks to whom, and under which address, for each traffic."""
        found: dict[Way, tuple[End, End]] = {}
        for version, nobody in ((4, "0.0.0.0"), (6, "::")):
            own = [address(number, version) for number in (0, 1)]
            gateway = str((V4 if version == 4 else V6).gateway_ip)
            found[Kind.BETWEEN, version] = End(self.guests[0], nobody), End(self.guests[1], own[1])
            found[Kind.OUT, version] = End(self.guests[0], nobody), End(self.outside, OUTSIDE[version])
            found[Kind.TO_HOST, version] = End(self.guests[0], nobody), End(self.host, gateway, 53)
            found[Kind.FROM_HOST, version] = End(self.host, nobody), End(self.guests[1], own[1])
        found[Kind.FLOATING, 4] = End(self.outside, OUTSIDE[4]), End(self.guests[0], FLOATING)
        return found

    def passing(self) -> Mapping[Way, bool]:
        """Sends a real datagram each way, has those that arrive answered, and tells whose answers came."""
        ways = self.ways()
        with ExitStack() as stack:
            asking = {way: stack.enter_context(_opened(ends[0])) for way, ends in ways.items()}
            local = {way: _landing(way, ends[1]) for way, ends in ways.items()}
            answering = {way: stack.enter_context(_opened(end)) for way, end in local.items()}
            tokens = {uuid.uuid4().bytes: way for way in ways}
            for token, way in tokens.items():
                _send(asking[way], token, (ways[way][1].address, answering[way].getsockname()[1]))
            for token, source in _heard(answering, tokens).items():
                _send(answering[tokens[token]], token, source)
            answered = {tokens[token] for token in _heard(asking, tokens)}
        return {way: way in answered for way in ways}

    def diagnosis(self) -> Diagnosis:
        return self.rig.do(examine)

    def said(self) -> Mapping[Way, Verdict]:
        """What the doctor says of those very datagrams."""
        return {(row.traffic.kind, row.traffic.version): verdict_of(row) for row in self.diagnosis().rows}

    def run(self, command: str, stdin: str = "") -> str:
        return run(self.host, ["sh", "-c", command], stdin=stdin).stdout

    def fixes(self) -> list[str]:
        """The commands that the doctor gives for what is certainly in the way."""
        certain = (one for row in self.diagnosis().rows for one in row.findings if one.certain)
        return list(dict.fromkeys(line(fix) for one in certain for fix in one.fixes))

    def mend(self, run_: Callable[[str], object]) -> None:
        """Runs those commands; after them nothing is in the way any more."""
        for command in self.fixes():
            run_(command)
        assert self.fixes() == []
        assert all(self.passing().values()), self.passing()

    def findings(self) -> list[Finding]:
        return [one for row in self.diagnosis().rows for one in row.findings]


def verdict_of(row: Row) -> Verdict:
    """Of the datagram that is sent, apart from other packets of the same traffic."""
    label = LABELS.get(row.traffic.kind, "udp")
    concerned = tuple(one for one in row.findings if not one.labels or label in one.labels)
    return Row(row.traffic, concerned).verdict


def disagreements(said: Mapping[Way, Verdict], passing: Mapping[Way, bool]) -> list[str]:
    """Where the doctor was certain, and wrong."""
    right = {Verdict.PASSES: {True}, Verdict.DROPPED: {False}, Verdict.MAY_BE_DROPPED: {True, False}}
    return [
        f"{way[0].value}, IPv{way[1]}: doctor says {said[way].value}, but it {'passed' if passes else 'did not pass'}"
        for way, passes in passing.items()
        if passes not in right[said[way]]
    ]


def address(number: int, version: int) -> str:
    return f"10.44.0.1{number}" if version == 4 else f"fd44::1{number}"


def _landing(way: Way, end: End) -> End:
    """What is sent to the floating IP lands on the guest's own address."""
    return replace(end, address=address(0, 4)) if way[0] is Kind.FLOATING else end


@contextmanager
def _opened(end: End) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in end.address else socket.AF_INET
    with netns.inside(end.where):
        opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with opened:
        opened.bind((end.address, end.port))
        yield opened


def _send(opened: socket.socket, data: bytes, to: object) -> None:
    """A local refusal (a drop in the output hook) is a packet that did not pass."""
    try:
        opened.sendto(data, to)
    except PermissionError:
        return


def _heard(sockets: Mapping[Way, socket.socket], tokens: Mapping[bytes, Way]) -> dict[bytes, object]:
    """Tokens that arrived where they were meant to, and from where; ends when nothing comes any more."""
    found: dict[bytes, object] = {}
    while len(found) < len(tokens):
        ready, _, _ = select.select(list(sockets.values()), [], [], SILENCE)
        if not ready:
            break
        for opened in ready:
            try:
                data, source = opened.recvfrom(100)
            except OSError:
                continue  # an ICMP error: somebody rejected it
            if data in tokens and sockets[tokens[data]] is opened:
                found[data] = source
    return found


@contextmanager
def scene(directory: Path, firewall: str = "nftables") -> Iterator[Scene]:
    """Two guests on a host network of both IP versions, a way out, and a floating IP for the first."""
    with ExitStack() as stack:
        first, second, outside = stack.enter_context(namespaces("guest", "guest", "net"))
        made = stack.enter_context(rig(directory, firewall))
        add_veth(made.host, "wan", outside, "eth0", "02:00:00:00:00:01")
        add_addresses(made.host, "wan", "203.0.113.2/24", "2001:db8::2/64")
        add_addresses(outside, "eth0", "203.0.113.1/24", "2001:db8::1/64")
        add_addresses(outside, "lo", f"{OUTSIDE[4]}/32", f"{OUTSIDE[6]}/128")
        ports = []
        for number, guest in enumerate((first, second)):
            held = (sample_address(V4, address(number, 4)), sample_address(V6, address(number, 6)))
            bare = sample_port(*held, number=number + 1, network=NETWORK)
            ports.append(replace(bare, groups=(OPEN.id,), attachment=InNamespace(guest, LinkName("eth0"))))
        outcome = made.plan(NETWORK, OPEN, *ports, sample_floating_ip(ports[0], FLOATING))
        assert not outcome.pending, outcome
        _introduce(made.host, outside, (first, second), [port.mac for port in ports])
        yield Scene(made, (first, second), outside, directory)


def _introduce(
    host: NamespaceName, outside: NamespaceName, guests: Sequence[NamespaceName], macs: Sequence[str]
) -> None:
    """Addresses, routes, and everybody's neighbours: no rule's effect is that of a lost ARP request."""
    own = ip(host, "-o", "link", "show", "wan").split("link/ether ")[1].split()[0]
    meet(host, "wan", {"203.0.113.1": "02:00:00:00:00:01", "2001:db8::1": "02:00:00:00:00:01"})
    meet(outside, "eth0", dict.fromkeys(("203.0.113.2", FLOATING, "2001:db8::2"), own))
    for version, way in ((4, "203.0.113.1"), (6, "2001:db8::1")):
        ip(host, f"-{version}", "route", "add", "default", "via", way)
        ip(
            outside,
            f"-{version}",
            "route",
            "add",
            "default",
            "via",
            {4: "203.0.113.2", 6: "2001:db8::2"}[version],
        )
    for number, guest in enumerate(guests):
        add_addresses(guest, "eth0", f"{address(number, 4)}/24", f"{address(number, 6)}/64")
        other = {address(1 - number, version): macs[1 - number] for version in (4, 6)}
        gateways = {str(subnet.gateway_ip): bridge_mac(NETWORK.id) for subnet in (V4, V6)}
        meet(guest, "eth0", {**other, **gateways})
        meet(host, BRIDGE, {address(number, version): macs[number] for version in (4, 6)})
        for subnet in (V4, V6):
            ip(guest, f"-{subnet.cidr.version}", "route", "add", "default", "via", str(subnet.gateway_ip))


def meet(where: NamespaceName, link: str, known: Mapping[str, str]) -> None:
    for address_, mac in known.items():
        ip(where, "neighbour", "replace", address_, "lladdr", mac, "dev", link, "nud", "permanent")


def quietly(argv: Sequence[str]) -> Callable[[], subprocess.CompletedProcess[str]]:
    """A program to be run later, its output kept."""
    return lambda: subprocess.run(argv, capture_output=True, text=True, check=False)
