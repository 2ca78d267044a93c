"""The firewall engines of this host: what each renders, which stages it fills, who does them.

Every engine's driver stands among the stages, chosen or not: what an engine that is no longer chosen
has left is not desired, and goes once the chosen one has been built. That is how a host changes engines.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final

from netwright.agent.firewall_plugins import PluginDriver, find_plugin, plugin_names
from netwright.agent.reconcile import Row
from netwright.agent.rule_counters import NftRuleCounters, NoCounters, RuleCounters, XtRuleCounters
from netwright.kernel.devices import exists
from netwright.kernel.driver import Driver, wide
from netwright.kernel.iptables import Iptables
from netwright.kernel.nft import NftTables
from netwright.kernel.nwfilter import NwFilters
from netwright.kernel.nwfilter_bindings import NwBindings
from netwright.kernel.nwfilter_libvirt import Libvirt
from netwright.model.errors import InvalidError
from netwright.model.host import NftKey, NftKind, Stage, Traits
from netwright.render.firewalls import ENGINES, Engine


@dataclass(frozen=True, slots=True)
class Firewall:
    """`stages`: those that say whether a port is guarded, while the engine is chosen."""

    engine: Engine
    stages: frozenset[Stage]
    drops_cut: bool = False
    """Whether its rules drop the packets of connections that bear CUT_MARK."""
    counters: Callable[[], RuleCounters] = NoCounters
    """Makes what reads the rules' counters, bound to the namespace of the thread that calls it."""

    @property
    def gates(self) -> frozenset[Stage]:
        """No port goes up before they hold.

        The others need not be: nftables keeps a port shut until libvirt's filter on it is in force.
        """
        return self.stages - {Stage.NWFILTER, Stage.NWFILTER_BINDINGS}


FIREWALLS: Final[Mapping[str, Firewall]] = {
    "nftables": Firewall(
        ENGINES["nftables"], frozenset({Stage.FIREWALL}), drops_cut=True, counters=NftRuleCounters
    ),
    "iptables": Firewall(
        ENGINES["iptables"], frozenset({Stage.IPTABLES}), drops_cut=True, counters=XtRuleCounters
    ),
    "nwfilter": Firewall(
        ENGINES["nwfilter"],
        frozenset({Stage.FIREWALL, Stage.NWFILTER, Stage.NWFILTER_BINDINGS}),
        drops_cut=True,
        counters=NftRuleCounters,
    ),
    "none": Firewall(ENGINES["none"], frozenset({Stage.FIREWALL}), drops_cut=True),
}

_DRIVERS: Final[Mapping[Stage, Callable[[Libvirt], Driver[Hashable, object]]]] = {
    Stage.FIREWALL: lambda _: wide(NftTables()),
    Stage.IPTABLES: lambda _: wide(Iptables()),
    Stage.NWFILTER: lambda libvirt: wide(NwFilters(libvirt)),
    Stage.FIREWALL_PLUGIN: lambda _: wide(PluginDriver()),
}


def firewall_names() -> tuple[str, ...]:
    """What `--firewall` takes on this host."""
    return (*FIREWALLS, *(name for name in plugin_names() if name not in FIREWALLS))


def find_firewall(name: str) -> Firewall:
    """One of our own, or a package's under the entry point `netwright.firewall`.

    Raises InvalidError for a name that nobody has, or a package that does not load.
    """
    if name in FIREWALLS:
        return FIREWALLS[name]
    plugin = find_plugin(name)
    if plugin is None:
        raise InvalidError(
            f"no firewall is called '{name}'; there are {', '.join(firewall_names())}", "firewall"
        )
    return Firewall(plugin, frozenset({Stage.FIREWALL, Stage.FIREWALL_PLUGIN}))


def firewall_rows(chosen: Firewall, traits: Traits) -> tuple[tuple[Row, ...], Row]:
    """All engines', and libvirt's bindings, which come behind the ports.

    libvirt binds a filter to a link that is there; the link is shut until then. Drivers are bound to the
    namespace of the thread that calls this.
    """
    libvirt = Libvirt(traits.libvirt)
    rows = tuple(
        Row(stage, make(libvirt), gate=stage in chosen.gates, holds_others=is_table)
        for stage, make in _DRIVERS.items()
    )
    bindings = wide(NwBindings(libvirt))
    return rows, Row(Stage.NWFILTER_BINDINGS, bindings, may_wait=lambda key, _: not exists(str(key)))


def is_table(key: Hashable) -> bool:
    """A table takes what is in it along."""
    return isinstance(key, NftKey) and key.kind is NftKind.TABLE
