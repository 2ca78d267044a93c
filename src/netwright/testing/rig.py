"""A host in a namespace that takes plans from a test instead of a server: real drivers, real kernel."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from netwright.agent import firewall_left
from netwright.agent.callers import Callers
from netwright.agent.desired import Desired
from netwright.agent.firewalls import find_firewall
from netwright.agent.flows import Flows
from netwright.agent.members import Members
from netwright.agent.metadata import MetadataService
from netwright.agent.packet_lines import Around
from netwright.agent.reconcile import Keys, Outcome, Row, reconcile
from netwright.agent.revocation import all_ports
from netwright.agent.stages import stages
from netwright.kernel import netns
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.traits import probe
from netwright.model.host import DEFAULT_LOG_LIMIT, SYSTEM_LIBVIRT, LogLimit, Stage
from netwright.model.ids import GroupId, HostName, NamespaceName
from netwright.model.plan import GroupItem, HostItem, Item, ItemKey, Noun, PortItem, ServedItem
from netwright.testing.libvirt_host import LibvirtHost
from netwright.testing.namespaces import namespace

T = TypeVar("T")
State = Mapping[Stage, Mapping[Hashable, object]]


class Rig:
    """Everything happens in one thread that lives in the host's namespace."""

    def __init__(
        self,
        host: NamespaceName,
        directory: Path,
        firewall: str = "nftables",
        log_limit: LogLimit = DEFAULT_LOG_LIMIT,
    ) -> None:
        self.host = host
        self._log_limit = log_limit
        self._directory = directory
        self._firewall = firewall
        self.libvirt: LibvirtHost | None = None
        self._start()

    def _start(self) -> None:
        self._thread = ThreadPoolExecutor(1, initializer=netns.enter, initargs=(self.host,))
        self._items: dict[ItemKey, Item] = {}
        self._members = Members()
        self._callers = Callers()
        self.rows: tuple[Row, ...] = ()
        self._desired, self._flows = self.do(self._make)

    @property
    def items(self) -> tuple[Item, ...]:
        """The plan that it has, its own item apart."""
        return tuple(item for item in self._items.values() if not isinstance(item, HostItem))

    def restart(self) -> None:
        """As when an agent is killed and the next one starts: it knows nothing."""
        self.leave()
        self._start()

    def switch(self, firewall: str) -> Outcome:
        """As when an agent is killed and the next one, with another firewall, gets the same plan."""
        items = self.items
        self._firewall = firewall
        self.restart()
        self.plan(*items)
        return self.look()

    def do(self, act: Callable[[], T]) -> T:
        """Runs it in the host's namespace."""
        return self._thread.submit(self._checked, act).result()

    def _checked(self, act: Callable[[], T]) -> T:
        """A test must never write into the namespace of the machine that it runs on."""
        here, there = Path("/proc/thread-self/ns/net").stat(), netns.path_of(self.host).stat()
        assert here.st_ino == there.st_ino, f"not in {self.host}"
        return act()

    def plan(self, *items: Item) -> Outcome:
        """The whole plan, beside the host's own item; only what changed is looked at."""
        listed = {item.key: item for item in (HostItem(HostName("rig")), *items)}
        old, self._items = self._items, listed
        for gone in old.values():
            self._members.remove(gone)
        for item in listed.values():
            self._members.put(item)
            if isinstance(item, PortItem):
                self._callers.put(item)
            elif isinstance(item, ServedItem):
                self._callers.put(item.port)
        return self.do(lambda: self._apply(old))

    def look(self, stages_: dict[Stage, Keys] | None = None) -> Outcome:
        """Compares everything (or some stages) with the kernel and mends it."""
        every: dict[Stage, Keys] = dict.fromkeys((row.stage for row in self.rows), None)
        return self.do(lambda: reconcile(self.rows, self._desired, stages_ or every))

    def wanted(self) -> State:
        """What the plan asks for."""
        return {row.stage: dict(self._desired.values[row.stage]) for row in self.rows}

    def there(self) -> State:
        """What the kernel and the helpers have of ours."""
        wanted = self.wanted()
        return self.do(
            lambda: {
                row.stage: dict(row.driver.observe(None if row.swept else wanted[row.stage].keys()))
                for row in self.rows
            }
        )

    def revisit(self) -> int:
        """As a fresh agent holds every connection against the rules; how many it ended."""
        return self.do(lambda: self._flows.settle(all_ports(self._items), self._items, self._members))

    def around(self) -> Around:
        """What a packet log asks of the host."""
        return Around(HostName("rig"), self._callers.on_link, self._group, self._members)

    def _group(self, group: GroupId) -> GroupItem | None:
        found = self._items.get(ItemKey(Noun.GROUP, group))
        return found if isinstance(found, GroupItem) else None

    def leave(self) -> None:
        """Ends as a killed agent does: what it made stays, daemons run on."""
        self.do(self._close_drivers)
        self._thread.shutdown()

    def close(self) -> None:
        """Sweeps everything away and ends the thread."""
        self._items = {}
        self.do(
            lambda: reconcile(self.rows, self._empty(), dict.fromkeys((row.stage for row in self.rows), None))
        )
        self.leave()
        if self.libvirt:
            self.libvirt.stop()
            self._libvirt_files.cleanup()

    def _close_drivers(self) -> None:
        self._flows.close()
        for row in self.rows:
            if close := getattr(row.driver, "close", None):
                close()

    def _make(self) -> tuple[Desired, Flows]:
        name, _, xtables = self._firewall.partition("/")
        firewall = find_firewall(name)
        found = probe(str(self._directory), name, xtables or "auto")
        traits = replace(found, log_limit=self._log_limit, libvirt=self._libvirt_uri())
        firewall_left.leave(traits)
        dnsmasq = DnsmasqDaemons(self._directory, systemd=False)
        metadata = MetadataService(self._callers.find)
        self.rows = stages(traits, firewall, dnsmasq, metadata)
        return Desired(traits, firewall.engine), Flows(marks=traits.flow_marks and firewall.drops_cut)

    def _libvirt_uri(self) -> str:
        """The rig's own daemon, which runs from the first time that the engine needs it."""
        if self._firewall == "nwfilter" and self.libvirt is None:
            # A socket's path has at most 107 characters, and tests' directories are deep.
            self._libvirt_files = TemporaryDirectory(prefix="nwt-libvirt-")
            self.libvirt = LibvirtHost(self.host, Path(self._libvirt_files.name))
            self.libvirt.start()
        return self.libvirt.uri() if self.libvirt else SYSTEM_LIBVIRT

    def _apply(self, old: dict[ItemKey, Item]) -> Outcome:
        touched = self._desired.replace(self._items.values())
        outcome = reconcile(self.rows, self._desired, dict(touched))
        changes = [(old.get(key), self._items.get(key)) for key in old.keys() | self._items.keys()]
        self._flows.settle([pair for pair in changes if pair[0] != pair[1]], self._items, self._members)
        return outcome

    def _empty(self) -> Desired:
        return Desired(self._desired.traits, self._desired.engine)


@contextmanager
def rig(
    directory: Path, firewall: str = "nftables", log_limit: LogLimit = DEFAULT_LOG_LIMIT
) -> Iterator[Rig]:
    """A rig in a fresh namespace, swept and removed afterwards.

    `firewall`: an engine's name; of iptables also with its back end, `iptables/legacy`.
    """
    with namespace("host") as host:
        made = Rig(host, directory, firewall, log_limit)
        try:
            yield made
        finally:
            made.close()
