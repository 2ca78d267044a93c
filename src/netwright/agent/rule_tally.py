"""What the kernel's counters say, look by look, as totals that never go back and moments of change."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.agent.rule_counters import Counts
from netwright.kernel.rule_counters import Met
from netwright.model.counters import RuleCount
from netwright.model.ids import GroupId
from netwright.model.plan import RulePlan


@dataclass(slots=True)
class _Total:
    """`seen` is the kernel's own count at the last look: it begins anew when a rule is made anew."""

    seen: Met
    packets: int
    bytes: int
    first_hit: float | None = None
    last_hit: float | None = None


class RuleTally:
    """One host's totals, for as long as the agent lives."""

    def __init__(self) -> None:
        self._totals: dict[tuple[GroupId, RulePlan], _Total] = {}
        self._begun = False

    def take(self, counts: Counts, now: float) -> tuple[RuleCount, ...] | None:
        """The counts that changed since the last look; None where rules went, so that all are to be told."""
        listed = {(group, rule): met for group, rules in counts.items() for rule, met in rules.items()}
        gone = self._totals.keys() - listed.keys()
        for key in gone:
            del self._totals[key]
        changed = [key for key, met in listed.items() if self._count(key, met, now)]
        self._begun = True
        return None if gone else tuple(self._told(key) for key in changed)

    def everything(self) -> tuple[RuleCount, ...]:
        return tuple(self._told(key) for key in self._totals)

    def _count(self, key: tuple[GroupId, RulePlan], met: Met, now: float) -> bool:
        total = self._totals.get(key)
        if total is None:
            # At the first look nobody knows when what was counted came.
            when = now if self._begun and met.packets else None
            self._totals[key] = _Total(met, met.packets, met.bytes, when, when)
            return True
        if met == total.seen:
            return False
        anew = met.packets < total.seen.packets
        total.packets += met.packets - (0 if anew else total.seen.packets)
        total.bytes += met.bytes - (0 if anew else total.seen.bytes)
        total.seen = met
        if met.packets:
            total.first_hit = total.first_hit or now
            total.last_hit = now
        return True

    def _told(self, key: tuple[GroupId, RulePlan]) -> RuleCount:
        total = self._totals[key]
        return RuleCount(*key, total.packets, total.bytes, total.first_hit, total.last_hit)
