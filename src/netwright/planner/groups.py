"""Security groups as items."""

from __future__ import annotations

from netwright.model.intent import SecurityGroup
from netwright.model.plan import GroupItem, RulePlan


def item(group: SecurityGroup) -> GroupItem:
    """The group with each different rule once."""
    rules = (RulePlan(rule.direction, rule.ethertype, rule.match, rule.remote) for rule in group.rules)
    return GroupItem(id=group.id, stateful=group.stateful, rules=tuple(dict.fromkeys(rules)))
