"""What the server has still to be told: ports that came up or went down, VMMs' taps, failures, facts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from netwright.agent.desired import Desired
from netwright.agent.inbox import Batch
from netwright.agent.reconcile import Keys, Outcome
from netwright.agent.reporter import Reporter
from netwright.kernel import facts, rtnetlink
from netwright.kernel.events import is_vmm_link
from netwright.model.host import LinkKey, Stage, TapLink, VethLink
from netwright.model.ids import HOST_NAMESPACE, HostName, LinkName, PortId, port_link_name
from netwright.model.report import HostFacts, PortStatus, Report, StageFailure, VmmLink


class Ledger:
    """Bound to the namespace of the thread that makes it.

    `gates`: the stages without which no port counts as up.
    """

    def __init__(self, host: HostName, firewall: str, gates: frozenset[Stage]) -> None:
        self._host, self._firewall, self._gates = host, firewall, gates
        self._reader = rtnetlink.open_reader()
        self._facts: HostFacts = facts.read_facts(self._reader, self._firewall)
        self._ports: dict[Hashable, PortStatus] = {}
        self._links = {state.name: True for state in rtnetlink.links(self._reader) if is_vmm_link(state)}
        self._failures: dict[Stage, StageFailure] = {}
        self._shut: set[Hashable] = set()
        self._new_ports: dict[PortId, PortStatus] = {}
        self._asked: set[PortId] = set()
        self._new_links: set[LinkName] = set(self._links)
        self._told: tuple[int, bool, tuple[StageFailure, ...], HostFacts] | None = None

    def note(self, batch: Batch) -> None:
        """What the watchers saw."""
        for name, present in batch.vmm_links.items():
            if self._links.get(name, False) != present:
                self._links[name] = present
                self._new_links.add(name)
        if batch.facts_changed:
            self._facts = facts.read_facts(self._reader, self._firewall)

    def record(self, looked_at: Mapping[Stage, Keys], outcome: Outcome, desired: Desired) -> None:
        """What a reconcile run left: failures of the stages it looked at, and its ports' state."""
        for stage in looked_at:
            self._failures.pop(stage, None)
        self._failures |= outcome.failures
        shut = self._note_shut(looked_at, outcome)
        if Stage.PORTS in looked_at or shut:
            keys = looked_at.get(Stage.PORTS, frozenset())
            listed = {*desired.values[Stage.PORTS], *self._ports} if keys is None else {*keys, *shut}
            failed = frozenset() if outcome.held else outcome.pending.get(Stage.PORTS, frozenset())
            for key in listed:
                self._record_port(key, desired, failed)

    def _note_shut(self, looked_at: Mapping[Stage, Keys], outcome: Outcome) -> set[Hashable]:
        """Remembers the ports that are shut, their filter not in force; tells whom it looked at."""
        looked = self._links_of(looked_at.get(Stage.NWFILTER_BINDINGS, frozenset()))
        self._shut = self._shut - looked
        self._shut |= looked & self._links_of(outcome.pending.get(Stage.NWFILTER_BINDINGS, frozenset()))
        return looked

    def _links_of(self, bindings: Keys) -> set[Hashable]:
        return set(self._ports) if bindings is None else {_link_of(name) for name in bindings}

    def ask(self, ports: Iterable[PortId]) -> None:
        """The server wants to be told of these, though nothing be new: it may have counted them as down."""
        self._asked.update(ports)

    def report(self, reporter: Reporter, generation: int, *, complete: bool) -> None:
        """Sends what is new; nothing when nothing is."""
        for port in self._asked:
            if status := self._ports.get(_link_of(port_link_name(port))):
                self._new_ports[port] = status
        self._asked.clear()
        failures = tuple(self._failures.values())
        state = (generation, not failures, failures, self._facts)
        if not (complete or self._new_ports or self._new_links or state != self._told):
            return
        ports = self._ports.values() if complete else self._new_ports.values()
        links = self._links if complete else {name: self._links[name] for name in self._new_links}
        reporter.send(
            Report(
                host=self._host,
                generation=generation,
                converged=not failures,
                complete=complete,
                failures=failures,
                ports=tuple(ports),
                vmm_links=tuple(
                    VmmLink(name, present) for name, present in links.items() if present or not complete
                ),
                facts=self._facts,
            )
        )
        self._told = state
        self._new_ports.clear()
        self._new_links.clear()

    def _record_port(self, key: Hashable, desired: Desired, failed: Keys) -> None:
        value = desired.values[Stage.PORTS].get(key)
        port = port_of(value)
        if port is None:
            self._ports.pop(key, None)
            return
        waiting = isinstance(value, TapLink) and not value.ours and not self._links.get(_name(key), False)
        stopped = isinstance(value, VethLink | TapLink) and not value.up
        closed = failed is None or key in failed or key in self._shut
        closed = closed or not self._gates.isdisjoint(self._failures)
        up = not (waiting or stopped or closed)
        if self._ports.get(key) != (status := PortStatus(port, up)):
            self._ports[key] = self._new_ports[port] = status


def port_of(value: object) -> PortId | None:
    """The port that a link is for, from its alias."""
    if isinstance(value, VethLink | TapLink) and value.alias.startswith("netwright:port:"):
        return PortId(value.alias.removeprefix("netwright:port:"))
    return None


def _link_of(name: Hashable) -> Hashable:
    return LinkKey(HOST_NAMESPACE, LinkName(str(name)))


def _name(key: Hashable) -> LinkName:
    return LinkName(key[1]) if isinstance(key, tuple) else LinkName("")
