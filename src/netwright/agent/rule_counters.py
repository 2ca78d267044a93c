"""How often each rule of each group was met: an engine's counters, as the plan's rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from netwright.kernel.rule_counters import Met, NftCounterReader
from netwright.kernel.xt_counters import read_rule_counters
from netwright.model.ids import GroupId
from netwright.model.plan import GroupItem, RulePlan
from netwright.render import firewall_iptables_groups
from netwright.render.firewall_groups import rule_tags

Counts = Mapping[GroupId, Mapping[RulePlan, Met]]


class RuleCounters(Protocol):
    """What an engine offers whose rules count: its own thread's, in the host's namespace."""

    def read(self, groups: Collection[GroupItem]) -> Counts:
        """What the kernel has counted for these groups' rules; those it does not have are left out.

        One look at the kernel, whatever the number of ports. Raises KernelRefusedError.
        """

    def close(self) -> None:
        """Frees what it holds open."""


class NoCounters:
    """An engine that does not count."""

    def read(self, groups: Collection[GroupItem]) -> Counts:
        del groups
        return {}

    def close(self) -> None:
        return


class XtRuleCounters:
    """The counters of the groups' chains in iptables and ip6tables."""

    def read(self, groups: Collection[GroupItem]) -> Counts:
        met = read_rule_counters()
        places = {group.id: firewall_iptables_groups.rule_tags(group) for group in groups}
        return {
            group: {rule: met[place] for rule, place in some.items() if place in met}
            for group, some in places.items()
        }

    def close(self) -> None:
        return


class NftRuleCounters:
    """The counters of the groups' chains in `bridge netwright`."""

    def __init__(self) -> None:
        self._reader = NftCounterReader()
        self._places: dict[GroupId, tuple[GroupItem, Mapping[RulePlan, tuple[str, str]]]] = {}

    def read(self, groups: Collection[GroupItem]) -> Counts:
        met = self._reader.read()
        self._places = {group.id: self._placed(group) for group in groups}
        return {
            group: {rule: met[place] for rule, place in places.items() if place in met}
            for group, (_, places) in self._places.items()
        }

    def _placed(self, group: GroupItem) -> tuple[GroupItem, Mapping[RulePlan, tuple[str, str]]]:
        """Where the group's counters are; told anew only where the group is another than last time."""
        known = self._places.get(group.id)
        return known if known is not None and known[0] is group else (group, rule_tags(group))

    def close(self) -> None:
        self._reader.close()
