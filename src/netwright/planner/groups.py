"""Security groups as items."""

from __future__ import annotations

from netwright.model.intent import Rule, SecurityGroup
from netwright.model.plan import GroupItem, RulePlan


def item(group: SecurityGroup) -> GroupItem:
    """The group with each different rule once."""
    rules = dict.fromkeys(rule_plan(rule) for rule in group.rules)
    return GroupItem(id=group.id, stateful=group.stateful, rules=tuple(rules))


def rule_plan(rule: Rule) -> RulePlan:
    """What hosts know of a rule."""
    return RulePlan(rule.direction, rule.ethertype, rule.match, rule.remote)
