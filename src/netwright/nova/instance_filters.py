"""The filters of this host's instances: a plan on disk, brought about by the agent's own loop and drivers.

Nothing is kept only in memory. The plan is beside a lock in a run directory, which like the kernel's rules
does not outlive the machine's boot, so that several processes, one after another or at once, see the same.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from netwright.agent.desired import Desired, Touched
from netwright.agent.firewalls import find_firewall, firewall_rows
from netwright.agent.flows import Flows
from netwright.agent.members import Members
from netwright.agent.reconcile import Keys, Outcome, Sweep, reconcile
from netwright.agent.revocation import Change, all_ports
from netwright.agent.tenure import novas_tenure
from netwright.kernel import rtnetlink
from netwright.kernel.traits import probe
from netwright.model.errors import KernelRefusedError
from netwright.model.host import SYSTEM_LIBVIRT, Stage
from netwright.model.ids import LinkName
from netwright.model.plan import HostItem, Item, ItemKey, Items, NetworkItem, Noun, PortItem
from netwright.nova.filters import HOST, Decide
from netwright.nova.item_files import ItemFiles
from netwright.render.firewalls import bridges_call_netfilter


class InstanceFilters:
    """Bound to the network namespace of the thread that makes it.

    Raises KernelRefusedError where the host cannot carry the engine, InvalidError for an unknown one, and
    ConflictError, as all that it does, where an agent has the host.
    """

    def __init__(
        self, engine: str, directory: Path, xtables: str = "auto", libvirt: str = SYSTEM_LIBVIRT
    ) -> None:
        firewall = find_firewall(engine)
        directory.mkdir(parents=True, exist_ok=True)
        with _alone(directory):
            pass  # an agent's host is refused at once
        self.deferred = False
        self._directory = directory
        self._files = ItemFiles(directory, HOST)
        self._traits = replace(probe(str(directory), engine, xtables), libvirt=libvirt)
        engines, bindings = firewall_rows(firewall, self._traits)
        self._rows = (*engines, bindings)
        self._stages = {row.stage for row in self._rows}
        self._engine = firewall.engine
        self._desired = Desired(self._traits, firewall.engine)
        self._members = Members()
        self._flows = Flows(marks=self._traits.flow_marks and firewall.drops_cut)
        self._items: Items = {}
        self._past: Items = {}
        """What the last life left: connections that only its rules allowed are to end."""
        self._read: tuple[int, ...] = ()
        self._found = bool(self._files.stamp())
        self._looked = False
        """Whether everything has been looked at since this object was made, or last failed."""
        self._todo: Touched = {}
        self._changes: list[Change] = []

    def items(self) -> Items:
        """What there is to be, as any process left it."""
        with self._locked():
            return self._items

    def change(self, decide: Decide, heal: Collection[ItemKey] = ()) -> None:
        """Makes the plan what is decided, and the kernel likewise; looks at what `heal` brings in any case.

        Raises KernelRefusedError; the plan is then kept, and the next change tries again.
        """
        with self._locked():
            try:
                self._change(decide, heal)
            except Exception:
                # Memory is ahead of the disk now, and of the kernel: neither is relied upon.
                self._read, self._looked = (), False
                raise

    def _change(self, decide: Decide, heal: Collection[ItemKey]) -> None:
        before = self._items
        if not self._looked and not self._changes:
            self._past = before
        after = {HostItem(HOST).key: HostItem(HOST), **decide(before)}
        self._guard_bridges(after.values(), {*heal, *(after.keys() - before.keys())})
        if after != before:
            # What comes is on disk before the kernel has it; what goes is so until the kernel has not.
            self._save(before, {**before, **after})
        self._take(after)
        self._look_at(heal)
        pairs = ((before.get(key), after.get(key)) for key in before.keys() | after.keys())
        self._changes += [(old, new) for old, new in pairs if old != new]
        if not self.deferred:
            self._bring()
        if before.keys() - after.keys():
            self._save({**before, **after}, after)

    def settle(self) -> None:
        """Does what was put off while `deferred`."""
        self.deferred = False
        self.change(lambda items: items)

    def has(self, items: Collection[Item]) -> bool:
        """Whether the kernel, now, has all that the engine makes of these items."""
        wanted: dict[Stage, dict[Hashable, object]] = {}
        for item in items:
            for stage, part in self._engine(item, self._traits).items():
                wanted.setdefault(stage, {}).update(part)
        drivers = {row.stage: row.driver for row in self._rows}
        return all(drivers[stage].observe(part.keys()) == part for stage, part in wanted.items() if part)

    def close(self) -> None:
        """Frees sockets; what the kernel has stays."""
        self._flows.close()
        for row in self._rows:
            if close := getattr(row.driver, "close", None):
                close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone, and with the plan as the last one left it."""
        with _alone(self._directory):
            self._refresh()
            yield

    def _refresh(self) -> None:
        stamp = self._files.stamp()
        if stamp != self._read or not stamp:
            self._take(self._files.load())
            self._read = stamp

    def _save(self, before: Items, after: Items) -> None:
        self._files.save(before, after)
        self._read = self._files.stamp()

    def _take(self, items: Items) -> None:
        for item in self._items.values():
            if items.get(item.key) != item:
                self._members.remove(item)
        for item in items.values():
            if self._items.get(item.key) != item:
                self._members.put(item)
        changed = [item for key, item in items.items() if self._items.get(key) != item]
        touched = self._desired.update(changed, self._items.keys() - items.keys())
        self._items = items
        self._add(touched)

    def _add(self, touched: Mapping[Stage, Collection[Hashable]]) -> None:
        for stage, keys in touched.items():
            if stage in self._stages:
                self._todo.setdefault(stage, set()).update(keys)

    def _look_at(self, keys: Collection[ItemKey]) -> None:
        """With the groups of the ports among them."""
        ports = (item for key in keys if isinstance(item := self._items.get(key), PortItem))
        groups = {ItemKey(Noun.GROUP, group) for port in ports for group in port.groups}
        for key in {*keys, *groups}:
            if (item := self._items.get(key)) is not None:
                self._add({stage: part.keys() for stage, part in self._engine(item, self._traits).items()})

    def _bring(self) -> None:
        first = not self._looked
        if first:
            self._reconcile(dict.fromkeys(self._stages))
        outcome = self._reconcile(dict(self._todo))
        if outcome.failures and not first:
            # Something that it builds on is gone, as after `nft flush ruleset`: everything is looked at.
            self._reconcile(dict.fromkeys(self._stages))
            outcome = self._reconcile(dict(self._todo))
        if outcome.failures:
            stage, failure = next(iter(outcome.failures.items()))
            raise KernelRefusedError(stage.value, failure.said)
        self._looked = True
        changes, self._todo, self._changes = self._changes, {}, []
        asked = [*(all_ports(self._items) if first else ()), *changes]
        self._flows.settle(asked, self._items, self._members, (lambda: self._past) if first else None)

    def _reconcile(self, look: Mapping[Stage, Keys]) -> Outcome:
        # Without a plan on disk nobody knows what is to be there beside what was said in this life.
        allowed = self._found or None not in look.values()
        return reconcile(self._rows, self._desired, look, Sweep(allowed))

    def _guard_bridges(self, items: Iterable[Item], asked: Collection[ItemKey]) -> None:
        """Engines on the inet hooks see only what bridges hand over: else all would pass unseen."""
        if bridges_call_netfilter(self._traits):
            for item in items:
                if isinstance(item, NetworkItem) and item.key in asked:
                    _hand_over(item.bridge)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Among all processes with this directory, and without an agent. Raises ConflictError."""
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with novas_tenure(directory):
            yield


def _hand_over(bridge: LinkName) -> None:
    reader = rtnetlink.open_reader()
    try:
        state = rtnetlink.link(reader, name=bridge)
    finally:
        reader.close()
    if state is None or state.kind != "bridge":
        raise KernelRefusedError("bridges", f"there is no bridge {bridge}: plug the interface first")
    with rtnetlink.writer() as route:
        route.link("set", index=state.index, kind="bridge", br_nf_call_iptables=1, br_nf_call_ip6tables=1)
