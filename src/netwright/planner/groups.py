"""Security groups as items."""

from __future__ import annotations

from netwright.model.intent import Rule, SecurityGroup
from netwright.model.plan import GroupItem, LogPlan, RulePlan


def item(group: SecurityGroup, logs: tuple[LogPlan, ...] = ()) -> GroupItem:
    """The group with each different rule once, and what is logged at it."""
    rules = dict.fromkeys(rule_plan(rule) for rule in group.rules)
    return GroupItem(
        id=group.id,
        stateful=group.stateful,
        rules=tuple(rules),
        revocation=group.revocation,
        logs=logs,
    )


def rule_plan(rule: Rule) -> RulePlan:
    """What hosts know of a rule."""
    return RulePlan(rule.direction, rule.ethertype, rule.match, rule.remote)
