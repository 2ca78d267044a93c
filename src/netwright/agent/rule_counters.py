"""How often each rule of each group was met: an engine's counters, as the plan's rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from netwright.kernel.rule_counters import Met, NftCounterReader
from netwright.model.ids import GroupId
from netwright.model.plan import GroupItem, RulePlan
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


class NftRuleCounters:
    """The counters of the groups' chains in `bridge netwright`."""

    def __init__(self) -> None:
        self._reader = NftCounterReader()

    def read(self, groups: Collection[GroupItem]) -> Counts:
        met = self._reader.read()
        return {
            group.id: {rule: met[place] for rule, place in rule_tags(group).items() if place in met}
            for group in groups
        }

    def close(self) -> None:
        self._reader.close()
