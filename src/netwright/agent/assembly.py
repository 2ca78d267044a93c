"""An agent put together: its drivers, its watchers, its doors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from netwright.agent import firewall_left
from netwright.agent.agent import Agent, Parts
from netwright.agent.cache import PlanCache
from netwright.agent.callers import Callers
from netwright.agent.firewalls import find_firewall
from netwright.agent.flows import Flows
from netwright.agent.inbox import Inbox
from netwright.agent.lease_events import LeaseEvents
from netwright.agent.ledger import Ledger
from netwright.agent.metadata import MetadataService
from netwright.agent.metrics import AgentMetrics
from netwright.agent.packet_lines import Around
from netwright.agent.packet_log import PacketLog
from netwright.agent.reporter import EVERY, Reporter
from netwright.agent.sampler import Sampler
from netwright.agent.server import Server
from netwright.agent.stages import stages
from netwright.agent.watch import Watch
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.events import Monitor
from netwright.kernel.inotify import DirectoryWatch
from netwright.kernel.lease_spool import LEASES, LeaseSpool
from netwright.kernel.traits import probe
from netwright.kernel.xtables_watch import XtablesWatch
from netwright.model.host import DEFAULT_LOG_LIMIT, SYSTEM_LIBVIRT, LogLimit, Stage
from netwright.model.ids import HostName
from netwright.model.leases import LeaseReport


@dataclass(frozen=True, slots=True)
class Settings:
    """`server`: `unix:/path` or `http://host:port`. `run_directory` outlives the agent, not the host.

    `firewall`: an engine's name (agent/firewalls.py). `xtables`: iptables' back end (kernel/traits.py).
    `libvirt`: a URI, for the engine nwfilter.
    """

    host: HostName
    server: str
    run_directory: Path
    state_directory: Path
    firewall: str = "nftables"
    libvirt: str = SYSTEM_LIBVIRT
    xtables: str = "auto"
    log_limit: LogLimit = DEFAULT_LOG_LIMIT
    log_to_stdout: bool = False
    sweep_all: bool = False
    report_every: float = EVERY
    """Seconds after which the server hears that this host lives, if nothing else."""
    token: str = field(default="", repr=False)
    """An admin's, for a server on the network that asks who comes."""


class Running:
    """An assembled agent. Make it, run it and end it in one thread: the host's namespace is that thread's."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        firewall = find_firewall(settings.firewall)
        found = probe(str(settings.run_directory), settings.firewall, settings.xtables)
        traits = replace(found, log_limit=settings.log_limit, libvirt=settings.libvirt)
        firewall_left.leave(traits)
        server = Server(settings.server, settings.token)
        callers = Callers()
        self.inbox = Inbox()
        self._dnsmasq = DnsmasqDaemons(settings.run_directory)
        self._metadata = MetadataService(callers.find)
        rows = stages(traits, firewall, self._dnsmasq, self._metadata)
        self._reporter = Reporter(server, self.inbox.server_met, settings.report_every)
        self._xtables = (
            XtablesWatch(lambda: self.inbox.suspect(Stage.IPTABLES))
            if Stage.IPTABLES in firewall.stages
            else None
        )
        self._monitor = Monitor(
            self.inbox,
            self._xtables.tell if self._xtables else None,
            filters=Stage.NWFILTER_BINDINGS in firewall.stages,
        )
        self.agent = Agent(
            Parts(
                host=settings.host,
                traits=traits,
                engine=firewall.engine,
                rows=rows,
                inbox=self.inbox,
                callers=callers,
                flows=Flows(marks=traits.flow_marks and firewall.drops_cut),
                reporter=self._reporter,
                cache=PlanCache(settings.state_directory),
                ledger=Ledger(settings.host, settings.firewall, firewall.gates),
                metrics=AgentMetrics(registry),
                sweep_all=settings.sweep_all,
            )
        )
        self._sampler = Sampler(
            settings.host, server, firewall.counters(), self.agent.groups, self.agent.ready
        )
        around = Around(settings.host, callers.on_link, self.agent.group, self.agent.is_member)
        self._packet_log = PacketLog(
            settings.state_directory, around, possible=traits.packet_logs, to_stdout=settings.log_to_stdout
        )
        self._leases = _lease_events(settings, server)
        self._watch = Watch(
            server, settings.host, self.inbox, lambda: self.agent.generation, self._sampler.ask
        )

    def run(self) -> None:
        """Until `stop`. What the kernel has, and the daemons, stay as they are."""
        self._dnsmasq.watch(lambda network: self.inbox.suspect(Stage.DNSMASQ, [network]))
        self._monitor.start()
        if self._xtables:
            self._xtables.start()
        self._reporter.start()
        self._sampler.start()
        self._packet_log.start()
        self._leases.start()
        self._watch.start()
        try:
            self.agent.run()
        finally:
            self._watch.stop()
            self._sampler.stop()
            self._packet_log.stop()
            self._leases.stop()
            self._monitor.stop()
            if self._xtables:
                self._xtables.stop()
            self._reporter.stop()
            self._dnsmasq.close()
            self._metadata.close()

    def stop(self) -> None:
        """From any thread, or a signal's."""
        self.inbox.stop()


def _lease_events(settings: Settings, server: Server) -> LeaseEvents:
    directory = settings.run_directory / LEASES
    spool = LeaseSpool(directory)
    return LeaseEvents(
        spool,
        DirectoryWatch(directory),
        lambda events: server.leases(LeaseReport(settings.host, tuple(events))),
    )
