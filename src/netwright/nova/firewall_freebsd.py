"""The classic firewall driver over FreeBSD's pf: an anchor for each interface of an instance.

Untested on a real FreeBSD so far: what it writes is held to recorded text and to pf.conf(5)'s grammar, what
it runs to a stand-in for pfctl(8). Once, by hand: MAIN_RULES (render/nat_pf.py) in /etc/pf.conf, SYSCTLS in
/etc/sysctl.conf. What pf cannot say is in docs/nova/netdev.md: it sees neither MACs nor ARP on a bridge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from netwright.kernel.pf import Pf
from netwright.kernel.programs import Run, run_program
from netwright.model.errors import KernelRefusedError
from netwright.model.pf import PREFIX, PfKey, PfKind, PfValue
from netwright.model.plan import GroupItem, HostItem, Item, ItemKey, Items, NetworkItem, Noun, PortItem
from netwright.nova.filters import HOST, Decide, Filters
from netwright.nova.firewall import EngineFirewallDriver, FirewallOptions
from netwright.nova.group_source import GroupSource
from netwright.nova.host_files import alone
from netwright.nova.item_files import ItemFiles
from netwright.render.firewall_pf import firewall_pf
from netwright.render.nat_pf import MAIN_RULES, host_pf, network_pf
from netwright.render.pf import port_anchor

SYSCTLS: Final[Mapping[str, str]] = {
    "net.link.bridge.pfil_onlyip": "1",
    "net.link.bridge.pfil_member": "1",
    "net.link.bridge.pfil_bridge": "1",
    "net.link.bridge.pfil_local_phys": "1",
}
"""Without all of them there are ways past the rules (if_bridge(4))."""


@dataclass(slots=True)
class PfFilters:
    """The filters of this host's instances; their plan is on disk, as on Linux (instance_filters.py).

    Raises KernelRefusedError, in all that it does, where the host is not set up for it.
    """

    directory: Path
    run: Run
    deferred: bool = False
    _looked: bool = False
    """Whether pf has been read since this object was made, or last failed."""
    _pf: Pf = field(init=False)
    _files: ItemFiles = field(init=False)

    def __post_init__(self) -> None:
        self._pf, self._files = Pf(self.run), ItemFiles(self.directory, HOST)
        for name, value in SYSCTLS.items():
            found = self.run(["sysctl", "-n", name], "").strip()
            if found != value:
                raise KernelRefusedError(
                    "sysctl", f"{name} is {found}; guests are filtered only with {value}"
                )
        self._pf.check(MAIN_RULES)

    def items(self) -> Items:
        with alone(self.directory):
            return self._files.load()

    def change(self, decide: Decide, heal: Collection[ItemKey] = ()) -> None:
        """Raises KernelRefusedError; the plan is then kept, and the next change tries again."""
        with alone(self.directory):
            before = self._files.load()
            after = {HostItem(HOST).key: HostItem(HOST), **decide(before)}
            if after != before:
                # What comes is on disk before pf has it; what goes is so until pf has not.
                self._files.save(before, {**before, **after})
            if not self.deferred:
                self._bring(before, after, heal)
            if before.keys() - after.keys():
                self._files.save({**before, **after}, after)

    def settle(self) -> None:
        self.deferred, self._looked = False, False
        self.change(lambda items: items)

    def has(self, items: Collection[Item]) -> bool:
        """Of ports their anchors with all that their groups say, and the tables of groups."""
        with alone(self.directory):
            wanted = desired({**self._files.load(), **{item.key: item for item in items}})
        ports = {port_anchor(item.id) for item in items if isinstance(item, PortItem)}
        asked = [key for key in wanted if key in ports or key.kind is PfKind.TABLE]
        return self._pf.observe(asked) == {key: wanted[key] for key in asked}

    def close(self) -> None:
        """It holds nothing."""

    def _bring(self, before: Items, after: Items, heal: Collection[ItemKey]) -> None:
        wanted = desired(after)
        looked, self._looked = self._looked, False
        there = self._observed(wanted, None if not looked else _touched(before, after, wanted, heal))
        self._pf.put({key: value for key, value in wanted.items() if key in there and there[key] != value})
        self._pf.remove([key for key, value in there.items() if value is not None and key not in wanted])
        self._looked = True

    def _observed(
        self, wanted: Mapping[PfKey, PfValue], keys: Collection[PfKey] | None
    ) -> dict[PfKey, PfValue | None]:
        """What there is under those keys, or under all of ours, None where there is nothing."""
        found = self._pf.observe(keys)
        asked = {*wanted, *found} if keys is None else {*keys}
        return {key: found.get(key) for key in asked if key in wanted or _is_swept(key)}


def desired(items: Items) -> dict[PfKey, PfValue]:
    """All that pf is to hold for these items."""
    parts = host_pf()
    for item in items.values():
        if isinstance(item, NetworkItem):
            parts |= network_pf(item)
    return parts | firewall_pf(items.values())


def _touched(
    before: Items, after: Items, wanted: Mapping[PfKey, PfValue], heal: Collection[ItemKey]
) -> set[PfKey]:
    """The keys whose values change, and those of the ports and groups to be looked at in any case."""
    past = desired(before)
    changed = {key for key in past.keys() | wanted.keys() if past.get(key) != wanted.get(key)}
    healed = [item for key in heal if (item := after.get(key)) is not None]
    ports = {port_anchor(item.id) for item in healed if isinstance(item, PortItem)}
    tables = {key for key in wanted if key.kind is PfKind.TABLE}
    named = tables if any(isinstance(item, GroupItem) for item in healed) else set()
    hosts = host_pf().keys() if any(key.noun is Noun.HOST for key in heal) else set()
    return changed | ports | named | set(hosts)


def _is_swept(key: PfKey) -> bool:
    """Translation is not the filters' business."""
    return key.kind is PfKind.TABLE or key.name.startswith((f"{PREFIX}/ports/", f"{PREFIX}/networks/"))


class PfFirewallDriver(EngineFirewallDriver):
    """nova's calls over pf; `run` runs pfctl and sysctl. Untested on a real FreeBSD so far."""

    engine: ClassVar[str] = "pf"

    def __init__(
        self, groups: GroupSource, options: FirewallOptions | None = None, run: Run = run_program
    ) -> None:
        self._run = run
        super().__init__(groups, options)

    def _made_filters(self) -> Filters:
        return PfFilters(self.options.directory, self._run)
