"""A port's path as it is: each hop of the plan beside what the kernel and the helpers have there."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Final

from netwright.agent.firewall_left import left
from netwright.agent.metadata import HOST_PORT, ROUTER_PORT
from netwright.kernel import netns, rtnetlink
from netwright.kernel.addresses import Addresses
from netwright.kernel.conntrack import Conntrack
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.dnsmasq_files import DhcpFiles
from netwright.kernel.dnsmasq_home import Home
from netwright.kernel.driver import wide
from netwright.kernel.iptables import Iptables
from netwright.kernel.links import Links
from netwright.kernel.listening import Listening, listening
from netwright.kernel.nft import NftTables
from netwright.kernel.nft_counters import RuleCount, read_counters
from netwright.kernel.nft_messages import spoken
from netwright.kernel.nft_reading import LIMITS
from netwright.kernel.nwfilter import NwFilters
from netwright.kernel.nwfilter_bindings import NwBindings
from netwright.kernel.nwfilter_libvirt import Libvirt
from netwright.kernel.routes import Routes
from netwright.kernel.shapers import Shapers
from netwright.kernel.sysctls import Sysctls
from netwright.kernel.uplinks import Uplinks
from netwright.kernel.vlans import Vlans
from netwright.kernel.vmm import tap_holder
from netwright.kernel.wireguard import WireGuards
from netwright.kernel.xt_counters import read_xt_counters
from netwright.model.errors import KernelRefusedError
from netwright.model.host import (
    DEFAULT_LOG_LIMIT,
    ListenerKey,
    LogLimit,
    NftChain,
    NftKey,
    NftKind,
    NwFilter,
    PortBinding,
    Shaper,
    ShaperKey,
    Stage,
    Traits,
)
from netwright.model.ids import PortId, port_link_name
from netwright.model.intent import HostTap, InNamespace, VmmTap
from netwright.model.plan import HostPlan
from netwright.model.xtables import XtChain, XtKey, XtKind
from netwright.render.firewall_logs import limit_of
from netwright.render.path import Path, port_path
from netwright.render.path_qos import shaper_text
from netwright.render.path_view import Hop, Part, rules_of

_ZONES: Final = NftKey(NftKind.MAP, "bridge", "zones")
_ALL: Final = NftKey(NftKind.CHAIN, "bridge", "antispoof")


_FORWARD: Final = XtKey(XtKind.CHAIN, "", "ip", "filter", "netwright-FORWARD")
_PROGRAMS: Final = {"ip": "iptables", "ip6": "ip6tables", "bridge": "ebtables", "set": "ipset"}
_FILTERS: Final = {
    Stage.NWFILTER: "libvirt filter",
    Stage.NWFILTER_BINDINGS: "libvirt's filter in force on",
}


class State(StrEnum):
    OK = "ok"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Count:
    """A rule that counts, as it was rendered, and how often it was met."""

    chain: str
    rule: str
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A hop and what was found there; `problems` say what is not as the plan has it."""

    hop: Hop
    state: State
    problems: tuple[str, ...]
    facts: tuple[str, ...]
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    path: Path
    seen: tuple[Seen, ...]

    @property
    def ok(self) -> bool:
        return all(one.state is State.OK for one in self.seen)


class Inspection:
    """Looks from the calling thread's namespace, which must be the host's; writes nothing."""

    def __init__(self, run_directory: FilePath) -> None:
        self._directory = run_directory
        namespaces = netns.Namespaces(run_directory)
        self._nft = NftTables()
        self._iptables = Iptables()
        self._left = left(run_directory)
        self._libvirt = Libvirt(self._left.libvirt)
        self._bindings = NwBindings(self._libvirt)
        self._limits, self._shapers = NftTables(families=LIMITS), Shapers()
        self._drivers = {
            Stage.NAMESPACES: wide(namespaces),
            Stage.UPLINKS: wide(Uplinks()),
            Stage.VLANS: wide(Vlans()),
            Stage.FIREWALL: wide(self._nft),
            Stage.QOS: wide(self._limits),
            Stage.SHAPERS: wide(self._shapers),
            Stage.IPTABLES: wide(self._iptables),
            Stage.NWFILTER: wide(NwFilters(self._libvirt)),
            Stage.NWFILTER_BINDINGS: wide(self._bindings),
            Stage.BRIDGES: wide(Links(bridges=True)),
            Stage.PORTS: wide(Links(bridges=False)),
            Stage.WIREGUARD: wide(WireGuards()),
            Stage.SYSCTLS: wide(Sysctls()),
            Stage.ADDRESSES: wide(Addresses(namespaces)),
            Stage.ROUTES: wide(Routes(namespaces)),
            Stage.DHCP_FILES: wide(DhcpFiles(run_directory)),
            Stage.DNSMASQ: wide(DnsmasqDaemons(run_directory)),
        }

    def close(self) -> None:
        for one in (self._nft, self._limits, self._shapers, self._bindings):
            one.close()

    @property
    def firewall(self) -> str:
        """The engine that the host's agent last ran with."""
        return self._left.firewall

    def is_host(self) -> bool:
        """Whether netwright's tables are in this namespace."""
        if self._left.firewall == "iptables":
            return bool(self._iptables.observe([_FORWARD._replace(backend=self._left.xtables)]))
        return bool(self._nft.observe([_ALL]))

    def look(self, plan: HostPlan, port: PortId) -> Picture | None:
        """None where the plan has no such port. Raises KernelRefusedError."""
        native = bool(self._nft.observe([_ZONES]))
        traits = Traits(
            str(self._directory),
            bridge_conntrack=native,
            firewall=self._left.firewall,
            libvirt=self._left.libvirt,
            xtables=self._left.xtables,
            log_limit=self._log_limit(),
        )
        path = port_path(plan, port, traits)
        return Picture(path, tuple(self._seen(path, hop) for hop in path.hops)) if path else None

    def _log_limit(self) -> LogLimit:
        """How much the running agent lets logs write: its own options, which the plan does not know."""
        if self._left.firewall == "iptables":
            return self._left.log_limit
        names = (key.name for key in self._nft.observe() if key.kind is NftKind.LIMIT)
        return next(filter(None, map(limit_of, names)), DEFAULT_LOG_LIMIT)

    def _seen(self, path: Path, hop: Hop) -> Seen:
        missing, different = self._compared(hop)
        facts: tuple[str, ...] = ()
        try:
            facts = tuple(self._facts(path, hop))
        except _AbsentError as absent:
            missing.append(str(absent))
        state = State.MISSING if missing else State.DIFFERENT if different else State.OK
        problems = (*(f"missing: {one}" for one in missing), *(f"not as planned: {one}" for one in different))
        return Seen(hop, state, problems, facts, tuple(_counts(hop)))

    def _compared(self, hop: Hop) -> tuple[list[str], list[str]]:
        """What is not there, and what is there with another value."""
        missing: list[str] = []
        different: list[str] = []
        for stage, wanted in hop.wanted.items():
            try:
                observed = self._observed(stage, wanted)
            except KernelRefusedError as refused:
                different.append(f"{stage.value} cannot be seen: {refused.said}")
                continue
            for key, value in wanted.items():
                if key not in observed:
                    missing.append(_words(stage, key))
                elif observed[key] != value:
                    different.append(f"{_words(stage, key)} {_difference(value, observed[key])}".strip())
        return missing, different

    def _observed(self, stage: Stage, wanted: Mapping[Hashable, object]) -> Mapping[Hashable, object]:
        if stage is Stage.METADATA:
            return {key: value for key, value in wanted.items() if _is_listening(key)}
        return self._drivers[stage].observe(wanted.keys())

    def _facts(self, path: Path, hop: Hop) -> Iterator[str]:
        """What only the running host knows. Raises _AbsentError."""
        match hop.part:
            case Part.GUEST:
                yield _guest_end(path)
            case Part.DHCP:
                yield from _leases(Home(self._directory, path.network.id), path)
            case Part.SPOOF if self._left.firewall == "nwfilter":
                yield from self._binding(path)
            case Part.LIMITS:
                yield from self._queues(hop)
            case Part.CONNECTIONS:
                yield f"{_connections(path)} tracked"
            case _:
                return

    def _queues(self, hop: Hop) -> Iterator[str]:
        """The queues that there are; one that cannot be seen is among the hop's problems."""
        keys = [key for key in hop.wanted.get(Stage.SHAPERS, {}) if isinstance(key, ShaperKey)]
        with suppress(KernelRefusedError):
            yield from (f"found: {shaper_text(one)}" for one in self._shapers.observe(keys).values())

    def _binding(self, path: Path) -> Iterator[str]:
        """Whose libvirt's binding is; what is in force of it, the hop compares."""
        link = port_link_name(path.port.id)
        try:
            yield f"libvirt's binding on {link}: {self._bindings.owner(link) or 'none'}"
        except KernelRefusedError as refused:
            yield f"libvirt's binding on {link} cannot be seen: {refused.said}"


class _AbsentError(Exception):
    pass


def _counts(hop: Hop) -> Iterator[Count]:
    for chain, counts in _met(hop):
        rules = rules_of(hop, chain)
        for count in counts:
            if count.packets is not None and count.bytes is not None:
                yield Count(chain.name, rules.get(count.tag, "not netwright's"), count.packets, count.bytes)


def _met(hop: Hop) -> Iterator[tuple[NftKey | XtKey, tuple[RuleCount, ...]]]:
    yield from read_counters([key for key in hop.chains if isinstance(key, NftKey)]).items()
    yield from read_xt_counters([key for key in hop.chains if isinstance(key, XtKey)]).items()


def _guest_end(path: Path) -> str:
    port = path.port
    match port.attachment:
        case InNamespace(namespace, name):
            try:
                reader = rtnetlink.open_reader(namespace)
            except KernelRefusedError as error:
                raise _AbsentError(f"namespace {namespace}") from error
            try:
                state = rtnetlink.link(reader, name=name)
            finally:
                reader.close()
            if state is None:
                raise _AbsentError(f"{name} in {namespace}")
            return f"found: {state.mac}, MTU {state.mtu}, {'up' if state.up else 'down'}"
        case HostTap() | VmmTap():
            tap = port_link_name(port.id)
            holder = tap_holder(tap)
            if holder is None:
                raise _AbsentError(f"a process that has {tap} open")
            return f"open in {holder.program}, pid {holder.pid}"
        case _:
            raise _AbsentError("the port is not plugged")


def _leases(home: Home, path: Path) -> Iterator[str]:
    yield f"dnsmasq, pid {home.daemon.pid() or 'none'}"
    own = {str(fixed.address) for fixed in path.port.addresses}
    leased = [lease.address for lease in home.leases()[1] if lease.address in own]
    yield f"leased: {', '.join(leased)}" if leased else "not leased yet"


def _connections(path: Path) -> int:
    own = {*(fixed.address for fixed in path.port.addresses), *(one.address for one in path.floating)}
    conntrack = Conntrack()
    try:
        return sum(
            1
            for flow in conntrack.flows()
            if own & {flow.original.source, flow.original.target, flow.reply.source, flow.reply.target}
        )
    finally:
        conntrack.close()


def _is_listening(key: Hashable) -> bool:
    """The agent's sockets are its own: what can be seen from outside is that some socket is bound there."""
    if not isinstance(key, ListenerKey):
        return False
    try:
        reader = rtnetlink.open_reader(key.namespace)
        state = rtnetlink.link(reader, name=key.link)
        reader.close()
        found = listening(key.namespace)
    except KernelRefusedError:
        return False
    port = ROUTER_PORT if key.namespace else HOST_PORT
    return state is not None and Listening(port, state.index) in found


def _words(stage: Stage, key: Hashable) -> str:
    """A key as a person would name it."""
    if isinstance(key, NftKey):
        named = f"{spoken(key.family)} {key.name}".strip()
        return f"{key.element} in {named}" if key.element else f"{key.kind.value} {named}"
    if isinstance(key, XtKey):
        named = " ".join(filter(None, (_PROGRAMS[key.family], key.table, key.name)))
        return f"{key.item} in {named}" if key.item else f"{key.kind.value} {named}"
    if stage in _FILTERS:
        return f"{_FILTERS[stage]} {key}"
    if isinstance(key, tuple):
        return f"{stage.value} " + " ".join(str(part) for part in key if str(part))
    return f"{stage.value} {key}"


def _difference(wanted: object, found: object) -> str:
    if isinstance(wanted, NftChain | XtChain) and isinstance(found, NftChain | XtChain):
        return f"({len(wanted.tags)} rules planned, {len(found.tags)} there)"
    if isinstance(wanted, Shaper) and isinstance(found, Shaper):
        return f"(planned {shaper_text(wanted)}; found {shaper_text(found)})"
    if isinstance(wanted, NwFilter | PortBinding):
        return "(another version of it, or not all of its rules)"
    return f"(planned {wanted}, found {found})" if len(str(wanted)) < 200 else ""
