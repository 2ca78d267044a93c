"""How often rules were met, as agents tell it."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.model.ids import GroupId, HostName
from netwright.model.plan import RulePlan


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one host counted for one rule. Moments in seconds since 1970; None: not known to the agent.

    A moment is that of the look at the kernel that showed the change, some seconds late at most.
    """

    group: GroupId
    rule: RulePlan
    packets: int
    bytes: int
    first_hit: float | None = None
    last_hit: float | None = None


@dataclass(frozen=True, slots=True)
class CounterReport:
    """`complete`: all rules of the host; else those whose counts changed since the last report."""

    host: HostName
    complete: bool
    counts: tuple[RuleCount, ...] = ()
