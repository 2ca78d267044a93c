"""Hosts with a firewall each, made and changed by what the agent itself runs; and one with none at all."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path as Directory
from typing import Final, TypeVar

from classic import GROUP
from common import run
from host import silence
from packets import DOOR, ECHO, SINK, Path

from netwright.agent.callers import Callers
from netwright.agent.desired import Desired
from netwright.agent.firewalls import find_firewall
from netwright.agent.metadata import MetadataService
from netwright.agent.reconcile import Outcome, Row, reconcile
from netwright.agent.stages import stages
from netwright.kernel import netns
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.traits import probe
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Stage
from netwright.model.ids import GroupId, HostName, LinkName, NamespaceName, PortId
from netwright.model.intent import (
    Anywhere,
    Direction,
    EtherType,
    InNamespace,
    IpProtocol,
    PortRange,
    RemoteGroup,
    RemotePrefix,
    VmmTap,
)
from netwright.model.plan import GroupItem, HostItem, Item, ItemKey, MemberItem, PortItem, RulePlan, Serving
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

SUBNET: Final = sample_subnet("10.20.0.0/16", Serving.STATIC)
NETWORK: Final = sample_network(SUBNET)
GROUP_ID: Final = GroupId("9a0c0000-6c0f-4000-8000-000000000000")
NEAR, FAR = "10.20.255.1", "10.20.255.2"
_TCP, _UDP = 6, 17
T = TypeVar("T")


def _rule(protocol: int, port: int, *, anywhere: bool) -> RulePlan:
    remote = Anywhere() if anywhere else RemotePrefix(ip_network("198.51.100.0/24"))
    return RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(protocol, port, port), remote)


RULES: Final = (
    *(_rule(_TCP, port, anywhere=False) for port in GROUP),
    RulePlan(Direction.INGRESS, EtherType.IPV4, IpProtocol(47), RemoteGroup(GROUP_ID)),
    *(_rule(_UDP, port, anywhere=True) for port in (SINK, ECHO)),
    _rule(_TCP, DOOR, anywhere=True),
    RulePlan(Direction.EGRESS, EtherType.IPV4, IpProtocol(_TCP), Anywhere()),
    RulePlan(Direction.EGRESS, EtherType.IPV4, IpProtocol(_UDP), Anywhere()),
)
"""The group of all ports: ten rules as in `plug`, its own members, and what the two guests say."""
OPEN: Final = GroupItem(GROUP_ID, stateful=True, rules=RULES)
WIDER: Final = replace(OPEN, rules=(*RULES, _rule(_TCP, 9999, anywhere=False)))


class FirewallHost:
    """Two guests on one bridge, last of all in the plan, and as many other ports as asked for.

    Those others are taps of VMMs that have yet to come: the firewall has all of theirs, the bridge nothing.
    """

    def __init__(self, directory: Directory, engine: str, ports: int) -> None:
        """`engine`: a name, and after a slash iptables' back end.

        Raises KernelRefusedError where this machine cannot carry it.
        """
        self._name, self._ports = f"{engine.replace('/', '-')}{ports}", ports
        self._directory = directory / self._name
        self._directory.mkdir()
        self._engine = engine
        host = NamespaceName(self._name)
        self._near, self._far = (_guest(f"{self._name}-{end}") for end in ("near", "far"))
        netns.create(host)
        self._thread = ThreadPoolExecutor(1, initializer=netns.enter, initargs=(host,))
        self._desired, self._rows = self._do(self._assemble)
        self._do(self._build)

    @property
    def path(self) -> Path:
        """From one of its guests to the other."""
        return Path(self._near, self._far, FAR)

    def port_ms(self) -> float:
        """One port more; it is taken away again, and that is not measured."""
        port = _port(self._ports + 1)
        return self._timed([port], [port.key])

    def member_ms(self) -> float:
        """One member more, on another host, of the group that all ports are in."""
        key = PortId("99999999-90e7-4000-8000-000000000000")
        member = MemberItem(key, (GROUP_ID,), (ip_network("10.20.254.1/32"),))
        return self._timed([member], [member.key])

    def rule_ms(self) -> float:
        """One rule more in the group that all ports are in."""
        return self._timed([WIDER], [], [OPEN])

    def close(self) -> None:
        self._thread.shutdown()

    def _timed(
        self, changed: Collection[Item], removed: Collection[ItemKey], back: Collection[Item] = ()
    ) -> float:
        def act() -> float:
            begun = time.perf_counter()
            self._change(changed, [])
            taken = time.perf_counter() - begun
            self._change(back, removed)
            return taken * 1000

        return self._do(act)

    def _change(self, changed: Iterable[Item], removed: Collection[ItemKey]) -> None:
        """What the agent does when a plan's change comes, as far as the firewall goes."""
        touched = self._desired.update(changed, removed)
        mine = {stage: keys for stage, keys in touched.items() if stage in self._stages}
        _checked(reconcile(self._rows, self._desired, mine))

    def _assemble(self) -> tuple[Desired, tuple[Row, ...]]:
        name, _, xtables = self._engine.partition("/")
        firewall = find_firewall(name)
        self._stages = firewall.stages | {Stage.FIREWALL}
        traits = probe(str(self._directory), name, xtables or "auto")
        dnsmasq = DnsmasqDaemons(self._directory, systemd=False)
        rows = stages(traits, firewall, dnsmasq, MetadataService(Callers().find))
        return Desired(traits, firewall.engine), rows

    def _build(self) -> None:
        """The whole plan, and the guests' addresses."""
        guests = {self._near: NEAR, self._far: FAR}
        last = [
            replace(_port(0xFF00 + number, address), attachment=InNamespace(namespace, LinkName("eth0")))
            for number, (namespace, address) in enumerate(guests.items())
        ]
        crowd = [_port(number) for number in range(self._ports)]
        self._desired.replace([HostItem(HostName("bench")), NETWORK, OPEN, *crowd, *last])
        _checked(reconcile(self._rows, self._desired, dict.fromkeys(row.stage for row in self._rows)))
        for namespace, address in guests.items():
            run(["ip", "address", "add", f"{address}/16", "dev", "eth0"], where=namespace)

    def _do(self, act: Callable[[], T]) -> T:
        return self._thread.submit(act).result()


class PlainBridge:
    """Two guests on a bridge that nothing filters and that calls no netfilter: the limit."""

    def __init__(self, name: str, netfilter: int = 0) -> None:
        self.host = NamespaceName(name)
        netns.create(self.host)
        silence(self.host)
        run(["sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={netfilter}"], where=self.host)
        run(["ip", "link", "add", "br100", "type", "bridge", "forward_delay", "0"], where=self.host)
        run(["ip", "link", "set", "br100", "up"], where=self.host)
        self._near, self._far = (_guest(f"{name}-{end}") for end in ("near", "far"))
        for namespace, address in ((self._near, NEAR), (self._far, FAR)):
            self._plug(namespace, address)

    @property
    def path(self) -> Path:
        return Path(self._near, self._far, FAR)

    def _plug(self, namespace: NamespaceName, address: str) -> None:
        tap = f"tap{address[-1]}"
        far = f"peer name eth0 netns /run/netns/{namespace}"
        run(f"ip link add {tap} master br100 up type veth {far}".split(), where=self.host)
        run(["ip", "link", "set", "eth0", "up"], where=namespace)
        run(["ip", "address", "add", f"{address}/16", "dev", "eth0"], where=namespace)


def _guest(name: str) -> NamespaceName:
    made = NamespaceName(name)
    netns.create(made)
    run(["ip", "link", "set", "lo", "up"], where=made)
    silence(made)
    return made


def _port(number: int, address: str = "") -> PortItem:
    held = sample_address(SUBNET, address or f"10.20.{(number + 10) >> 8}.{(number + 10) & 255}")
    port = sample_port(held, number=number, network=NETWORK)
    # As random as the ids that the server gives: links are named after them.
    identity = PortId(str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))))
    return replace(port, id=identity, attachment=VmmTap(), groups=(GROUP_ID,))


def _checked(outcome: Outcome) -> None:
    for failure in outcome.failures.values():
        raise KernelRefusedError(failure.stage, failure.said)
